"""Receipts prove by themselves who was given what and when."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import receipts

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
TUESDAY_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HASH = "ab" * 32
SQUARE = (112.55261, 37.85531)
POINTS = st.tuples(st.floats(-180, 180), st.floats(-90, 90))
HASHES = st.integers(0, 2**64 - 1)
BYTES = st.binary(min_size=32, max_size=32)
OLD = "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6uhcs7crkdHS2sFfECq_QOR5QoRpJvnC04h2cap"
"""As signed for "app" at that noon by the version that knew no points."""


@given(client=st.text(min_size=1, max_size=64), sha256=st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_what_was_signed_is_read_back(client: str, sha256: str) -> None:
    receipt = receipts.read(KEY, receipts.sign(KEY, client, sha256, TUESDAY_NOON))

    assert (sha256, TUESDAY_NOON, True, False) == (
        receipt.sha256,
        receipt.at,
        receipt.is_held_by(client),
        receipt.is_held_by(client + "x"),
    )


@given(point=POINTS, sha256=BYTES.map(bytes.hex))
def test_a_point_is_read_back_to_the_metre(point: tuple[float, float], sha256: str) -> None:
    signed = receipts.sign(KEY, "app", sha256, TUESDAY_NOON, point)
    receipt = receipts.read(KEY, signed)

    assert pytest.approx(point, abs=0.51e-5) == receipt.point
    assert (receipts.LENGTH_WITH_POINT, sha256, TUESDAY_NOON, True) == (
        len(signed), receipt.sha256, receipt.at, receipt.is_held_by("app"),
    )  # fmt: skip


@given(likeness=HASHES, point=st.none() | POINTS, sha256=BYTES.map(bytes.hex))
def test_a_likeness_is_read_back_with_the_key_and_without(
    likeness: int, point: tuple[float, float] | None, sha256: str
) -> None:
    signed = receipts.sign(KEY, "app", sha256, TUESDAY_NOON, point, likeness)
    receipt = receipts.read(KEY, signed)

    assert (likeness, likeness, 103 if point else 92) == (
        receipt.likeness, *receipts.likenesses_in(signed), len(signed),
    )  # fmt: skip
    assert (None if point is None else pytest.approx(point, abs=0.51e-5)) == receipt.point
    assert (sha256, TUESDAY_NOON, True) == (receipt.sha256, receipt.at, receipt.is_held_by("app"))


@given(likeness=HASHES, inner=HASHES, sha256=BYTES.map(bytes.hex))
def test_the_likeness_of_the_inner_part_stands_in_the_place_of_the_point(
    likeness: int, inner: int, sha256: str
) -> None:
    signed = receipts.sign(KEY, "app", sha256, TUESDAY_NOON, None, likeness, inner)
    receipt = receipts.read(KEY, signed)

    assert (receipts.LENGTH_WITH_BOTH, [likeness, inner]) == (len(signed), receipts.likenesses_in(signed))
    assert (sha256, TUESDAY_NOON, None, likeness, inner) == (
        receipt.sha256, receipt.at, receipt.point, receipt.likeness, receipt.inner,
    )  # fmt: skip


@pytest.mark.parametrize(("point", "likeness"), [(SQUARE, 1), (None, None), (SQUARE, None)])
def test_a_receipt_with_a_likeness_of_the_inner_part_has_no_point_and_one_of_the_whole(
    point: tuple[float, float] | None, likeness: int | None
) -> None:
    with pytest.raises(ValueError, match="inner"):
        receipts.sign(KEY, "app", HASH, TUESDAY_NOON, point, likeness, 1)


@pytest.mark.parametrize("point", [None, SQUARE])
def test_a_receipt_of_before_has_no_likeness(point: tuple[float, float] | None) -> None:
    signed = receipts.sign(KEY, "app", HASH, TUESDAY_NOON, point)

    assert (None, []) == (receipts.read(KEY, signed).likeness, receipts.likenesses_in(signed))


@pytest.mark.parametrize("text", ["", "m1", "迎" * 92, "A" * 92, "=" * 103])
def test_what_is_no_receipt_has_no_likeness(text: str) -> None:
    assert [] == receipts.likenesses_in(text)


def test_a_receipt_without_a_point_is_what_it_always_was() -> None:
    receipt = receipts.read(KEY, OLD)

    assert OLD == receipts.sign(KEY, "app", HASH, TUESDAY_NOON)
    assert (HASH, TUESDAY_NOON, None) == (receipt.sha256, receipt.at, receipt.point)


@pytest.mark.parametrize("point", [None, SQUARE])
def test_a_receipt_begins_with_the_hash(point: tuple[float, float] | None) -> None:
    signed = receipts.sign(KEY, "app", HASH, TUESDAY_NOON, point)

    assert HASH == base64.urlsafe_b64decode(signed[:44])[:32].hex()


@given(sha256=BYTES, other=BYTES)
def test_a_point_cannot_be_read_or_compared_without_the_key(sha256: bytes, other: bytes) -> None:
    veiled, elsewhere = (
        base64.urlsafe_b64decode(receipts.sign(KEY, "app", digest.hex(), TUESDAY_NOON, SQUARE) + "=")[44:52]
        for digest in (sha256, other)
    )
    plain = b"".join(round(degrees * 100_000).to_bytes(4, "big", signed=True) for degrees in SQUARE)

    assert (True, sha256 == other) == (plain != veiled, veiled == elsewhere)
    with pytest.raises(receipts.Forged):
        receipts.read(OTHER_KEY, receipts.sign(KEY, "app", sha256.hex(), TUESDAY_NOON, SQUARE))


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.mark.parametrize("likeness", [None, 0x0123456789ABCDEF])
@pytest.mark.parametrize("point", [None, SQUARE])
@given(data=st.data(), other=st.sampled_from(ALPHABET))
def test_no_character_can_be_changed(
    point: tuple[float, float] | None, likeness: int | None, data: st.DataObject, other: str
) -> None:
    signed = receipts.sign(KEY, "app", HASH, TUESDAY_NOON, point, likeness)
    place = data.draw(st.integers(0, len(signed) - 1))
    changed = signed[:place] + (other if signed[place] != other else "+") + signed[place + 1 :]

    with pytest.raises(receipts.Forged):
        receipts.read(KEY, changed)


def test_the_last_character_of_a_receipt_has_one_form() -> None:
    signed = receipts.sign(KEY, "app", HASH, TUESDAY_NOON, SQUARE)
    readable = []
    for last in ALPHABET:
        try:
            receipts.read(KEY, signed[:-1] + last)
        except receipts.Forged:
            continue
        readable.append(last)

    assert [signed[-1]] == readable


def test_a_point_cannot_be_cut_off_or_put_on() -> None:
    bare, pointed = (receipts.sign(KEY, "app", HASH, TUESDAY_NOON, point) for point in (None, SQUARE))
    raw = base64.urlsafe_b64decode(pointed + "=")
    cut = base64.urlsafe_b64encode(raw[:44] + raw[52:]).decode()
    put = base64.urlsafe_b64encode(base64.urlsafe_b64decode(bare)[:44] + raw[44:]).decode().rstrip("=")

    assert (receipts.LENGTH, pointed) == (len(cut), put)
    with pytest.raises(receipts.Forged):
        receipts.read(KEY, cut)


@pytest.mark.parametrize(
    "text",
    ["", "A", "A" * 80, "A" * 81, "../../etc/passwd", "迎" * 80, "=" * 80, "A" * 79 + "\n", "A" * 91, "A" * 90 + "=",
     "A" * 88 + "===", "迎" * 91, "A" * 92, "A" * 90 + "\n", "A" * 103, "A" * 104],
)  # fmt: skip
def test_what_is_no_receipt_is_forged(text: str) -> None:
    with pytest.raises(receipts.Forged):
        receipts.read(KEY, text)


def test_a_receipt_of_another_key_is_forged() -> None:
    with pytest.raises(receipts.Forged):
        receipts.read(OTHER_KEY, receipts.sign(KEY, "app", HASH, TUESDAY_NOON))
