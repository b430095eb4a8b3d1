"""Second-level platforms, many in one process: worklist by long poll, accept, return or extend a few, handle."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.standins.photos import photo_of

RETURN_REASONS = ("not_ours", "wrong_category", "cannot_find")


@dataclass
class Manner:
    """How platforms behave: which share they return or want more time for, and how many streets their photos show."""

    returned_share: float = 0.06
    extended_share: float = 0.04
    photos: int = 12
    seed: int = 7


@dataclass
class Platform:
    """One platform: its code and key, where it calls, and what it did."""

    code: str
    key: str
    router_url: str
    intake_url: str
    manner: Manner
    tell: Callable[[str, str, Any], None]
    chance: random.Random = field(init=False)
    media: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.manner.seed}-{self.code}")

    async def work(self, http: aiohttp.ClientSession) -> None:
        """Works its list until cancelled; an unreachable router is asked again a moment later."""
        cursor = ""
        async with asyncio.TaskGroup() as hands:
            while True:
                try:
                    page = await self._list(http, cursor)
                except (aiohttp.ClientError, TimeoutError) as why:
                    self.tell(self.code, "unreachable", str(why))
                    await asyncio.sleep(0.5)
                    continue
                for case in page["items"]:
                    self.tell(self.code, "seen", case)
                    hands.create_task(self._take(http, case))
                cursor = page["next"] or cursor

    async def _list(self, http: aiohttp.ClientSession, cursor: str) -> Any:
        url = f"{self.router_url}/v1/platforms/me/cases?state=dispatched&wait=20&limit=50&cursor={cursor}"
        async with http.get(url, headers=self._headers()) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def _take(self, http: aiohttp.ClientSession, case: Any) -> None:
        if self.chance.random() < self.manner.returned_share:
            await self._act(http, case, "return", {"reason": self.chance.choice(RETURN_REASONS), "note": "请核实权属"})
            return
        if await self._act(http, case, "accept", {}):
            if self.chance.random() < self.manner.extended_share:
                await self._act(http, case, "extend", {"reason": "needs_a_part", "note": "配件明日送达"})
                await asyncio.sleep(1)  # the centre looks at its list; whatever it says, the work is done
            photo = await self._photo(http, case)
            done = {"text": f"已安排人员到场处置完毕（{case['case_number']}）。", "media": [photo]}
            await self._act(http, case, "handle", done)

    async def _act(self, http: aiohttp.ClientSession, case: Any, act: str, body: dict[str, Any]) -> bool:
        url = f"{self.router_url}/v1/cases/{case['case_id']}/{act}"
        key = f"{self.code}-{case['case_id']}-{case['generation']}-{act}"
        said = {"generation": case["generation"], **body}
        async with http.post(url, json=said, headers=self._headers() | {"Idempotency-Key": key}) as answer:
            told = await answer.json()
            self.tell(self.code, act if answer.status == 200 else f"{act}_refused", told | {"case_id": case["case_id"]})
            return answer.status == 200

    async def _photo(self, http: aiohttp.ClientSession, case: Any) -> str:
        seed = 1000 + self.chance.randrange(self.manner.photos)
        lon, lat = case["place"]["lon"], case["place"]["lat"]
        async with http.post(
            f"{self.intake_url}/v1/media",
            data=photo_of(seed, f"{case['case_number']} {case['generation']}", lon, lat),
            headers=self._headers() | {"Content-Type": "image/jpeg"},
        ) as answer:
            answer.raise_for_status()
            media_id: str = (await answer.json())["media_id"]
            return media_id

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@asynccontextmanager
async def at_work(platforms: list[Platform]) -> AsyncIterator[None]:
    """All of them work at once in this loop, until the block ends."""
    timeout = aiohttp.ClientTimeout(total=40)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
        tasks = [asyncio.create_task(platform.work(http)) for platform in platforms]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
