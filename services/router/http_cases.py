"""Reading cases by HTTP: one with its history and the reasons for its platforms, all that are wanted, platforms."""

from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from chassis.http.queries import one_of, queries, some_of, text_like, uuid
from services.router import ledger_events, ledger_reads
from services.router.act import Door
from services.router.case import Case
from services.router.case_answer import case_answer, for_the_centre
from services.router.explanation import choices
from services.router.http_acts import case_id_from, unknown_case
from services.router.http_bodies import as_json
from services.router.http_queries import CURSOR, LIMIT, cursor_of
from services.router.ledger_reads import Wanted
from services.router.transitions import ALLOWED

STATE, REPORT_ID = some_of("state", tuple(ALLOWED)), uuid("report_id")


def routes(door: Door) -> APIRouter:
    """The reads of the centre and operations; a platform reads what it holds."""
    api = APIRouter(tags=["cases"])
    _add_lists(api, door)

    @api.get("/v1/cases/{case_id}")
    async def case(request: Request, case_id: str) -> Response:
        """One case: as it is, why its platform was chosen, and its history."""
        client = door.keys.admit(request, "centre", "ops", "platform")
        holder = client.name if client.kind == "platform" else None
        found = await ledger_reads.one(door.database, case_id_from(case_id), holder)
        if found is None:
            raise unknown_case()
        lines = await ledger_events.lines_of(door.database, found.case_id)
        made = choices(ledger_events.events_in(lines), door.city.platforms)
        body = case_answer(found, door.city) | {"choice": made[-1] if made else None}
        if client.kind != "platform":  # history names reports
            body |= for_the_centre(found) | {"choices": made}
            body["history"] = [ledger_reads.as_told(line) for line in lines]
        return Response(orjson.dumps(body), headers={"ETag": f'"{found.seq}"'}, media_type="application/json")

    return api


def _add_lists(api: APIRouter, door: Door) -> None:
    narrowed = (
        one_of("platform", door.city.platforms),
        one_of("district", door.city.rules.platform_of_district),
        one_of("category", door.city.clocks),
        text_like("case_number", "[^\\x00-\\x1f\\x7f-\\x9f]{1,40}", "A case number has 19 digits."),
    )

    @api.get("/v1/cases", openapi_extra=queries(STATE, *narrowed, REPORT_ID, CURSOR, LIMIT))
    async def cases(request: Request) -> Response:
        """Cases, oldest first, narrowed by what you name; `state` takes several between commas."""
        door.keys.admit(request, "centre", "ops")
        wanted = Wanted(STATE.of(request), *(parameter.of(request) for parameter in narrowed))
        return await _cases(door, request, wanted)

    @api.get("/v1/platforms")
    async def platforms(request: Request) -> Response:
        """The platforms of the city, in the pack's order."""
        door.keys.admit(request, "centre", "ops")
        items = [{"code": code, "name": name} for code, name in door.city.platforms.items()]
        return as_json({"items": items, "city_version": door.city.version})


async def _cases(door: Door, request: Request, wanted: Wanted) -> Response:
    if (report_id := REPORT_ID.of(request)) is not None:
        found = await _case_of_report(door, report_id)
        return as_json({"items": [case_answer(found, door.city)] if found and wanted.has(found) else [], "next": ""})
    page = await ledger_reads.cases(door.database, wanted, CURSOR.of(request), LIMIT.of(request))
    return as_json({"items": [case_answer(case, door.city) for case in page.cases], "next": cursor_of(page.place)})


async def _case_of_report(door: Door, report_id: UUID) -> Case | None:
    case_id = await ledger_reads.case_of_report(door.database, report_id)
    return await ledger_reads.one(door.database, case_id) if case_id else None
