"""Bodies: what two parsers could read differently, or what costs too much, is refused with a stable reason."""

import pytest

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
