"""How late the notices are: asked of the ledger itself, so it tells also when nobody sends or nothing is recorded."""

from collections.abc import Callable
from datetime import datetime

from chassis.postgres.pool import Database
from services.notifier import ledger_overdue
from services.notifier.metrics import OVERDUE

SCHEMA = "notifier"


class Overdue:
    """A source of metrics: the notices that are due."""

    name = "notices"

    def __init__(self, database: Database, texts: bool, now: Callable[[], datetime]) -> None:
        self._database, self._texts, self._now = database, texts, now

    async def measure(self) -> None:
        """By how much the oldest notice is late; 0 if none is. Raises `Unavailable`."""
        at = self._now()
        oldest = await ledger_overdue.oldest(self._database, self._texts, at)
        OVERDUE.labels(SCHEMA).set(0.0 if oldest is None else (at - oldest).total_seconds())

    def lose(self) -> None:
        """Without the ledger nothing is known of them."""
        OVERDUE.remove(SCHEMA)
