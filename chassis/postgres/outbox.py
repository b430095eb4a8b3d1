"""The outbox: rows written in the transaction that decided, published afterwards by the relay."""

from collections.abc import Sequence

import orjson

from chassis.kafka.producer import Unsent
from chassis.postgres.pool import Connection
from chassis.postgres.together import Write, columns, write_together


def ddl(schema: str) -> list[str]:
    """The statements of a migration that make the outbox of `schema` and wake the relay at each commit."""
    return [
        f"""create table {schema}.outbox (
            id bigint generated always as identity primary key,
            topic text not null, key bytea not null, value bytea not null, headers text not null,
            written_at timestamptz not null default clock_timestamp())""",
        f"""create function {schema}.outbox_written() returns trigger language plpgsql as $$
            begin perform pg_notify('{schema}_outbox', ''); return null; end $$""",
        f"""create trigger outbox_written after insert on {schema}.outbox
            for each statement execute function {schema}.outbox_written()""",
    ]


def writes(schema: str, unsent: Sequence[Unsent]) -> list[Write]:
    """Adds records in their order. Records of one key must share a row lock."""
    if not unsent:
        return []
    rows = [(u.topic, u.key, u.value, orjson.dumps(u.headers).decode()) for u in unsent]
    return [
        Write(
            f"""insert into {schema}.outbox (topic, key, value, headers)
                select topic, key, value, headers
                from unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[])
                     with ordinality as u (topic, key, value, headers, place) order by place""",  # noqa: S608
            columns(rows),
        )
    ]


async def append(connection: Connection, schema: str, unsent: Sequence[Unsent]) -> None:
    """`writes`, carried out inside the caller's transaction."""
    await write_together(connection, writes(schema, unsent))
