"""How late the clock is: asked of the timers themselves, so it tells also when no round succeeds."""

from collections.abc import Callable
from datetime import datetime

from chassis.postgres.pool import Database
from services.router import ledger_timers
from services.router.metrics import TIMER_OVERDUE

SCHEMA = "router"


class Overdue:
    """A source of metrics: the timers."""

    name = "timers"

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def measure(self) -> None:
        """By how much the oldest timer is late; 0 if none is. Raises `Unavailable`."""
        oldest = await ledger_timers.oldest(self._database)
        late = 0.0 if oldest is None else (self._now() - oldest).total_seconds()
        TIMER_OVERDUE.labels(SCHEMA).set(max(0.0, late))

    def lose(self) -> None:
        """Without the table nothing is known of it."""
        TIMER_OVERDUE.remove(SCHEMA)
