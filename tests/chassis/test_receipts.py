"""Receipts prove by themselves who was given what and when."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import receipts

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
TUESDAY_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HASH = "ab" * 32


@given(client=st.text(min_size=1, max_size=64), sha256=st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_what_was_signed_is_read_back(client: str, sha256: str) -> None:
    receipt = receipts.read(KEY, receipts.sign(KEY, client, sha256, TUESDAY_NOON))

    assert (sha256, TUESDAY_NOON, True, False) == (
        receipt.sha256,
        receipt.at,
        receipt.is_held_by(client),
        receipt.is_held_by(client + "x"),
    )


@given(place=st.integers(0, receipts.LENGTH - 1))
def test_no_character_can_be_changed(place: int) -> None:
    signed = receipts.sign(KEY, "app", HASH, TUESDAY_NOON)
    changed = signed[:place] + ("A" if signed[place] != "A" else "B") + signed[place + 1 :]

    with pytest.raises(receipts.Forged):
        receipts.read(KEY, changed)


@pytest.mark.parametrize(
    "text", ["", "A", "A" * 80, "A" * 81, "../../etc/passwd", "迎" * 80, "=" * 80, "A" * 79 + "\n"]
)
def test_what_is_no_receipt_is_forged(text: str) -> None:
    with pytest.raises(receipts.Forged):
        receipts.read(KEY, text)


def test_a_receipt_of_another_key_is_forged() -> None:
    with pytest.raises(receipts.Forged):
        receipts.read(OTHER_KEY, receipts.sign(KEY, "app", HASH, TUESDAY_NOON))
