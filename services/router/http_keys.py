"""Idempotency keys: what came with them before, what was answered, and what is remembered of a new answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request

from chassis.http.problems import Problem
from chassis.postgres.pool import Connection
from chassis.postgres.together import Write
from services.router import ledger_answers
from services.router.act import Door
from services.router.ledger_answers import StoredAnswer, Told
from services.router.request_digests import Digests


@dataclass(frozen=True, slots=True)
class Keyed:
    """An idempotency key (in full) and the digests of the request that came with it."""

    key: str
    digests: Digests


def key_of(request: Request) -> str:
    """The Idempotency-Key: 1 to 255 printable ASCII characters; 400 otherwise."""
    key: str = request.headers.get("idempotency-key", "")
    if not key:
        raise Problem(400, "idempotency_key_missing", "Send an Idempotency-Key of your own.", field="Idempotency-Key")
    if len(key) > 255 or not (key.isascii() and key.isprintable()):
        raise Problem(400, "idempotency_key_unfit", "1 to 255 printable ASCII characters.", field="Idempotency-Key")
    return key


def key_reused() -> Problem:
    """The answer to another request under a key that was used before."""
    return Problem(422, "idempotency_key_reused", "This key was used for another request.", field="Idempotency-Key")


async def told_before(door: Door, client: str, keyed: Sequence[Keyed], whole: Keyed | None = None) -> list[Told]:
    """What was answered to all of these before, empty if not all are known; `Problem` 422 as `answered_before`."""
    async with door.database.connection() as connection:
        answers = await answered_before(connection, client, [*keyed, *([whole] if whole else [])])
    return [answers[k.key] for k in keyed] if all(k.key in answers for k in keyed) else []


async def answered_before(connection: Connection, client: str, keyed: Sequence[Keyed]) -> dict[str, Told]:
    """What these keys were told before; `Problem` 422 if one of them was used for another request."""
    stored = await ledger_answers.find(connection, client, [k.key for k in keyed])
    pairs = [(k.digests, stored[k.key]) for k in keyed if k.key in stored]
    if not all(digests.are_of(answer.digest, answer.request_digest) for digests, answer in pairs):
        raise key_reused()
    return {key: answer.told for key, answer in stored.items()}


def keeping(
    client: str, keyed: Sequence[Keyed], answers: Mapping[str, Told], whole: Keyed | None = None
) -> list[Write]:
    """The answers to be remembered: all but 404, and those as well beside others of the same `whole`."""
    found = [k for k in keyed if answers[k.key].status != 404]
    if found and whole is not None:
        found = [*keyed, whole]
    return ledger_answers.store(client, {k.key: _stored(k, answers.get(k.key, Told(200, b""))) for k in found})


def _stored(keyed: Keyed, told: Told) -> StoredAnswer:
    return StoredAnswer(told, keyed.digests.forms[0], keyed.digests.request)
