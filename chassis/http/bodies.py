"""Bodies: read whole, within bounds of size and time."""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

from chassis.http.budget import BUDGET
from chassis.http.problems import Problem
from chassis.http.strict_json import parse_json

SLOWEST_SECONDS = 20.0


async def read_bytes(request: Request, limit: int, within: float = SLOWEST_SECONDS) -> bytes:
    """The whole body, which counts towards the process's budget until the request ends.

    `Problem`: 413 body_too_large, 408 body_too_slow, 400 body_cut_off, 415 for compressed bodies, 503 busy.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "content_encoding", "Send the body uncompressed.", field="Content-Encoding")
    if (declared := _declared(request)) > limit:
        raise _too_large(limit)
    BUDGET.check(declared)
    try:
        async with asyncio.timeout(within):
            return await _read(request, limit)
    except TimeoutError as why:
        raise Problem(408, "body_too_slow", f"The body did not arrive within {within:g} s.", field="body") from why
    except ClientDisconnect as why:
        raise Problem(400, "body_cut_off", "The connection ended before the body did.", field="body") from why


def _declared(request: Request) -> int:
    """The body's length as the client declared it, 0 if it did not. The server checks that the body keeps to it."""
    text = request.headers.get("content-length", "")
    return int(text) if len(text) < 20 and text.isascii() and text.isdigit() else 0


async def _read(request: Request, limit: int) -> bytes:
    body = bytearray()  # not a list of chunks: a chunk of one byte would take forty
    async for chunk in request.stream():
        if len(body) + len(chunk) > limit:
            raise _too_large(limit)
        BUDGET.take(request.scope, len(chunk))
        body += chunk
    return bytes(body)


async def read_json(request: Request, limit: int) -> Any:
    """The JSON value of the body. `Problem`: as `read_bytes`, 415 content_type, and 400 of `parse_json`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "content_type", "Send application/json.", field="Content-Type")
    return parse_json(await read_bytes(request, limit))


def _too_large(limit: int) -> Problem:
    return Problem(413, "body_too_large", f"At most {limit} bytes.", field="body")
