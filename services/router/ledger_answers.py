"""Answers to idempotency keys, stored in the transaction of the act that they answer."""

from collections.abc import Mapping, Sequence
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
    """An answer with the digests of the request it belongs to (`request_digests.py`)."""

    told: Told
    digest: bytes = b""
    request_digest: bytes = b""


async def find(connection: Connection, client: str, keys: Sequence[str]) -> dict[str, StoredAnswer]:
    """The stored answers among `keys` of one client."""
    rows = await connection.fetch(
        """select key, digest, request_digest, status, body from router.answers
           where client = $1 and key = any($2)""",
        client,
        list(keys),
    )
    return {
        row["key"]: StoredAnswer(Told(row["status"], row["body"]), row["digest"], row["request_digest"]) for row in rows
    }


def store(client: str, answers: Mapping[str, StoredAnswer]) -> list[Write]:
    """By key. A key that is there already breaks the transaction (unique violation)."""
    rows = [(key, a.digest, a.told.status, a.told.body, a.request_digest) for key, a in answers.items()]
    sql = """insert into router.answers (client, key, digest, status, body, request_digest)
             select $1::text, * from unnest($2::text[], $3::bytea[], $4::int[], $5::bytea[], $6::bytea[])"""
    return [Write(sql, (client, *columns(rows)))] if rows else []
