"""Bodies: what two parsers could read differently, or what costs too much, is refused with a stable reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.requests import Request

from chassis.http.bodies import read_bytes
from chassis.http.budget import BUDGET, Budget
from chassis.http.problems import Problem
from chassis.http.strict_json import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "body_not_json"),
        (b"{", "body_not_json"),
        (b'{"a":1,}', "body_not_json"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a":NaN}', "number_not_finite"),
        (b'{"a":-Infinity}', "number_not_finite"),
        (b'{"a":1e999}', "number_not_finite"),
        (b"\xff\xfe", "body_not_utf8"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "too_deep"),
        (b"[" * 1_000_000, "too_deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too_deep"),
        (b'{"n":' + b"9" * 5000 + b"}", "number_too_long"),
        (b'{"n":9223372036854775808}', "number_too_large"),
        (b'{"n":-9223372036854775809}', "number_too_large"),
        (b'{"text":"ok \\ud83d"}', "lone_surrogate"),
        (b'{"text":"\\uDE00\\uD83D"}', "lone_surrogate"),
        (b'{"\\ud83d":1}', "lone_surrogate"),
        (b"\xff\xfe{\x00}\x00", "body_not_utf8"),
    ],
)
def test_a_doubtful_body_has_a_stable_reason(body: bytes, reason: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_json(body)

    assert (400, reason) == (caught.value.status, caught.value.reason)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"place":{"lon":112.5,"lat":NaN}}', "place.lat"),
        (b'{"items":[{"a":1},{"a":-1e400}]}', "items[1].a"),
        (b"[1,[Infinity]]", "[1][0]"),
        (b"NaN", "body"),
        (b'{"items":[{"n":1},{"n":99999999999999999999}]}', "items[1].n"),
        (b'{"a":{"b":["x","\\ud83d"]}}', "a.b[1]"),
    ],
)
def test_a_number_that_is_none_is_named_by_its_path(body: bytes, field: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_json(body)

    assert [field] == [error.field for error in caught.value.errors]


def test_a_byte_order_mark_a_whole_emoji_and_64_bits_are_taken() -> None:
    body = b'\xef\xbb\xbf{"a":"\\ud83d\\ude00","n":[-9223372036854775808,9223372036854775807,1.5e300]}'

    assert {"a": "\U0001f600", "n": [-(2**63), 2**63 - 1, 1.5e300]} == parse_json(body)


def test_brackets_inside_words_are_not_depth() -> None:
    assert parse_json(b'{"a":"' + b"[" * 100 + b'","b":"\\\\\\"["}') == {"a": "[" * 100, "b": '\\"['}


@contextmanager
def busy() -> Iterator[None]:
    with pytest.raises(Problem) as caught:
        yield
    assert (503, "busy", 2) == (caught.value.status, caught.value.reason, caught.value.retry_after)


def test_what_is_held_is_bounded_and_large_bodies_leave_room_for_small_ones() -> None:
    budget = Budget(most=100, large=80, small=10)
    first, second, third = (dict[str, Any]() for _ in range(3))
    budget.take(first, 50)
    budget.take(first, 10)
    budget.take(second, 20)
    with busy():
        budget.take(second, 1)
    with busy():
        budget.check(11)
    budget.take(third, 10)

    assert 90 == budget.used
    for scope in (first, second, third, third):
        budget.release(scope)
    assert 0 == budget.used


async def test_bodies_of_all_connections_share_one_budget() -> None:
    piece = bytes(2**20)
    scopes: list[dict[str, Any]] = []

    async def received(count: int) -> int:
        """Reads a body of so many pieces whose length is not declared, and does not answer the request."""
        left = iter(range(count))

        async def receive() -> dict[str, Any]:
            more = next(left, None) is not None
            return {"type": "http.request", "body": piece if more else b"", "more_body": more}

        scopes.append({"type": "http", "headers": []})
        return len(await read_bytes(Request(scopes[-1], receive), 10 * 2**20))

    before = BUDGET.used
    try:
        assert [9 * 2**20] * 6 == [await received(9) for _ in range(6)]
        with busy():
            await received(9)
        assert 0 == await received(0)
    finally:
        for scope in scopes:
            BUDGET.release(scope)
    assert before == BUDGET.used
