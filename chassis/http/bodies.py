"""Bodies: read within bounds of size, time and depth; whatever two parsers could read differently is refused."""

import asyncio
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import ClientDisconnect, Request

from chassis.http.problems import Problem

DEEPEST = 32
LONGEST_NUMBER = 30
SLOWEST_SECONDS = 20.0
_NESTS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_BARRED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


async def read_bytes(request: Request, limit: int, within: float = SLOWEST_SECONDS) -> bytes:
    """The whole body. `Problem`: 413 body_too_large, 408 body_too_slow, 400 body_cut_off, 415 compressed bodies."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "content_encoding", "Send the body uncompressed.", field="Content-Encoding")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(within):
            return await _read(request, limit)
    except TimeoutError as why:
        raise Problem(408, "body_too_slow", f"The body did not arrive within {within:g} s.", field="body") from why
    except ClientDisconnect as why:
        raise Problem(400, "body_cut_off", "The connection ended before the body did.", field="body") from why


async def _read(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


async def read_json(request: Request, limit: int) -> Any:
    """The JSON value of the body. `Problem`: as `read_bytes`, 415 content_type, and 400 of `parse_json`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "content_type", "Send application/json.", field="Content-Type")
    return parse_json(await read_bytes(request, limit))


def parse_json(body: bytes) -> Any:
    """The value, or `Problem` 400: body_not_utf8, too_deep, body_not_json, duplicate_key, number_not_finite."""
    _bar_depth(body)
    odd: list[str] = []
    try:
        value = _loaded(body.decode("utf-8"), odd)
    except UnicodeDecodeError as why:
        raise Problem(400, "body_not_utf8", "Send UTF-8.", field="body") from why
    except ValueError as why:
        raise Problem(400, "body_not_json", f"Not JSON: {why}"[:200], field="body") from why
    if odd:
        path = _path_of_nan(value) or "body"
        raise Problem(400, "number_not_finite", f"{odd[0][:20]} is not a number.", field=path[:100])
    return value


def barred_characters(text: str) -> bool:
    """Whether `text` has control characters (line breaks and tabs are none), lone surrogates or direction marks."""
    return _BARRED.search(text) is not None


def _bar_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return
    depth = 0
    for token in _NESTS.finditer(body):
        mark = token.group()
        depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
        if depth > DEEPEST:
            raise Problem(400, "too_deep", f"At most {DEEPEST} levels.", field="body")


def _loaded(text: str, odd: list[str]) -> Any:
    """The value, with NaN for each number that is none, whose words are added to `odd`."""

    def not_finite(word: str) -> float:
        odd.append(word)
        return math.nan

    def number(digits: str) -> float:
        return found if math.isfinite(found := float(digits)) else not_finite(digits)

    return json.loads(text, object_pairs_hook=_object, parse_constant=not_finite, parse_float=number, parse_int=_int)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(400, "duplicate_key", "A key stands twice in one object.", field=twice[:64])
    return found


def _path_of_nan(value: Any, path: str = "") -> str | None:
    """Where the first number stands that is none: `place.lon`, `items[2].x`."""
    if isinstance(value, float):
        return path if math.isnan(value) else None
    inside = [(f"{path}.{name}".lstrip("."), part) for name, part in value.items()] if isinstance(value, dict) else []
    inside += [(f"{path}[{n}]", part) for n, part in enumerate(value)] if isinstance(value, list) else []
    return next((found for name, part in inside if (found := _path_of_nan(part, name))), None)


def _int(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise Problem(400, "number_too_long", f"At most {LONGEST_NUMBER} digits.", field="body")
    return int(digits)


def _too_large(limit: int) -> Problem:
    return Problem(413, "body_too_large", f"At most {limit} bytes.", field="body")
