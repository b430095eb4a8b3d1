"""Health: alive while it answers, ready while every check is well, not ready at all once it is told to stop."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chassis.http import health
from chassis.http.health import FRESH_SECONDS, Health
from chassis.http.serve import served


class Told:
    """A check that says what it is told to; counts how often it was asked."""

    def __init__(self, why: str | None = None) -> None:
        self.why = why
        self.asked = 0

    async def __call__(self) -> str | None:
        self.asked += 1
        await asyncio.sleep(0)
        return self.why


@pytest.fixture
def stopping() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def checks(stopping: asyncio.Event) -> Health:
    return Health(stopping)


@pytest.fixture
async def http(checks: Health) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    health.install(app, checks)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served(app)), base_url="http://trial") as made:
        yield made


async def ready(http: httpx.AsyncClient) -> tuple[int, Any, str | None]:
    answer = await http.get("/readyz")
    return answer.status_code, answer.json(), answer.headers.get("retry-after")


async def test_a_process_without_faults_is_ready(http: httpx.AsyncClient, checks: Health) -> None:
    checks.add("kafka", Told())
    checks.add("postgres", Told())

    assert (200, {"ready": True, "faults": {}}, None) == await ready(http)


async def test_what_is_wrong_is_named_and_what_is_well_is_not(http: httpx.AsyncClient, checks: Health) -> None:
    checks.add("kafka", Told())
    checks.add("postgres", Told("does not answer"))
    checks.add("clock", Told("is late"))

    assert (503, {"ready": False, "faults": {"postgres": "does not answer", "clock": "is late"}}, "1") == await ready(
        http
    )


async def test_a_process_that_stops_is_not_ready_at_once_but_alive(
    http: httpx.AsyncClient, checks: Health, stopping: asyncio.Event
) -> None:
    check = Told()
    checks.add("kafka", check)
    before = await ready(http)
    stopping.set()
    after = await ready(http)
    alive = await http.get("/livez")

    assert (200, (503, {"ready": False, "faults": {"process": "is stopping"}}, "1")) == (before[0], after)
    assert (200, {"alive": True}) == (alive.status_code, alive.json())
    assert 1 == check.asked


async def test_a_process_is_alive_whatever_its_checks_say(http: httpx.AsyncClient, checks: Health) -> None:
    check = Told("does not answer")
    checks.add("postgres", check)
    alive = await http.get("/livez")

    assert (200, {"alive": True}, 0) == (alive.status_code, alive.json(), check.asked)


async def test_many_probes_at_once_cost_one_check(http: httpx.AsyncClient, checks: Health) -> None:
    check = Told("is late")
    checks.add("clock", check)
    answers = await asyncio.gather(*(ready(http) for _ in range(20)))

    assert ({503}, 1) == ({status for status, _, _ in answers}, check.asked)


async def test_a_fault_that_is_gone_is_gone_from_the_answer_soon(http: httpx.AsyncClient, checks: Health) -> None:
    check = Told("is late")
    checks.add("clock", check)
    before = await ready(http)
    check.why = None
    async with asyncio.timeout(FRESH_SECONDS + 5):
        while (after := await ready(http))[0] != 200:
            await asyncio.sleep(0.05)

    assert (503, {"ready": True, "faults": {}}) == (before[0], after[1])
