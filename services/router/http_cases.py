"""Reading cases by HTTP: one with its history and the reasons for its platforms, all that are wanted, platforms."""

from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from chassis.http.direct import queries
from chassis.http.problems import Problem
from services.router import ledger_events, ledger_reads
from services.router.act import Door
from services.router.case_answer import case_answer, for_the_centre
from services.router.explanation import choices
from services.router.http_acts import case_id_from, unknown_case
from services.router.http_bodies import as_json
from services.router.http_queries import cursor_of, one_of, page_size, place
from services.router.ledger_reads import Wanted
from services.router.transitions import ALLOWED


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
    @api.get(
        "/v1/cases",
        openapi_extra=queries(
            "state", "platform", "district", "category", "case_number", "report_id", "cursor", "limit"
        ),
    )
    async def cases(request: Request) -> Response:
        """Cases, oldest first, narrowed by what you name."""
        door.keys.admit(request, "centre", "ops")
        return await _cases(door, request)

    @api.get("/v1/platforms")
    async def platforms(request: Request) -> Response:
        """The platforms of the city, in the pack's order."""
        door.keys.admit(request, "centre", "ops")
        items = [{"code": code, "name": name} for code, name in door.city.platforms.items()]
        return as_json({"items": items, "city_version": door.city.version})


async def _cases(door: Door, request: Request) -> Response:
    if "report_id" in request.query_params:
        return await _case_of_report(door, request.query_params["report_id"])
    asked = request.query_params
    wanted = Wanted(
        one_of(request, "state", tuple(ALLOWED)),
        one_of(request, "platform", tuple(door.city.platforms)),
        one_of(request, "district", tuple(door.city.rules.platform_of_district)),
        one_of(request, "category", tuple(door.city.clocks)),
        asked.get("case_number"),
    )
    page = await ledger_reads.cases(door.database, wanted, place(request), page_size(request))
    return as_json({"items": [case_answer(case, door.city) for case in page.cases], "next": cursor_of(page.place)})


async def _case_of_report(door: Door, text: str) -> Response:
    try:
        report_id = UUID(text)
    except ValueError as why:
        raise Problem(422, "report_id_unfit", "A report_id is a UUID.", field="report_id") from why
    case_id = await ledger_reads.case_of_report(door.database, report_id)
    found = await ledger_reads.one(door.database, case_id) if case_id else None
    return as_json({"items": [case_answer(found, door.city)] if found else [], "next": ""})
