"""Disputes and ratings in: durable on Kafka before 202, like reports, and only once there is a result to speak of."""

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
from services.intake.claim import Unfit
from services.intake.feedback import (
    Dispute,
    Feedback,
    Rating,
    Refused,
    digest_of,
    feedback_id_of,
    understand_feedback,
    why_refused,
)
from services.intake.http import LARGEST_BODY, Door, accepted, documented, idempotency_key, key_reused, publish, unfit
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
    """Adds `POST /v1/reports/{report_id}/dispute` and `…/rating`."""

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


async def send_feedback(request: Request, report_id: str, body: type[Dispute | Rating], desk: Desk) -> Response:
    """Parse, ask, publish, tell. What was taken once under its key is answered the same whatever came of it."""
    client = desk.door.keys.admit(request, "app")
    key, subject = idempotency_key(request), uuid_of(report_id)
    claimed = await read_json(request, LARGEST_BODY)
    feedback = understand_feedback(claimed, body, subject, client.name, datetime.now(UTC), desk.door.terms)
    if isinstance(feedback, Unfit):
        raise unfit("unfit_feedback", feedback)
    event_id = feedback_id_of(feedback, key)
    answer = await _settled(feedback, event_id, desk)
    if answer is None:
        await publish(feedback, event_id, desk.door)
        desk.digests.remember(event_id, digest_of(feedback))
    elif answer != "taken":
        raise _refused(answer, desk)
    log.info(feedback.kind, report_id=str(subject), app=client.name)
    return accepted(subject)


async def _settled(feedback: Feedback, event_id: UUID, desk: Desk) -> Answer:
    answer = await _asked(feedback, event_id, desk)
    if answer != "not_closed":
        return answer
    # The app may have heard of the result before these models have, or this may be the retry of what opened the case
    # again: until they have caught up, "no" would be a guess.
    passed = await _caught_up(feedback, desk)
    answer = await _asked(feedback, event_id, desk)
    if answer == "not_closed" and not passed:
        raise model_behind()
    return answer


async def _asked(feedback: Feedback, event_id: UUID, desk: Desk) -> Answer:
    known = await desk.digests.known(event_id)
    if known is not None and known != digest_of(feedback):
        raise key_reused()
    if known is not None:
        return "taken"
    told = await _told(feedback, desk)
    replied_at = datetime.fromisoformat(told["reply"]["at"]) if told["reply"] else None
    return why_refused(feedback, told["state"], replied_at, desk.window.city.dispute_window)


async def _caught_up(feedback: Feedback, desk: Desk) -> bool:
    told = await _told(feedback, desk)
    case_id = UUID(told["case_id"]) if told["case_id"] else case_id_of(feedback.report_id)
    asked = ((desk.window.wait, feedback.report_id), (desk.cases, case_id))
    return all(await asyncio.gather(*(caught_up(wait, key, feedback.app) for wait, key in asked)))


async def _told(feedback: Feedback, desk: Desk) -> dict[str, Any]:
    return shown(await find(feedback.report_id, feedback.app, desk.window), desk.window.city)


def _refused(why: Refused, desk: Desk) -> Problem:
    if why == "not_closed":
        return Problem(409, why, "There is no result of this report to speak of: it has none yet, or no longer.")
    days = desk.window.city.dispute_window.days
    return Problem(409, why, f"A result can be disputed for {days} days. Send a new report.")
