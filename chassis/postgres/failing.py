"""Failing records: at which record a partition waits, and what an operator has decided about it.

The consumer writes a row for a record that fails again and again, and an operator may decide that it is to be parked.
The decision is for this record alone: it is part of the row, and the row goes when the partition's position moves past
the record (`positions.py`), or when another record takes its place.
"""

from dataclasses import dataclass

from chassis.postgres.pool import Connection


@dataclass(frozen=True, slots=True)
class Place:
    """A record's place for one consumer: the schema that the consumer writes, and where the record lies."""

    schema: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Who has decided that a record is to be parked, and why."""

    by: str
    reason: str


def ddl(schema: str) -> list[str]:
    """The statement of a migration that makes the table of `schema`."""
    return [
        f"""create table {schema}.failing (
            topic text not null, partition integer not null, record_offset bigint not null,
            error text not null, attempts integer not null, failed_at timestamptz not null default now(),
            park_by text, park_reason text, primary key (topic, partition))"""
    ]


async def note(connection: Connection, place: Place, error: str, attempts: int) -> Decision | None:
    """Notes that the record has failed so often, and returns what was decided about it.

    Changes nothing if the record is settled already, because another consumer owns the partition by now.
    """
    row = await connection.fetchrow(
        f"""insert into {place.schema}.failing as f (topic, partition, record_offset, error, attempts)
            select $1, $2::int, $3::bigint, $4, $5::int where not exists (
                select from {place.schema}.positions p
                where p.topic = $1 and p.partition = $2::int and p.next_offset > $3::bigint)
            on conflict (topic, partition) do update
            set record_offset = excluded.record_offset, error = excluded.error, attempts = excluded.attempts,
                failed_at = excluded.failed_at,
                park_by = case when f.record_offset = excluded.record_offset then f.park_by end,
                park_reason = case when f.record_offset = excluded.record_offset then f.park_reason end
            returning park_by, park_reason""",  # noqa: S608
        place.topic,
        place.partition,
        place.offset,
        error,
        attempts,
    )
    return Decision(row["park_by"], row["park_reason"]) if row and row["park_by"] else None


async def decide(connection: Connection, place: Place, decision: Decision) -> Decision | None:
    """Decides that the record is to be parked, if its partition waits at it; else changes nothing and returns None.

    The first decision about a record stands, and is returned.
    """
    row = await connection.fetchrow(
        f"""update {place.schema}.failing f
            set park_by = coalesce(f.park_by, $4), park_reason = coalesce(f.park_reason, $5)
            where topic = $1 and partition = $2 and record_offset = $3 and {_waits(place.schema)}
            returning park_by, park_reason""",  # noqa: S608
        place.topic,
        place.partition,
        place.offset,
        decision.by,
        decision.reason,
    )
    return Decision(row["park_by"], row["park_reason"]) if row else None


async def waiting(connection: Connection, schema: str, topic: str) -> list[tuple[int, int, str, int]]:
    """Where partitions of the topic wait: (partition, offset, error, attempts)."""
    rows = await connection.fetch(
        f"""select partition, record_offset, error, attempts from {schema}.failing f
            where topic = $1 and {_waits(schema)} order by partition""",  # noqa: S608
        topic,
    )
    return [(row["partition"], row["record_offset"], row["error"], row["attempts"]) for row in rows]


def _waits(schema: str) -> str:
    # A consumer of an earlier version moves the position and leaves the row.
    return f"""not exists (select from {schema}.positions p where p.topic = f.topic and p.partition = f.partition
                           and p.next_offset > f.record_offset)"""
