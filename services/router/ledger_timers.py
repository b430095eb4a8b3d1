"""Due timers: claimed by locking their cases, so that a timer and an act never wait for each other crosswise."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from chassis.postgres.pool import Connection, Database
from schemas.cases import Stage
from services.router.commands import TimerStep
from services.router.timers import Timer

MOST_CASES = 200


async def due(database: Database, at: datetime, without: Collection[UUID] = (), limit: int = MOST_CASES) -> list[UUID]:
    """Cases with a timer that is due at `at`, those with the oldest first, but for the cases in `without`.

    They are those of at most `limit` timers. Raises `Unavailable`.
    """
    rows = await database.fetch(
        """select case_id from router.timers
           where at <= $1 and case_id not in (select unnest($2::uuid[])) order by at limit $3""",
        at,
        list(without),
        limit,
    )
    return list(dict.fromkeys(row["case_id"] for row in rows))


async def claim(connection: Connection, at: datetime, case_ids: Sequence[UUID]) -> list[tuple[UUID, Timer]]:
    """Timers due at `at` of those cases among `case_ids` that nobody else holds now.

    The cases stay locked until the transaction ends.
    """
    rows = await connection.fetch(
        "select case_id from router.cases where case_id = any($1) order by case_id for update skip locked", case_ids
    )
    if not rows:
        return []
    # Read behind the lock: what was due when the cases were looked for may have been moved by an act meanwhile.
    found = await connection.fetch(
        """select case_id, generation, stage, step, at from router.timers
           where case_id = any($1) and at <= $2 order by at, case_id""",
        [row["case_id"] for row in rows],
        at,
    )
    return [
        (row["case_id"], Timer(row["generation"], cast(Stage, row["stage"]), cast(TimerStep, row["step"]), row["at"]))
        for row in found
    ]


async def oldest(database: Database) -> datetime | None:
    """When the first of all timers is due. Raises `Unavailable`."""
    row = await database.fetchrow("select min(at) as at from router.timers")
    return row["at"] if row else None
