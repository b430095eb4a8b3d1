"""Answers to idempotency keys, stored in the transaction of the act that they answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.postgres.pool import Connection
from chassis.postgres.together import Write, columns


@dataclass(frozen=True, slots=True)
class Told:
    """What a client was told once and is told again: HTTP status and body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer with the digest of the request it belongs to."""

    digest: bytes
    told: Told


async def find(connection: Connection, client: str, keys: Sequence[str]) -> dict[str, StoredAnswer]:
    """The stored answers among `keys` of one client."""
    rows = await connection.fetch(
        "select key, digest, status, body from router.answers where client = $1 and key = any($2)", client, list(keys)
    )
    return {row["key"]: StoredAnswer(row["digest"], Told(row["status"], row["body"])) for row in rows}


def store(client: str, answers: Sequence[tuple[str, bytes, Told]]) -> list[Write]:
    """(key, digest, answer). A key that is there already breaks the transaction (unique violation)."""
    rows = [(key, digest, told.status, told.body) for key, digest, told in answers]
    sql = """insert into router.answers (client, key, digest, status, body)
             select $1::text, * from unnest($2::text[], $3::bytea[], $4::int[], $5::bytea[])"""
    return [Write(sql, (client, *columns(rows)))] if rows else []
