"""Limits of a server's connections, and one look at all of them each second for what is overdue."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from chassis.http.metrics import CONNECTIONS, CONNECTIONS_ENDED


@dataclass(frozen=True, slots=True)
class Limits:
    """What connections may take. Times are in seconds.

    `rest_seconds`: how long the rest of a body is read that nobody wants, after its answer; `linger_seconds`: how long
    a refused connection is still read, so that the client can read the refusal.
    `unsent_bytes`: of answers that clients do not read, over all connections; the oldest gives way.
    """

    head_bytes: int = 32 * 1024
    url_bytes: int = 8 * 1024
    headers: int = 100
    pipelined: int = 16
    connections: int = 1000
    unsent_bytes: int = 32 * 2**20
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    unsent_seconds: float = 60.0
    rest_seconds: float = 20.0
    linger_seconds: float = 2.0
    look_seconds: float = 1.0


class Watched(Protocol):
    """A connection as the watch sees it."""

    transport: asyncio.Transport

    def expire(self) -> None:
        """Ends it, because what it owed has not come in time."""


class Watch:
    """The deadlines of all connections of one server. Every connection owes one thing at a time, or nothing."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._loop = asyncio.get_running_loop()
        self._open = 0
        self._due: dict[Watched, float] = {}
        """When each must have sent what it owes; those who have a request answered owe nothing."""
        self._waiting: dict[Watched, None] = {}
        """Those from which no whole head has come, longest waiting first."""
        self._unsent: dict[Watched, tuple[int, float]] = {}
        """How much of its answers each has not read, and by when it must have."""
        self._unsent_bytes = 0
        self._looking = False

    def opened(self, connection: Watched) -> bool:
        """Whether there is a place for a new connection. If none is left, the one gives way that has waited longest
        without a request."""
        self._open += 1
        CONNECTIONS.set(self._open)
        if not self._looking:
            self._looking = True
            self._loop.call_later(self.limits.look_seconds, self._look)
        longest = next(iter(self._waiting), None)
        if self._open > self.limits.connections:
            CONNECTIONS_ENDED.labels("no_place").inc()
            if longest is None:
                return False
            self._end(longest)
        self.waits(connection, self.limits.head_seconds)
        return True

    def waits(self, connection: Watched, seconds: float) -> None:
        """It has no request open, and is kept for so long."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None
        self._due[connection] = self._loop.time() + seconds

    def owes(self, connection: Watched, seconds: float) -> None:
        """It must have sent the part of a request that it has begun within so long."""
        self._due[connection] = self._loop.time() + seconds

    def asked(self, connection: Watched) -> None:
        """A whole head has come: it does not give way any more."""
        self._waiting.pop(connection, None)

    def owes_nothing(self, connection: Watched) -> None:
        """It has sent all that it owed."""
        self._due.pop(connection, None)

    def unsent(self, connection: Watched, size: int) -> None:
        """It does not read fast enough: `size` bytes of answers wait."""
        self.sent(connection)
        self._unsent[connection] = size, self._loop.time() + self.limits.unsent_seconds
        self._unsent_bytes += size
        while self._unsent_bytes > self.limits.unsent_bytes:
            self._end(next(iter(self._unsent)))
            CONNECTIONS_ENDED.labels("unread").inc()

    def sent(self, connection: Watched) -> None:
        """It has read on."""
        self._unsent_bytes -= self._unsent.pop(connection, (0, 0.0))[0]

    def lost(self, connection: Watched) -> None:
        """It is gone."""
        self._open -= 1
        CONNECTIONS.set(self._open)
        self.sent(connection)
        self._waiting.pop(connection, None)
        self._due.pop(connection, None)

    def _end(self, connection: Watched) -> None:
        self.sent(connection)
        self._waiting.pop(connection, None)
        connection.transport.abort()

    def _look(self) -> None:
        now = self._loop.time()
        for connection in [one for one, due in self._due.items() if due <= now]:
            del self._due[connection]
            CONNECTIONS_ENDED.labels("too_slow").inc()
            connection.expire()
        for connection in [one for one, (_, due) in self._unsent.items() if due <= now]:
            self._end(connection)
            CONNECTIONS_ENDED.labels("unread").inc()
        self._looking = self._open > 0
        if self._looking:
            self._loop.call_later(self.limits.look_seconds, self._look)
