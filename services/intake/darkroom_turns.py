"""Whose photo is next: one after the other of each app, and small photos never behind large ones.

There are two places. One takes any photo, the other only small ones, so that what is decoded at a time fits into the
memory of the container: one large photo and one small one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

MOST_WAITING, MOST_BYTES_OF_ONE = 16, 30_000_000
"""Of one app: so that the bodies of one app do not use up what all connections together may hold."""
MOST_BYTES_WAITING = 64_000_000
"""Of all apps together."""


class Crowded(Exception):
    """Too many photos of this app wait already."""


class Full(Exception):
    """The photos of all apps that wait take too much memory."""


@dataclass(eq=False, slots=True)
class _Waiting:
    app: str
    small: bool
    size: int
    turn: asyncio.Future[bool]
    """Set with whether the place is the one for small photos."""


class Turns:
    """The two places and who waits for them, fair among apps: the app that was served last comes last."""

    def __init__(self) -> None:
        self._free = {False: True, True: True}
        self._queues: dict[str, deque[_Waiting]] = {}
        self._bytes = 0

    @asynccontextmanager
    async def turn(self, app: str, small: bool, size: int) -> AsyncIterator[None]:
        """Holds a place for a photo of `size` bytes. Raises `Crowded` and `Full` instead of waiting without bound."""
        place = await self._wait(app, small, size)
        try:
            yield
        finally:
            self._free[place] = True
            self._serve()

    async def _wait(self, app: str, small: bool, size: int) -> bool:
        mine = self._queues.get(app, ())
        if mine and (len(mine) >= MOST_WAITING or sum(w.size for w in mine) + size > MOST_BYTES_OF_ONE):
            raise Crowded
        if self._bytes and self._bytes + size > MOST_BYTES_WAITING:
            raise Full
        waiting = _Waiting(app, small, size, asyncio.get_running_loop().create_future())
        self._queues.setdefault(app, deque()).append(waiting)
        self._bytes += size
        self._serve()
        try:
            return await waiting.turn
        except asyncio.CancelledError:  # the client went away
            if waiting.turn.done() and not waiting.turn.cancelled():
                self._free[waiting.turn.result()] = True
                self._serve()
            elif waiting in self._queues.get(app, ()):
                self._leave(waiting)
            raise

    def _serve(self) -> None:
        """Gives away what is free: the place for small photos first, because large ones cannot use it."""
        for place in (True, False):
            if self._free[place] and (first := self._first(only_small=place)) is not None:
                self._leave(first)
                if first.app in self._queues:
                    self._queues[first.app] = self._queues.pop(first.app)  # behind all others
                self._free[place] = False
                first.turn.set_result(place)

    def _first(self, only_small: bool) -> _Waiting | None:
        heads = (
            next((w for w in queue if (w.small or not only_small) and not w.turn.done()), None)
            for queue in self._queues.values()
        )
        return next((waiting for waiting in heads if waiting is not None), None)

    def _leave(self, waiting: _Waiting) -> None:
        queue = self._queues[waiting.app]
        queue.remove(waiting)
        self._bytes -= waiting.size
        if not queue:
            del self._queues[waiting.app]
