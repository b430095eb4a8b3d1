"""Who holds readers up: the oldest writer that they wait for, and the oldest open transaction of the server, by name.

Measured for each page of metrics, and every few seconds for the log. When a transaction of another role began is not
shown to us; its age is then reckoned from when it was first seen.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chassis.http.metrics import OLDEST_AGE, WRITER_AGE
from chassis.logs import log
from chassis.postgres.horizon import locks
from chassis.postgres.pool import Database, Unavailable

LOOK_SECONDS = 5.0
OLD_SECONDS = 5.0
"""A transaction that writes is named in the log from this age on."""


@dataclass(frozen=True, slots=True)
class Holder:
    """An open transaction. `writes`: readers wait for it. `age_s` is None when the server does not show it to us."""

    pid: int
    xid: int
    application: str
    database: str
    role: str
    writes: bool
    age_s: float | None


class Holders:
    """The open transactions, as readers of `schema` see them: a source of metrics, and a part that logs."""

    name = "transactions"

    def __init__(self, database: Database, schema: str, now: Callable[[], float] = time.monotonic) -> None:
        self._database, self._schema, self._now = database, schema, now
        self._first_seen: dict[tuple[int, int], float] = {}
        self._sql = f"""
            with held as materialized ({locks(schema)}),
                 writers as (select pid from held group by pid having bool_or(writes) and bool_or(not writes))
            select a.pid, coalesce(a.backend_xid::text, '0')::bigint as xid, a.application_name as application,
                a.datname as database, a.usename as role, a.pid in (select pid from writers) as writes,
                extract(epoch from clock_timestamp() - a.xact_start)::float8 as age_s
            from pg_stat_activity a
            where a.datname is not null and a.pid <> pg_backend_pid()
              and (a.backend_xid is not null or a.xact_start is not null)"""  # noqa: S608

    async def measure(self) -> None:
        """Sets the gauges, 0 without such a transaction, and names in the log what is old. Raises `Unavailable`."""
        rows = await self._database.fetch(self._sql)
        aged = self._aged([Holder(**row) for row in rows])
        WRITER_AGE.labels(self._schema).set(max((age for holder, age in aged if holder.writes), default=0.0))
        OLDEST_AGE.labels(self._schema).set(max((age for _, age in aged), default=0.0))
        for holder, age in aged:
            if holder.xid and age >= OLD_SECONDS:
                _say(holder, age)

    def lose(self) -> None:
        """Without the server nothing is known of its transactions."""
        WRITER_AGE.remove(self._schema)
        OLDEST_AGE.remove(self._schema)

    async def watch(self, stopping: asyncio.Event) -> None:
        """Looks every few seconds until `stopping` is set, so that the log tells although nobody reads metrics."""
        while not stopping.is_set():
            with suppress(Unavailable):
                await self.measure()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)

    def _aged(self, holders: Sequence[Holder]) -> list[tuple[Holder, float]]:
        now, before = self._now(), self._first_seen
        self._first_seen = {(h.pid, h.xid): before.get((h.pid, h.xid), now) for h in holders}
        return [(h, max(h.age_s or 0.0, now - self._first_seen[h.pid, h.xid])) for h in holders]


def _say(holder: Holder, age: float) -> None:
    about: dict[str, Any] = {
        "pid": holder.pid, "xid": holder.xid, "application": holder.application, "database": holder.database,
        "role": holder.role, "age_s": round(age, 1),
    }  # fmt: skip
    log.warning("horizon.held" if holder.writes else "transaction.old", **about)
