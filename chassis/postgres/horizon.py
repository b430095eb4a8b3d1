"""Looking behind a cursor that never skips: rows are shown once no older transaction of the server can still commit.

Whoever waits for a row is woken by its commit, but may look a few milliseconds before the last older transaction is
gone, and would then sleep until the next poll. So a woken reader looks again, soon and then less soon.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sized
from typing import TypeVar

PAUSES = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
"""Seconds between the looks of a woken reader; after them its ordinary poll goes on."""

T = TypeVar("T", bound=Sized)


async def look_soon(look: Callable[[], Awaitable[T]]) -> T:
    """The first answer of `look` that is not empty, or its last one."""
    for pause in PAUSES:
        if found := await look():
            return found
        await asyncio.sleep(pause)
    return await look()
