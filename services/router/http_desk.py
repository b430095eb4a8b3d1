"""The centre's lists by HTTP: review with suggested answers, arbitration, requests, overdue, by platform, reasons."""

from typing import Any

from fastapi import APIRouter, Request, Response

from chassis.http.queries import one_of, queries, some_of
from services.router import ledger_accounts, ledger_lists
from services.router.act import Door
from services.router.case import Case
from services.router.case_answer import case_answer, local
from services.router.http_bodies import as_json
from services.router.http_queries import CURSOR, LIMIT, Period, cursor_of
from services.router.ledger_lists import Listed
from services.router.suggestion import Likeness, suggested

ARBITRATION = ("arbitration", "no_platform")
REQUESTS = ("extension", "suspension", "dispute")
BOUNCED_BY = ("rule", "category", "platform", "reason")


def routes(door: Door) -> APIRouter:
    """The lists of the centre and operations."""
    api = APIRouter(tags=["centre"])
    _add_waiting(api, door)
    of_platform, period = one_of("platform", door.city.platforms), Period(door.city)
    bounced_by = some_of("by", BOUNCED_BY, ("rule", "category", "platform"))

    @api.get("/v1/overdue", openapi_extra=queries(of_platform, CURSOR, LIMIT))
    async def overdue(request: Request) -> Response:
        """What platforms should have handled and have not, longest overdue first."""
        door.keys.admit(request, "centre", "ops")
        platform = of_platform.of(request)
        page = await ledger_lists.overdue(door.database, platform, door.now(), CURSOR.of(request), LIMIT.of(request))
        return _page(page, [case_answer(case, door.city) for case in page.cases])

    @api.get("/v1/returns", openapi_extra=queries(bounced_by, period.since, period.until))
    async def returns(request: Request) -> Response:
        """The bounce ledger: how often dispatches came back, by rule, category, platform, reason; most first."""
        door.keys.admit(request, "centre", "ops")
        by = bounced_by.of(request)
        since, until = period.of(request, door.now())
        rows = await ledger_accounts.returns(door.database, since, until, by)
        items = [{**row, "last_at": local(row["last_at"], door.city)} for row in rows]
        return as_json({"items": items, "since": local(since, door.city), "until": local(until, door.city)})

    @api.get("/v1/reasons")
    async def reasons(request: Request) -> Response:
        """The codes that may be given for each act, with their words."""
        door.keys.admit(request, "centre", "ops", "platform")
        acts = dict.fromkeys(act for act, _ in door.city.reasons)
        items = {act: [{"code": c, "text": door.city.reasons[act, c]} for c in door.city.codes(act)] for act in acts}
        return as_json({"items": items})

    return api


def _add_waiting(api: APIRouter, door: Door) -> None:
    likeness, kind_of_request = Likeness(door.city.synonyms), one_of("request", REQUESTS)

    def answered(case: Case) -> dict[str, Any]:
        return {**case_answer(case, door.city), "suggestion": suggested(case, door.city, likeness)}

    @api.get("/v1/review", openapi_extra=queries(CURSOR, LIMIT))
    async def review(request: Request) -> Response:
        """What waits for the centre, longest first: why, and an answer that you might give."""
        door.keys.admit(request, "centre", "ops")
        page = await ledger_lists.waiting(door.database, (), CURSOR.of(request), LIMIT.of(request))
        return _page(page, [answered(case) for case in page.cases])

    @api.get("/v1/arbitration", openapi_extra=queries(CURSOR, LIMIT))
    async def arbitration(request: Request) -> Response:
        """Cases that no platform has: returned too often, or nobody is left; longest waiting first."""
        door.keys.admit(request, "centre", "ops")
        page = await ledger_lists.waiting(door.database, ARBITRATION, CURSOR.of(request), LIMIT.of(request))
        return _page(page, [answered(case) for case in page.cases])

    @api.get("/v1/requests", openapi_extra=queries(kind_of_request, CURSOR, LIMIT))
    async def requests(request: Request) -> Response:
        """Extensions, suspensions and disputes that wait for your yes or no, nearest deadline first."""
        door.keys.admit(request, "centre", "ops")
        kind = kind_of_request.of(request)
        page = await ledger_lists.requesting(door.database, kind, CURSOR.of(request), LIMIT.of(request))
        return _page(page, [case_answer(case, door.city) for case in page.cases])


def _page(page: Listed, items: list[dict[str, Any]]) -> Response:
    return as_json({"items": items, "next": cursor_of(page.place)})
