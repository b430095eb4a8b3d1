"""Reports in: what an upstream app sends becomes a record on Kafka, and 202 only once it is there durably."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from fastapi import FastAPI, Request, Response

from chassis import faults
from chassis.http.bodies import read_json
from chassis.http.openapi import schema_of
from chassis.http.problems import FieldError, Problem
from chassis.kafka.envelope import headers_of
from chassis.kafka.producer import Publisher, Unsent
from chassis.keys import Client, Keys
from chassis.logs import log
from chassis.personal import mask
from schemas.ids import event_id_of, report_id_of
from schemas.reports import ReportEvent, ReportReceived
from schemas.topics import REPORTS
from services.intake.city import City
from services.intake.claim import Claim, Unfit
from services.intake.contact import Sealer
from services.intake.fingerprint import fingerprint_of_report
from services.intake.http_repeats import Sent, taken_after_all, taken_before
from services.intake.read_model_digests import Digests
from services.intake.read_model_wait import Wait
from services.intake.report import Report, Terms, Understood, understand
from services.intake.screening import screen

LARGEST_BODY = 65_536
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class Door:
    """What the door needs to take reports."""

    keys: Keys
    city: City
    terms: Terms
    sealer: Sealer
    digests: Digests
    wait: Wait
    publisher: Publisher
    publish_seconds: float


def add_reports(app: FastAPI, door: Door) -> None:
    """Adds `POST /v1/reports` and `GET /v1/categories`."""

    documents = documented(Report, "report")

    @app.post("/v1/reports", status_code=202, openapi_extra=documents, summary="Send a report", tags=["reports"])
    async def post_report(request: Request) -> Response:
        return await submit_report(request, door)

    catalogue = orjson.dumps({"items": [_listed(door.city, code) for code in sorted(door.city.categories)]})

    @app.get("/v1/categories", summary="The catalogue", tags=["reports"])
    async def list_categories(request: Request) -> Response:
        door.keys.admit(request, "app", "platform", "centre")
        return Response(catalogue, media_type="application/json", headers={"Cache-Control": "private, max-age=300"})


async def submit_report(request: Request, door: Door) -> Response:
    """Parse, ask, publish, tell. The same key always names the same report, however often it is sent."""
    client = door.keys.admit(request, "app")
    report_id = report_id_of(client.name, idempotency_key(request))
    claimed = await read_json(request, LARGEST_BODY)
    sent = Sent(report_id, report_id, client.name, fingerprint_of_report(claimed, door.terms.receipt_key))
    if not await taken_before(sent, door.digests):
        await _take(sent, claimed, client, door)
    faults.reach("intake.acked")
    log.info("report.received", report_id=str(report_id), app=client.name)
    answer = accepted(report_id)
    faults.reach("intake.answered")
    return answer


async def _take(sent: Sent, claimed: Any, client: Client, door: Door) -> None:
    at = datetime.now(UTC)
    understood = understand(claimed, client.name, at, door.terms)
    if isinstance(understood, Unfit):
        if understood.for_now and await taken_after_all(sent, door.digests, door.wait):
            return
        raise unfit("unfit_report", understood)
    received = _received(sent, client, understood, at, door)
    faults.reach("intake.placed")
    await publish(received, event_id_of(sent.report_id, received.kind), door)
    door.digests.remember(sent.report_id, sent.fingerprint)


async def publish(event: ReportEvent, event_id: UUID, door: Door) -> None:
    """Returns once the record is durable. `Problem` 503: not_durable, overloaded."""
    unsent = Unsent(
        REPORTS.name,
        str(event.report_id).encode(),
        event.model_dump_json().encode(),
        headers_of(event_id, event.kind, REPORTS.writer, event.at),
    )
    outcome = await door.publisher.publish(unsent, door.publish_seconds)
    faults.reach("intake.sent")
    if outcome == "unconfirmed":  # it may still arrive; the derived id makes that harmless
        raise Problem(503, "not_durable", "Send it again with the same Idempotency-Key.", retry_after=2)
    if outcome == "overloaded":
        raise Problem(503, "overloaded", "Too many wait already. Send it again, same key.", retry_after=1)


def documented(body: type[Claim], noun: str) -> dict[str, Any]:
    """What the OpenAPI page says of a call that brings `body`, each `noun` under a key of its own."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": (
            f"Yours, one for each {noun}; send the same with every retry. 1 to 200 visible characters. Another body "
            "under it is refused (422); of two bodies sent at nearly the same moment, the first one stored counts, "
            "although both may be answered 202."
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    }
    content = {"application/json": {"schema": schema_of(body)}}
    return {"requestBody": {"required": True, "content": content}, "parameters": [key]}


def unfit(reason: str, why: Unfit) -> Problem:
    """The answer to a body that cannot be taken, which names every field at fault."""
    errors = [FieldError(fault.field, fault.reason, fault.detail) for fault in why.faults]
    return Problem(422, reason, "Some fields do not fit: `errors` names them.", errors=errors)


def _received(sent: Sent, client: Client, understood: Understood, at: datetime, door: Door) -> ReportReceived:
    report_id = sent.report_id
    said = understood.claimed
    text, in_text = mask(said.text, door.terms.public_numbers)
    address, in_address = mask(said.place.address, door.terms.public_numbers)
    personal = list(dict.fromkeys((*in_text, *in_address)))
    seal = door.sealer.seal
    return ReportReceived(
        at=at,
        report_id=report_id,
        app=client.name,
        reporter_ref=said.reporter.ref,
        text=text,
        category=said.category,
        place=understood.place.model_copy(update={"address": address}) if in_address else understood.place,
        media=understood.photos,
        observed_at=understood.observed_at,
        findings=screen(f"{said.text}\n{said.place.address}", personal, bool(said.media), door.city.words),
        contact=seal(report_id, client.name, phone=said.reporter.phone) if said.reporter.phone else None,
        original_text=seal(report_id, client.name, text=said.text, address=said.place.address) if personal else None,
        body_digest=sent.fingerprint.body,
        request_digest=sent.fingerprint.request,
        city_version=door.city.version,
    )


def idempotency_key(request: Request) -> str:
    """The caller's own key for this call. `Problem` 400: idempotency_key_missing, idempotency_key_unfit."""
    key = request.headers.get("idempotency-key")
    if key is None:
        raise Problem(400, "idempotency_key_missing", "Send an Idempotency-Key of your own.", field="Idempotency-Key")
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Problem(400, "idempotency_key_unfit", "1 to 200 visible ASCII characters.", field="Idempotency-Key")
    return key


def accepted(report_id: UUID) -> Response:
    """202: what was said is durable, and where to see what becomes of it."""
    body = b'{"report_id":"%b","status":"received","tracking":"/v1/reports/%b"}' % ((str(report_id).encode(),) * 2)
    return Response(body, 202, {"Location": f"/v1/reports/{report_id}"}, media_type="application/json")


def _listed(city: City, code: str) -> dict[str, Any]:
    category = city.categories[code]
    return {
        "code": category.code,
        "name": category.name,
        "class": {"code": category.class_code, "name": category.class_name},
        "clock": {"kind": category.clock, "amount": category.amount},
    }
