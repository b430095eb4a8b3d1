"""JSON from outside, read strictly: whatever two parsers could read differently is refused, in linear time."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from chassis.http.problems import Problem, path_of

MAX_DEPTH = 32
MAX_DIGITS = 30
SMALLEST_INTEGER, LARGEST_INTEGER = -(2**63), 2**63 - 1
# Possessive, and an unclosed string reaches to the end of the body: no byte is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class _Unfit:
    """Marks, in the parsed value, the place of something that JSON allows and we do not."""

    reason: str
    detail: str


_HALF_CHARACTER = _Unfit("lone_surrogate", "Half of a surrogate pair, such as \\ud83d alone, is not a character.")


def parse_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8, with or without a byte order mark.

    `Problem` 400, whose `errors` name the field: body_not_utf8, too_deep, body_not_json, duplicate_key, lone_surrogate,
    number_not_finite, number_too_long (over 30 digits), number_too_large (an integer beyond 64 bits).
    """
    _check_depth(body)
    numbers = _Numbers()
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_constant=numbers.constant,
            parse_float=numbers.real,
            parse_int=numbers.integer,
        )
    except UnicodeDecodeError as why:
        raise Problem(400, "body_not_utf8", "Send UTF-8.", field="body") from why
    except ValueError as why:
        raise Problem(400, "body_not_json", f"Not JSON: {why}"[:200], field="body") from why
    if numbers.unfit or _ESCAPED_SURROGATE.search(body):
        _refuse_unfit(value)
    return value


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    brackets = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    if max(accumulate(map(_BRACKETS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise Problem(400, "too_deep", f"At most {MAX_DEPTH} levels.", field="body")


class _Numbers:
    """Reads numbers; in place of one that is refused stands an `_Unfit`, which `unfit` holds too."""

    def __init__(self) -> None:
        self.unfit: list[_Unfit] = []

    def constant(self, word: str) -> _Unfit:
        return self._refused("number_not_finite", f"{word[:20]} is not a number.")

    def real(self, digits: str) -> float | _Unfit:
        return number if math.isfinite(number := float(digits)) else self.constant(digits)

    def integer(self, digits: str) -> int | _Unfit:
        if len(digits) > MAX_DIGITS:
            return self._refused("number_too_long", f"At most {MAX_DIGITS} digits.")
        if not SMALLEST_INTEGER <= (number := int(digits)) <= LARGEST_INTEGER:
            return self._refused("number_too_large", "An integer has at most 64 bits.")
        return number

    def _refused(self, reason: str, detail: str) -> _Unfit:
        self.unfit.append(_Unfit(reason, detail))
        return self.unfit[-1]


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Problem(400, "duplicate_key", "A key stands twice in one object.", field=_repeated(pairs))
    return found


def _repeated(pairs: Iterable[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    return next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]


def _refuse_unfit(value: Any) -> None:
    path: list[int | str] = []
    if unfit := _first_unfit(value, path):
        raise Problem(400, unfit.reason, unfit.detail, field=path_of(path))


def _first_unfit(value: Any, path: list[int | str]) -> _Unfit | None:
    """The first `_Unfit` or lone surrogate in the order of the text; `path` is left at it."""
    if isinstance(value, _Unfit):
        return value
    if isinstance(value, str):
        return _HALF_CHARACTER if _SURROGATE.search(value) else None
    for step, part in _inside(value):
        path.append(step)
        if isinstance(step, str) and _SURROGATE.search(step):
            return _HALF_CHARACTER
        if found := _first_unfit(part, path):
            return found
        path.pop()
    return None


def _inside(value: Any) -> Iterable[tuple[int | str, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
