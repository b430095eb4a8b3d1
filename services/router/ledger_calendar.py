"""Which calendar the open deadlines were made with, and the cases whose clocks run."""

from uuid import UUID

from chassis.postgres.pool import Connection, Database


async def followed(database: Database) -> str | None:
    """The version of the calendar that all open deadlines follow; None before the first."""
    row = await database.fetchrow("select version from router.calendar")
    return row["version"] if row else None


async def follow(database: Database, version: str) -> None:
    """All open deadlines follow this version now."""
    await database.execute(
        """insert into router.calendar (version) values ($1)
           on conflict (only_one) do update set version = excluded.version""",
        version,
    )


async def running(connection: Connection, after: UUID, limit: int) -> list[UUID]:
    """The next cases, by id, that may have a clock running: open ones, and closed ones with a dispute that waits."""
    rows = await connection.fetch(
        """select case_id from router.cases where case_id > $1 and (is_open or requested <> '')
           order by case_id limit $2""",
        after,
        limit,
    )
    return [row["case_id"] for row in rows]


async def provisional(database: Database) -> int:
    """How many open cases have a deadline beyond the published calendar."""
    row = await database.fetchrow("select count(*) as n from router.cases where provisional and is_open")
    return int(row["n"]) if row else 0
