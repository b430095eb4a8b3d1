"""A platform's worklist by HTTP: by deadline, in sweeps that pass no case, waiting for work if there is none."""

import asyncio

from fastapi import APIRouter, Request, Response

from chassis.http.problems import Problem
from chassis.http.queries import number, queries, some_of
from chassis.postgres.horizon import look_soon
from services.router import ledger_lists
from services.router.act import Door
from services.router.case_answer import case_answer
from services.router.http_bodies import as_json
from services.router.http_queries import LIMIT, SWEEP, cursor_of_sweep

LONGEST_WAIT = 30
POLL_SECONDS = 0.9
"""Work that another process gave is seen within this time."""
STATES = ("dispatched", "accepted", "suspended", "handled")
OPEN_WORK = ("dispatched", "accepted", "suspended")
STATE, WAIT = some_of("state", STATES, OPEN_WORK), number("wait", 0, LONGEST_WAIT, 0)


def routes(door: Door) -> APIRouter:
    """The platform's own list, and the same for the centre."""
    api = APIRouter(tags=["platforms"])

    @api.get("/v1/platforms/me/cases", openapi_extra=queries(STATE, SWEEP, LIMIT, WAIT))
    async def worklist(request: Request) -> Response:
        """Your cases, nearest deadline first; waits up to `wait` seconds for the first.

        `state` takes several between commas. With `next` as `cursor` the list goes on; at its end, the cursor leads on
        to what is dispatched to you from then on, again by deadline. Nothing is passed.
        """
        platform = door.keys.admit(request, "platform").name
        return await _worklist(door, platform, request)

    @api.get("/v1/platforms/{code}/cases", openapi_extra=queries(STATE, SWEEP, LIMIT, WAIT))
    async def worklist_of(request: Request, code: str) -> Response:
        """A platform's cases for the centre, as the platform itself is told them."""
        door.keys.admit(request, "centre", "ops")
        if code not in door.city.platforms:
            raise Problem(404, "platform_unknown", "There is no such platform.", field="code")
        return await _worklist(door, code, request)

    return api


async def _worklist(door: Door, platform: str, request: Request) -> Response:
    states, begun, limit = STATE.of(request), SWEEP.of(request), LIMIT.of(request)
    until = asyncio.get_running_loop().time() + WAIT.of(request)

    async def look() -> ledger_lists.Worklist:
        return await ledger_lists.worklist(door.database, platform, states, begun, limit)

    page = await look()
    while not page and not door.waking.ended and (left := until - asyncio.get_running_loop().time()) > 0:
        begun = page.onward
        woken = await door.waking.wait(platform, min(left, POLL_SECONDS))
        page = await (look_soon(look) if woken else look())
    items = [case_answer(case, door.city) for case in page.cases]
    body = {"items": items, "next": cursor_of_sweep(page.onward)}
    return as_json(body)
