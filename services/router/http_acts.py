"""How an act comes in by HTTP: who, once, on what; and how its answer goes out, the same each time it is asked."""

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
from services.router import ledger
from services.router.act import Ask, Door, Outcome, act
from services.router.case_answer import case_answer
from services.router.commands import PlatformAct, Refusal
from services.router.decide import is_with_another
from services.router.http_keys import Keyed, answered_before, keeping, key_reused
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
    "after_photo_missing": "`media` is required: this category needs a photo taken after the work was done.",
    "text_too_short": "`text` is too short: say what was done.",
    "category_missing": "`category` is required: the case has none yet.",
    "category_unknown": "The city has no such category. GET /v1/categories on intake lists them.",
    "district_missing": "`district` is required: the case has none yet.",
    "district_unknown": "The city has no such district.",
    "platform_unknown": "The city has no such platform. GET /v1/platforms lists them.",
    "report_not_joined": "This report does not belong to the case.",
    "same_case": "A case cannot be linked to itself.",
    "linked_to_not_open": "The other case does not exist or has ended: link to an open one.",
    "reason_unknown": "This code is not one for this act. GET /v1/reasons lists the codes.",
    "older_generation": "The case has been dispatched again since. Read it and decide anew.",
    "generation_unknown": "The case has not been dispatched so often yet.",
    "not_yours": "The case is not with your platform now.",
    "no_candidate_left": "The rules name no other platform. Name a `platform` or an `owner`.",
    "no_such_request": "No request of this kind is waiting for an answer.",
    "decision_is_final": "The centre has decided that the case is yours.",
    "overdue": "The deadline is over: more time is not given any more.",
    "extended_enough": "The case has been extended as often as it may be.",
    "nothing_to_correct": "Category, district and place are as you name them already.",
    "request_waiting": "An earlier request has not been answered yet.",
    "until_in_past": "The clock can only stand still until a later time.",
    "until_too_far": "The clock may not stand still for so long.",
    "first_report": "The report that opened the case cannot leave it; link the case instead.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One act as a client asked for it: its key with the digests of the request, and the command."""

    keyed: Keyed
    ask: Ask

    @property
    def key(self) -> str:
        return self.keyed.key


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


def case_id_from(text: str) -> UUID:
    """The case id in a path. The answer is 404 `unknown_case` if it is not a UUID."""
    try:
        return UUID(text)
    except ValueError as why:
        raise unknown_case() from why


def unknown_case(field: str = "case_id") -> Problem:
    """The same answer for a case that does not exist and for another platform's."""
    return Problem(404, "unknown_case", "There is no such case for you.", field=field)


async def act_once(door: Door, client: str, asked: Sequence[Asked], whole: Keyed | None = None) -> list[Told]:
    """Acts and remembers each answer with its key in one transaction; a key seen before gets the same answer again.

    `whole` is the request of which `asked` are the items.
    """
    return await committed(door, lambda connection: _told(connection, door, client, asked, whole))


async def committed(door: Door, work: Callable[[Connection], Awaitable[T]]) -> T:
    """What `work` answers, once all that it wrote is committed."""
    try:
        async with door.database.transaction() as connection:
            done = await work(connection)
    except asyncpg.UniqueViolationError as why:  # the same key was used at the same moment for another case
        raise key_reused() from why
    faults.reach("router.answered")
    return done


async def _told(
    connection: Connection, door: Door, client: str, asked: Sequence[Asked], whole: Keyed | None
) -> list[Told]:
    # The lock comes before the look for answers, so that a twin of this call ends first.
    kept = await ledger.lock(connection, list({a.ask.case_id for a in asked}), _holder(asked))
    answers = await answered_before(connection, client, [*(a.keyed for a in asked), *([whole] if whole else [])])
    new = [a for a in asked if a.key not in answers]
    marker = whole if whole is not None and whole.key not in answers else None

    def worth_keeping(outcomes: Sequence[Outcome]) -> Sequence[Write]:
        answers.update((a.key, tell(outcome, door)) for a, outcome in zip(new, outcomes, strict=True))
        return keeping(client, [a.keyed for a in new], answers, marker)

    if new:
        await act(connection, door, [a.ask for a in new], door.now(), kept, worth_keeping)
    return [answers[a.key] for a in asked]


def _holder(asked: Sequence[Asked]) -> str | None:
    """The platform that asks; None if it is the centre, which may know every case."""
    return next((a.ask.command.platform for a in asked if isinstance(a.ask.command, PlatformAct)), None)


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
    if is_with_another(outcome.case, outcome.ask.command):
        del now["state"], now["seq"]
    if reason in FIELDS:
        detail = _DETAILS.get(reason, "This field is missing or does not fit the case.")
        return Problem(422, reason, detail, field=FIELDS[reason], extra=now)
    if reason == "changed_meanwhile":
        return Problem(
            412, reason, "The case has changed since you saw it. Read it and decide anew.", field="If-Match", extra=now
        )
    field = "generation" if reason in ("older_generation", "generation_unknown") else None
    fallback = f"This is not allowed as the case is now: {outcome.case.state}."
    return Problem(409, reason, _DETAILS.get(reason, fallback), field=field, extra=now)
