"""How an act comes in by HTTP: who, once, on what; and how its answer goes out, the same each time it is asked."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import orjson
from fastapi import Request, Response

from chassis import faults
from chassis.http import problems
from chassis.http.problems import Problem
from chassis.postgres.pool import Connection
from chassis.postgres.together import Write
from services.router import ledger, ledger_answers
from services.router.act import Ask, Door, Outcome, act
from services.router.case_answer import case_answer
from services.router.commands import PlatformAct, Refusal
from services.router.ledger_answers import Told

T = TypeVar("T")
_SEEN = re.compile(r'"(\d{1,9})"')
FIELDS = {
    "after_photo_missing": "media", "text_too_short": "text", "category_missing": "category",
    "category_unknown": "category", "district_missing": "district", "district_unknown": "district",
    "platform_unknown": "platform", "reason_unknown": "reason", "until_in_past": "until", "until_too_far": "until",
    "report_not_joined": "report_id", "first_report": "report_id", "same_case": "linked_to",
    "linked_to_not_open": "linked_to",
}  # fmt: skip
"""Refusals that a field of the body is to blame for: 422 instead of 409."""
_DETAILS = {
    "reason_unknown": "GET /v1/reasons lists the codes.",
    "older_generation": "The case has been dispatched again since.",
    "decision_is_final": "The centre has decided that the case is yours.",
    "overdue": "The deadline is over: more time is not given any more.",
    "extended_enough": "The case has been extended as often as it may be.",
    "request_waiting": "An earlier request has not been answered yet.",
    "until_in_past": "The clock can only stand still until a later time.",
    "until_too_far": "The clock may not stand still for so long.",
    "first_report": "The report that opened the case cannot leave it; link the case instead.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One act as a client asked for it: its key (in full), a digest of the request, and the command."""

    key: str
    digest: bytes
    ask: Ask


def key_of(request: Request) -> str:
    """The Idempotency-Key: 1 to 255 printable ASCII characters; 400 otherwise."""
    key: str = request.headers.get("idempotency-key", "")
    if not key:
        raise Problem(400, "idempotency_key_missing", "Send an Idempotency-Key of your own.", field="Idempotency-Key")
    if len(key) > 255 or not (key.isascii() and key.isprintable()):
        raise Problem(400, "idempotency_key_unfit", "1 to 255 printable ASCII characters.", field="Idempotency-Key")
    return key


def seen_of(request: Request, generation: int | None) -> int | None:
    """The `seq` of the `If-Match` header, None without one: then the body must say the generation; 428 otherwise."""
    header = request.headers.get("if-match")
    if header is None:
        if generation is None:
            detail = "Say what you saw: `generation`, or the ETag as If-Match."
            raise Problem(428, "generation_missing", detail, field="generation")
        return None
    if not (found := _SEEN.fullmatch(header.strip())):
        raise Problem(400, "if_match_unfit", 'The ETag of the case as you saw it, like "7".', field="If-Match")
    return int(found[1])


def digest_of(*parts: str) -> bytes:
    """What tells two requests under the same key apart."""
    return hashlib.sha256("\n".join(parts).encode()).digest()


def case_id_from(text: str) -> UUID:
    """The id in a path; what is none is a case that does not exist."""
    try:
        return UUID(text)
    except ValueError as why:
        raise unknown_case() from why


def unknown_case(field: str = "case_id") -> Problem:
    """The same answer for a case that does not exist and for another platform's."""
    return Problem(404, "unknown_case", "There is no such case for you.", field=field)


async def act_once(door: Door, client: str, asked: Sequence[Asked]) -> list[Told]:
    """Acts and remembers each answer with its key in one transaction; a key seen before gets the same answer again."""
    return await committed(door, lambda connection: _told(connection, door, client, asked))


async def committed(door: Door, work: Callable[[Connection], Awaitable[T]]) -> T:
    """What `work` answers, once all that it wrote is committed."""
    try:
        async with door.database.transaction() as connection:
            done = await work(connection)
    except asyncpg.UniqueViolationError as why:  # the same key was used at the same moment for another case
        raise _reused() from why
    faults.reach("router.answered")
    return done


async def _told(connection: Connection, door: Door, client: str, asked: Sequence[Asked]) -> list[Told]:
    # The lock comes before the look for answers, so that a twin of this call ends first.
    kept = await ledger.lock(connection, list({a.ask.case_id for a in asked}), _holder(asked))
    answers = await answered_before(connection, client, asked)
    new = [a for a in asked if a.key not in answers]

    def worth_keeping(outcomes: Sequence[Outcome]) -> Sequence[Write]:
        answers.update((a.key, tell(outcome, door)) for a, outcome in zip(new, outcomes, strict=True))
        return keeping(client, new, answers)

    if new:
        await act(connection, door, [a.ask for a in new], door.now(), kept, worth_keeping)
    return [answers[a.key] for a in asked]


def _holder(asked: Sequence[Asked]) -> str | None:
    """The platform that asks; None if it is the centre, which may know every case."""
    return next((a.ask.command.platform for a in asked if isinstance(a.ask.command, PlatformAct)), None)


async def answered_before(connection: Connection, client: str, asked: Sequence[Asked]) -> dict[str, Told]:
    """What these keys were told before; `Problem` 422 if one of them was used for another request."""
    stored = await ledger_answers.find(connection, client, [a.key for a in asked])
    if any(a.key in stored and stored[a.key].digest != a.digest for a in asked):
        raise _reused()
    return {key: answer.told for key, answer in stored.items()}


def keeping(client: str, asked: Sequence[Asked], answers: dict[str, Told]) -> list[Write]:
    """The answers to be remembered: all but 404."""
    found = [(a.key, a.digest, answers[a.key]) for a in asked]
    return ledger_answers.store(client, [answer for answer in found if answer[2].status != 404])


def tell(outcome: Outcome, door: Door) -> Told:
    """200 with the case as it now is, or the problem that says why not."""
    if isinstance(outcome.answer, Refusal) or outcome.case is None:
        reason = outcome.answer.reason if isinstance(outcome.answer, Refusal) else "unknown_case"
        response = problems.answer(_problem(reason, outcome))
        return Told(response.status_code, bytes(response.body))
    return Told(200, orjson.dumps(case_answer(outcome.case, door.city)))


def respond(told: Told) -> Response:
    """The response of an answer, told for the first time or again."""
    if told.status != 200:
        return Response(told.body, told.status, media_type="application/problem+json")
    return Response(told.body, 200, {"ETag": f'"{orjson.loads(told.body)["seq"]}"'}, media_type="application/json")


def _problem(reason: str, outcome: Outcome) -> Problem:
    if reason == "unknown_case" or outcome.case is None:
        return unknown_case()
    now: dict[str, Any] = {"state": outcome.case.state, "generation": outcome.case.generation, "seq": outcome.case.seq}
    if reason in FIELDS:
        detail = _DETAILS.get(reason, "The act lacks something.")
        return Problem(422, reason, detail, field=FIELDS[reason], extra=now)
    if reason == "changed_meanwhile":
        return Problem(412, reason, "The case has changed since you saw it.", field="If-Match", extra=now)
    field = "generation" if reason in ("older_generation", "generation_unknown") else None
    return Problem(409, reason, _DETAILS.get(reason, "The case does not allow this now."), field=field, extra=now)


def _reused() -> Problem:
    return Problem(422, "idempotency_key_reused", "This key was used for another request.", field="Idempotency-Key")
