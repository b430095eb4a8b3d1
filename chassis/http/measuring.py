"""What is measured at the moment when `/metrics` is read, so that it tells the truth also when the work has stopped.

Each source is asked at once with the others and has a bounded time. One that cannot be measured says so by
`metrics_measured` 0 and drops the values that it does not know any more, instead of showing old ones.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from chassis.http.metrics import MEASURED
from chassis.logs import log

MOST_SECONDS = 1.5
"""How long the page waits for a source; then it counts as not measured."""
LONGEST_SECONDS = 10.0
"""How long a source goes on nevertheless, so that one which is slow to connect is there for a later page."""
FRESH_SECONDS = 1.0
"""How long an answer is kept, so that several readers cost no more than one."""


class Source(Protocol):
    """Something that can be measured. It sets its own gauges."""

    name: str

    async def measure(self) -> None:
        """Sets the gauges to what holds now. Raises whatever keeps it from knowing."""

    def lose(self) -> None:
        """Called instead when nothing could be measured: removes what is not known, or reckons on from the last."""


class Sources:
    """All sources of one process."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = tuple(sources)
        self._running: dict[str, asyncio.Future[None]] = {}
        self._turn = asyncio.Lock()
        self._measured_at = float("-inf")

    async def measure(self) -> None:
        """Measures all sources, unless that was done a moment ago. Takes about `MOST_SECONDS` at most."""
        async with self._turn:
            if time.monotonic() - self._measured_at > FRESH_SECONDS:
                await asyncio.gather(*(self._one(source) for source in self._sources))
                self._measured_at = time.monotonic()

    async def _one(self, source: Source) -> None:
        task = self._running.get(source.name)
        if task is None:
            task = self._running[source.name] = asyncio.ensure_future(
                asyncio.wait_for(source.measure(), LONGEST_SECONDS)
            )
        await asyncio.wait([task], timeout=MOST_SECONDS)
        why: str | None = f"no answer within {MOST_SECONDS:g} s"
        if task.done():
            del self._running[source.name]
            why = f"{type(error).__name__}: {error}"[:200] if (error := task.exception()) else None
        MEASURED.labels(source.name).set(why is None)
        if why is not None:
            source.lose()
            log.warning("metrics.unmeasured", source=source.name, why=why)
