"""The feed's cursor: comes back as it went out, and nothing else is read."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.cursor import Cursor, read_cursor

PLACES = st.builds(Cursor, st.integers(0, 2**63), st.integers(0, 10**18 - 1))


def dressed(said: str) -> str:
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


@given(PLACES)
def test_a_cursor_comes_back_as_it_went_out(cursor: Cursor) -> None:
    assert cursor == read_cursor(str(cursor))
    assert set(str(cursor)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_nothing_is_the_beginning() -> None:
    assert Cursor(0, 0) == read_cursor("")


@given(PLACES, PLACES)
def test_a_cursor_is_ordered_by_its_transaction_first(one: Cursor, other: Cursor) -> None:
    assert ((one.transaction, one.place) < (other.transaction, other.place)) == (one < other)


@pytest.mark.parametrize(
    "text",
    ["x", "A", "AAAA", "!", "是", "\udcff", "0", "12.3", dressed("1"), dressed("1."), dressed(".1"), dressed("-1.2"),
     dressed("1.2.3"), dressed("1.2 "), dressed("a.b"), dressed("1,2"), dressed("١.٢"), dressed("1.2\n"),
     dressed("9" * 20 + ".1"), dressed("1." + "9" * 19), "A" * 5000],
)  # fmt: skip
def test_what_is_none_of_ours_is_no_cursor(text: str) -> None:
    assert None is read_cursor(text)


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    cursor = read_cursor(text)

    assert cursor is None or cursor == read_cursor(str(cursor))
