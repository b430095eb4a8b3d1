"""Due timers: claimed by locking their cases, so that a timer and an act never wait for each other crosswise."""

from datetime import datetime
from typing import cast
from uuid import UUID

from chassis.postgres.pool import Connection, Database
from schemas.cases import Stage
from services.router.commands import TimerStep
from services.router.timers import Timer

MOST_CASES = 200


async def claim(connection: Connection, at: datetime) -> list[tuple[UUID, Timer]]:
    """Timers due at `at` whose cases nobody else holds now; the cases stay locked until the transaction ends."""
    rows = await connection.fetch(
        """select c.case_id from router.cases c
           where c.case_id in (select case_id from router.timers where at <= $1 order by at limit $2)
           order by c.case_id for update skip locked""",
        at,
        MOST_CASES,
    )
    if not rows:
        return []
    # Read again behind the lock: what the first statement saw may have been moved by an act meanwhile.
    due = await connection.fetch(
        """select case_id, generation, stage, step, at from router.timers
           where case_id = any($1) and at <= $2 order by at, case_id""",
        [row["case_id"] for row in rows],
        at,
    )
    return [
        (row["case_id"], Timer(row["generation"], cast(Stage, row["stage"]), cast(TimerStep, row["step"]), row["at"]))
        for row in due
    ]


async def oldest(database: Database) -> datetime | None:
    """When the first of all timers is due. Raises `Unavailable`."""
    row = await database.fetchrow("select min(at) as at from router.timers")
    return row["at"] if row else None
