"""Reports out: what became of a report, to the app that sent it and to nobody else."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from fastapi import FastAPI, Request, Response

from chassis.http.problems import Problem
from chassis.keys import Keys
from chassis.postgres.pool import Database
from schemas import cases, notices
from schemas.events import read
from schemas.reports import ReportReceived
from services.intake.city import City
from services.intake.read_model import Seen, seen
from services.intake.read_model_wait import Crowded, KafkaAway, Wait
from services.intake.timeline import tell


@dataclass(frozen=True, slots=True)
class Window:
    """What the way out needs to show reports."""

    keys: Keys
    city: City
    database: Database
    wait: Wait


def add_tracking(app: FastAPI, window: Window) -> None:
    """Adds `GET /v1/reports/{report_id}`."""

    @app.get(
        "/v1/reports/{report_id}",
        summary="Status, timeline and reply of a report",
        tags=["reports"],
    )
    async def get_report(request: Request, report_id: str) -> Response:
        client = window.keys.admit(request, "app")
        found = await find(uuid_of(report_id), client.name, window)
        return Response(orjson.dumps(shown(found, window.city)), media_type="application/json")


def shown(found: Seen, city: City) -> dict[str, Any]:
    """The answer's body: rows become events again, events become what a citizen is told."""
    events: list[Any] = [read(cases.KINDS, kind, body.encode()) for kind, body in found.events]
    told: list[Any] = [read(notices.KINDS, kind, body.encode()) for kind, body in found.notices]
    received = ReportReceived.model_validate_json(found.body, extra="ignore")
    unlinked: list[Any] = [read(cases.KINDS, kind, body.encode()) for kind, body in found.unlinked]
    return tell(received, found.joined_at, events, told, city.replies, city.offset, unlinked)


async def find(report_id: UUID, app: str, window: Window) -> Seen:
    """The report, waiting for the read model if it may not have come so far.

    A report of another app is looked for, waited for and answered like one that does not exist.
    """
    found = await seen(window.database, report_id, app)
    if found is None:
        passed = await caught_up(window.wait, report_id, app)
        found = await seen(window.database, report_id, app)
        if found is None and not passed:  # "no" would be a guess: the model has not come so far
            raise model_behind()
    if found is None:
        raise _unknown()
    return found


async def caught_up(wait: Wait, key: UUID | None, app: str) -> bool:
    """Whether the model has passed what the partition of `key` held when this was asked. `Problem`: 429, 503.

    Without a key: what the whole topic held.
    """
    try:
        return await wait.passed(key, app)
    except Crowded as why:
        raise Problem(429, "too_many_waiting", "Too many of your calls wait already.", retry_after=1) from why
    except KafkaAway as why:
        raise Problem(
            503, "kafka_away", "Kafka does not answer, so this cannot be answered yet. Repeat the call.", retry_after=1
        ) from why


def model_behind() -> Problem:
    """The answer when the model has not come so far in time."""
    return Problem(503, "model_behind", "What was just accepted is not readable yet. Repeat the call.", retry_after=1)


def uuid_of(text: str) -> UUID:
    """The report id in a path. The answer is 404 `report_unknown` if it is not a UUID."""
    try:
        return UUID(text)
    except ValueError as why:
        raise _unknown() from why


def _unknown() -> Problem:
    return Problem(404, "report_unknown", "There is no such report of yours.", field="report_id")
