"""How an act comes in by HTTP: who, once, on what; and how its answer goes out, the same each time it is asked."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import orjson
from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

from chassis import faults
from chassis.http import problems
from chassis.http.bodies import barred_characters, read_json
from chassis.http.problems import FieldError, Problem
from chassis.logs import log
from chassis.postgres.together import Write
from services.router import ledger, ledger_answers
from services.router.act import Ask, Door, Outcome, act
from services.router.case_answer import case_answer
from services.router.commands import Refusal
from services.router.ledger_answers import Told

MOST_BYTES = 256 * 1024
FIELDS = {
    "after_photo_missing": "media", "text_too_short": "text", "category_missing": "category",
    "category_unknown": "category", "district_missing": "district", "district_unknown": "district",
    "platform_unknown": "platform",
}  # fmt: skip
"""Refusals that a field of the body is to blame for: 422 instead of 409."""
_REASONS = {"missing": "missing", "extra_forbidden": "unknown_field", "string_too_short": "too_short"}
_REASONS |= {"string_too_long": "too_long", "too_long": "too_many", "too_short": "too_few"}


class Body(BaseModel):
    """The strict body of an act: no unknown fields, no text that looks like something else."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


B = TypeVar("B", bound=Body)


@dataclass(frozen=True, slots=True)
class Asked:
    """One act as a client asked for it: its key (in full), a digest of the request, and the command."""

    key: str
    digest: bytes
    ask: Ask


def documented(model: type[Body]) -> dict[str, Any]:
    """What the OpenAPI page says about an act's body and its key."""
    body = {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}
    key = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string", "maxLength": 255}}
    return {"requestBody": body, "parameters": [key]}


async def read_body(request: Request, model: type[B]) -> B:
    """The body as `model`, or a `Problem` that names every unfit field and why."""
    value = await read_json(request, MOST_BYTES)
    try:
        body = model.model_validate_json(orjson.dumps(value))
    except ValidationError as why:
        errors = [
            FieldError(path_of(e["loc"]), _REASONS.get(e["type"], "unfit"), e["msg"])
            for e in why.errors(include_url=False)
        ]
        raise Problem(422, "unfit_body", "The body does not fit.", errors=errors) from why
    for field, text in _texts("", value):
        if barred_characters(text):
            raise Problem(422, "control_characters", "Control and direction characters are refused.", field=field)
    return body


def path_of(parts: Sequence[int | str]) -> str:
    """`items[3].text` from the parts of a path."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "body"


def _texts(path: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path or "body", value)]
    if isinstance(value, dict):
        return [found for name, v in value.items() for found in _texts(f"{path}.{name}".lstrip("."), v)]
    if isinstance(value, list):
        return [found for n, v in enumerate(value) for found in _texts(f"{path}[{n}]", v)]
    return []


def key_of(request: Request) -> str:
    """The Idempotency-Key: 1 to 255 printable ASCII characters; 400 otherwise."""
    key: str = request.headers.get("idempotency-key", "")
    if not key:
        raise Problem(400, "idempotency_key_missing", "Send an Idempotency-Key of your own.", field="Idempotency-Key")
    if len(key) > 255 or not (key.isascii() and key.isprintable()):
        raise Problem(400, "idempotency_key_unfit", "1 to 255 printable ASCII characters.", field="Idempotency-Key")
    return key


def digest_of(*parts: str) -> bytes:
    """What tells two requests under the same key apart."""
    return hashlib.sha256("\n".join(parts).encode()).digest()


def case_id_from(text: str) -> UUID:
    """The id in a path; what is none is a case that does not exist."""
    try:
        return UUID(text)
    except ValueError as why:
        raise unknown_case() from why


def unknown_case() -> Problem:
    """The same answer for a case that does not exist and for another platform's."""
    return Problem(404, "unknown_case", "There is no such case for you.", field="case_id")


async def act_once(door: Door, client: str, asked: Sequence[Asked]) -> list[Told]:
    """Acts and remembers each answer with its key in one transaction; a key seen before gets the same answer again."""
    try:
        async with door.database.transaction() as connection:
            told = await _told(connection, door, client, asked)
    except asyncpg.UniqueViolationError as why:  # the same key was used at the same moment for another case
        raise _reused() from why
    door.waking.tell()
    faults.reach("router.answered")
    return told


async def _told(connection: Any, door: Door, client: str, asked: Sequence[Asked]) -> list[Told]:
    kept = await ledger.lock(connection, list({a.ask.case_id for a in asked}))  # before looking for answers: a
    stored = await ledger_answers.find(connection, client, [a.key for a in asked])  # twin of this call ends first
    if any(a.key in stored and stored[a.key].digest != a.digest for a in asked):
        raise _reused()
    new = [a for a in asked if a.key not in stored]
    answers = {key: answer.told for key, answer in stored.items()}

    def worth_keeping(outcomes: Sequence[Outcome]) -> Sequence[Write]:
        answers.update((a.key, tell(outcome, door)) for a, outcome in zip(new, outcomes, strict=True))
        found = [(a.key, a.digest, answers[a.key]) for a in new]
        return ledger_answers.store(client, [answer for answer in found if answer[2].status != 404])

    if new:
        await act(connection, door, [a.ask for a in new], door.now(), kept, worth_keeping)
    return [answers[a.key] for a in asked]


def tell(outcome: Outcome, door: Door) -> Told:
    """200 with the case as it now is, or the problem that says why not."""
    if isinstance(outcome.answer, Refusal) or outcome.case is None:
        reason = outcome.answer.reason if isinstance(outcome.answer, Refusal) else "unknown_case"
        response = problems.answer(_problem(reason, outcome))
        return Told(response.status_code, bytes(response.body))
    for event in outcome.answer:
        log.info(event.kind, case_id=str(event.case_id), seq=event.seq, by=event.by)
    return Told(200, orjson.dumps(case_answer(outcome.case, door.city)))


def respond(told: Told) -> Response:
    """The response of an answer, told for the first time or again."""
    kind = "application/json" if told.status == 200 else "application/problem+json"
    return Response(told.body, told.status, media_type=kind)


def _problem(reason: str, outcome: Outcome) -> Problem:
    if reason == "unknown_case" or outcome.case is None:
        return unknown_case()
    now = {"state": outcome.case.state, "generation": outcome.case.generation}
    if reason in FIELDS:
        return Problem(422, reason, "The act lacks something.", field=FIELDS[reason], extra=now)
    field = "generation" if reason in ("older_generation", "generation_unknown") else None
    return Problem(409, reason, "The case does not allow this now.", field=field, extra=now)


def _reused() -> Problem:
    return Problem(422, "idempotency_key_reused", "This key was used for another request.", field="Idempotency-Key")
