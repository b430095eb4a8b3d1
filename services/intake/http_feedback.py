"""Additions, disputes and ratings in: durable on Kafka before 202, like reports, and only when they have their time."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import FastAPI, Request, Response

from chassis.http.bodies import read_json
from chassis.http.problems import Problem
from chassis.logs import log
from schemas.ids import case_id_of
from schemas.reports import MOST_ADDITIONS
from services.intake.claim import Unfit
from services.intake.feedback import (
    KIND_OF,
    Addition,
    Dispute,
    Feedback,
    Rating,
    Refused,
    Said,
    feedback_id_of,
    understand_feedback,
    why_refused,
)
from services.intake.fingerprint import fingerprint_of_feedback
from services.intake.http import LARGEST_BODY, Door, accepted, documented, idempotency_key, publish, unfit
from services.intake.http_repeats import Sent, surely_taken, taken_after_all, taken_before
from services.intake.http_tracking import Window, caught_up, find, model_behind, shown, uuid_of
from services.intake.read_model_digests import Digests
from services.intake.read_model_wait import Wait

Answer = Refused | Literal["taken"] | None
"""Why not; or that it was taken before under this key; or nothing against it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What feedback needs: the way in, the way out, what was said before, and how far the model of cases has come."""

    door: Door
    window: Window
    digests: Digests
    cases: Wait


def add_feedback(app: FastAPI, desk: Desk) -> None:
    """Adds `POST /v1/reports/{report_id}/dispute`, `…/rating` and `…/additions`."""

    @app.post(
        "/v1/reports/{report_id}/dispute", status_code=202, openapi_extra=documented(Dispute, "dispute"),
        summary="Say that what was closed is not done", tags=["reports"],
    )  # fmt: skip
    async def dispute_report(request: Request, report_id: str) -> Response:
        return await send_feedback(request, report_id, Dispute, desk)

    @app.post(
        "/v1/reports/{report_id}/rating", status_code=202, openapi_extra=documented(Rating, "rating"),
        summary="Rate the result", tags=["reports"],
    )  # fmt: skip
    async def rate_report(request: Request, report_id: str) -> Response:
        return await send_feedback(request, report_id, Rating, desk)

    @app.post(
        "/v1/reports/{report_id}/additions", status_code=202, openapi_extra=documented(Addition, "addition"),
        summary="Add words or photos to an open report", tags=["reports"],
    )  # fmt: skip
    async def add_to_report(request: Request, report_id: str) -> Response:
        return await send_feedback(request, report_id, Addition, desk)


async def send_feedback(request: Request, report_id: str, body: type[Said], desk: Desk) -> Response:
    """Parse, ask, publish, tell. What was taken once under its key is answered the same whatever came of it."""
    client = desk.door.keys.admit(request, "app")
    key, subject = idempotency_key(request), uuid_of(report_id)
    claimed = await read_json(request, LARGEST_BODY)
    fingerprint = fingerprint_of_feedback(claimed, KIND_OF[body], desk.door.terms.receipt_key)
    sent = Sent(feedback_id_of(client.name, subject, body, key), subject, client.name, fingerprint)
    if not await taken_before(sent, desk.digests):
        await _take(sent, claimed, body, desk)
    log.info(KIND_OF[body], report_id=str(subject), app=client.name)
    return accepted(subject)


async def _take(sent: Sent, claimed: Any, body: type[Said], desk: Desk) -> None:
    door = desk.door
    feedback = understand_feedback(
        claimed, body, sent.report_id, sent.app, datetime.now(UTC), door.terms, door.city.words
    )
    if isinstance(feedback, Unfit):
        if feedback.for_now and await taken_after_all(sent, desk.digests, desk.window.wait):
            return
        raise unfit("unfit_feedback", feedback)
    answer = await _settled(feedback, sent, desk)
    if answer is None:
        said = feedback.model_copy(update={"request_digest": sent.fingerprint.request})
        await publish(said, sent.subject_id, desk.door)
        desk.digests.remember(sent.subject_id, sent.fingerprint)
    elif answer != "taken":
        raise _refused(answer, desk)


async def _settled(feedback: Feedback, sent: Sent, desk: Desk) -> Answer:
    answer = await _asked(feedback, desk)
    if answer is None:
        return None
    # The app may have heard of the result before these models have, or this may be the retry of what opened the case
    # again: until they have caught up, "no" would be a guess.
    passed = await _caught_up(feedback, desk)
    if await surely_taken(sent, desk.digests):
        return "taken"
    answer = await _asked(feedback, desk)
    if answer is not None and not passed:
        raise model_behind()
    return answer


async def _asked(feedback: Feedback, desk: Desk) -> Refused | None:
    told = await _told(feedback, desk)
    replied_at = datetime.fromisoformat(told["reply"]["at"]) if told["reply"] else None
    window, additions = desk.window.city.dispute_window, len(told["additions"])
    return why_refused(feedback, told["state"], replied_at, window, additions)


async def _caught_up(feedback: Feedback, desk: Desk) -> bool:
    told = await _told(feedback, desk)
    case_id = UUID(told["case_id"]) if told["case_id"] else case_id_of(feedback.report_id)
    asked = ((desk.window.wait, feedback.report_id), (desk.cases, case_id))
    return all(await asyncio.gather(*(caught_up(wait, key, feedback.app) for wait, key in asked)))


async def _told(feedback: Feedback, desk: Desk) -> dict[str, Any]:
    return shown(await find(feedback.report_id, feedback.app, desk.window), desk.window.city)


def _refused(why: Refused, desk: Desk) -> Problem:
    if why == "not_closed":
        return Problem(409, why, "Only what is closed can be disputed, and only what has its result can be rated.")
    if why == "report_closed":
        return Problem(409, why, "The report has its result. Dispute it if it is not done, or send a new report.")
    if why == "too_many_additions":
        return Problem(409, why, f"A report takes {MOST_ADDITIONS} additions at most.")
    days = desk.window.city.dispute_window.days
    return Problem(409, why, f"A result can be disputed for {days} days. Send a new report.")
