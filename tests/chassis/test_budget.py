"""The budget for bodies: what is held counts until its request ends, however it does; small ones keep their room."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from chassis.http.bodies import read_bytes
from chassis.http.budget import BUDGET, Budget
from chassis.http.direct import Direct
from chassis.http.problems import Problem

LARGE = 11_000_000


def refused(budget: Budget, scope: dict[str, Any], more: int) -> bool:
    try:
        budget.take(scope, more)
    except Problem as why:
        return (503, "busy", 2) == (why.status, why.reason, why.retry_after)
    return False


def test_large_bodies_leave_room_for_small_ones() -> None:
    budget, first, second, small = Budget(most=100, large=80, small=10), {}, {}, {}  # type: ignore[var-annotated]

    assert [False, False] == [refused(budget, first, 50), refused(budget, second, 30)]
    assert [True, True] == [refused(budget, first, 1), refused(budget, small, 11)]
    assert [False, True] == [refused(budget, small, 10), refused(budget, small, 1)]
    assert 90 == budget.used


def test_what_a_request_held_is_free_when_it_ends_and_only_once() -> None:
    budget, scope = Budget(most=100, large=80, small=10), {}  # type: ignore[var-annotated]
    for _ in range(8):
        budget.take(scope, 10)
    budget.release(scope)
    budget.release(scope)

    assert (0, False) == (budget.used, refused(budget, scope, 80))


@pytest.mark.parametrize("ending", ["well", "refused", "mistake"])
async def test_bodies_at_once_fill_the_budget_and_leave_nothing_behind(ending: str) -> None:
    app, together, going = FastAPI(), asyncio.Semaphore(0), asyncio.Event()

    @app.post("/take")
    async def take(request: Request) -> Response:
        size = len(await read_bytes(request, LARGE))
        together.release()
        await going.wait()
        if ending == "refused":
            raise Problem(409, "no", "No.")
        return Response(str({"well": size}[ending]))

    async with httpx.AsyncClient(transport=httpx.ASGITransport(Direct(app)), base_url="http://trial") as http:
        held = [asyncio.create_task(http.post("/take", content=b"x" * LARGE)) for _ in range(5)]
        for _ in held:
            await together.acquire()
        used, late, small = BUDGET.used, await http.post("/take", content=b"x" * LARGE), asyncio.create_task(
            http.post("/take", content=b"{}")
        )  # fmt: skip
        going.set()
        statuses = {answer.status_code for answer in (*await asyncio.gather(*held), await small)}

    assert (5 * LARGE, 503, "busy", "2") == (used, late.status_code, late.json()["reason"], late.headers["retry-after"])
    assert ({{"well": 200, "refused": 409, "mistake": 500}[ending]}, 0) == (statuses, BUDGET.used)


async def test_a_body_that_is_cut_off_is_given_back() -> None:
    app = FastAPI()

    @app.post("/take")
    async def take(request: Request) -> Response:
        return Response(str(len(await read_bytes(request, LARGE))))

    sent: list[Any] = []
    parts = iter([{"type": "http.request", "body": b"x" * 1000, "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(parts)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/take", "headers": [], "query_string": b""}
    await Direct(app)(scope, receive, send)

    assert (400, 0) == (sent[0]["status"], BUDGET.used)
