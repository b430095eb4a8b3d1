"""How the tests of the desk call the router: in process, as the holder of a key."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from chassis.http.health import Health
from chassis.http.serve import served
from chassis.kafka.producer import broker_of
from services.router.act import Door
from services.router.app import application

DRAINS, ROADS, YINGZE = "ssp_platform_P016", "ssp_platform_P015", "ssp_platform_P002"
STRANGER, CENTRE, APP, OPS = "ssp_platform_P060", "ssp_centre_one", "ssp_app_one", "ssp_ops_one"
WORKLIST = "/v1/platforms/me/cases"


class Caller:
    """Posts and gets as the holder of a key; every post has an idempotency key of its own unless it is given one."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self._posts = 0

    async def post(
        self, key: str, path: str, body: Any, once: str | None = None, seen: str | None = None
    ) -> httpx.Response:
        """`once`: the idempotency key; `seen`: the ETag sent as If-Match."""
        self._posts += 1
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": once or f"post-{self._posts}"}
        return await self.http.post(path, json=body, headers=headers | ({"If-Match": seen} if seen else {}))

    async def act(
        self, key: str, case_id: str, act: str, once: str | None = None, seen: str | None = None, **body: Any
    ) -> httpx.Response:
        return await self.post(key, f"/v1/cases/{case_id}/{act}", body, once, seen)

    async def done(self, key: str, case_id: str, act: str, **body: Any) -> Any:
        """The case after an act that must succeed."""
        answer = await self.act(key, case_id, act, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, key: str, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {key}"}, params=query or None)

    async def case(self, case_id: str) -> Any:
        """The case as the centre sees it."""
        return (await self.get(CENTRE, f"/v1/cases/{case_id}")).json()

    async def items(self, key: str, path: str, **query: Any) -> list[Any]:
        """The items of a list that must be given."""
        answer = await self.get(key, path, **query)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["items"])


@asynccontextmanager
async def calling(door: Door) -> AsyncIterator[Caller]:
    """A caller of the router that has this door."""
    app = application(door, broker_of("localhost:1", "test"), Health(asyncio.Event()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served(app)), base_url="http://router") as http:
        yield Caller(http)


def refusal(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, reason and the fields that are named."""
    told = answer.json()
    return answer.status_code, told["reason"], [error["field"] for error in told.get("errors", [])]
