"""Whole lives over HTTP: report, worklist, accept, handle, feed. Each step's instant is kept for each report."""

import asyncio
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

CATEGORY = "E0401"
"""A happening whose handling owes no photo, so that only the system is measured."""
PLATFORMS = ("P001", "P002", "P003", "P004", "P005", "P006", "P007", "P008", "P009", "P010", "P013", "P064", "P065")


def body(n: int) -> dict[str, Any]:
    """A report that joins no other: every one 300 m from the last, in the south-east of the city."""
    place = {"lon": 112.40 + n % 60 * 0.0035, "lat": 37.68 + n // 60 % 60 * 0.003, "system": "WGS-84"}
    return {"text": "路口有人占道经营", "category": CATEGORY, "place": place, "reporter": {"ref": f"bench-{n % 1000}"}}


@dataclass
class Lives:
    """The clock of each step by report_id or case_id, in seconds of the machine's clock."""

    env: Mapping[str, str]
    http: aiohttp.ClientSession
    answered: dict[str, float] = field(default_factory=dict)
    dispatched: dict[str, float] = field(default_factory=dict)
    handled: dict[str, float] = field(default_factory=dict)
    closed: dict[str, float] = field(default_factory=dict)
    case_of: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    made: int = field(default_factory=lambda: random.randrange(3600))
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def report(self) -> str:
        """One report answered 202."""
        self.made += 1
        headers = self._key("APP_KEY") | {"Idempotency-Key": f"{self.mark}-{self.made}"}
        url = f"{self.env['INTAKE_URL']}/v1/reports"
        async with self.http.post(url, json=body(self.made), headers=headers) as answer:
            told = await answer.json()
            if answer.status != 202:
                raise RuntimeError(f"{answer.status} {told}")
        self.answered[told["report_id"]] = time.time()
        return str(told["report_id"])

    async def live(self) -> None:
        """One report until its result is in the feed."""
        report_id = await self.report()
        async with self.news:
            await self.news.wait_for(lambda: report_id in self.closed)

    async def platform(self, code: str) -> None:
        """A platform that accepts and handles whatever it is given, at once."""
        key, cursor = self._key(f"PLATFORM_KEY_{code}"), ""
        async with asyncio.TaskGroup() as hands:
            while True:
                url = (
                    f"{self.env['ROUTER_URL']}/v1/platforms/me/cases?state=dispatched&wait=10&limit=100&cursor={cursor}"
                )
                async with self.http.get(url, headers=key) as answer:
                    page = await answer.json()
                for case in page["items"]:
                    self.dispatched[case["case_id"]] = time.time()
                    hands.create_task(self._work(case, key))
                cursor = page["next"] or cursor

    async def end_of_feed(self) -> str:
        """The cursor behind what earlier measurements have left in the feed."""
        after = ""
        while (page := await self._page(after, 0))["items"]:
            after = page["next"]
        return after

    async def feed(self, after: str) -> None:
        """The app's reader of results, from a cursor on."""
        while True:
            page = await self._page(after, 10)
            now = time.time()
            for item in page["items"]:
                self.case_of[item["report_id"]] = item["case_id"]
                if item["event"] == "case.closed":
                    self.closed[item["report_id"]] = now
            async with self.news:
                self.news.notify_all()
            after = page["next"] or after

    async def _page(self, after: str, wait: int) -> Any:
        url = f"{self.env['NOTIFIER_URL']}/v1/feed?limit=500&wait={wait}&after={after}"
        async with self.http.get(url, headers=self._key("APP_KEY")) as answer:
            return await answer.json()

    def to_dispatch(self) -> list[float]:
        """Seconds from the 202 to the platform's worklist."""
        found = ((self.answered[r], self.dispatched.get(c)) for r, c in self.case_of.items() if r in self.answered)
        return [max(0.0, later - earlier) for earlier, later in found if later]

    def to_reply(self) -> list[float]:
        """Seconds from the platform's handling being sent to the result in the app's feed."""
        found = ((self.handled.get(c), self.closed.get(r)) for r, c in self.case_of.items())
        return [later - earlier for earlier, later in found if earlier and later]

    async def _work(self, case: dict[str, Any], key: dict[str, str]) -> None:
        await self._act(case, "accept", key, {})
        self.handled[case["case_id"]] = time.time()
        # The same words for two cases would be looked at by the centre.
        await self._act(case, "handle", key, {"text": f"{case['case_number']}：已劝离并恢复原状"})

    async def _act(self, case: dict[str, Any], act: str, key: dict[str, str], said: dict[str, str]) -> None:
        url = f"{self.env['ROUTER_URL']}/v1/cases/{case['case_id']}/{act}"
        headers = key | {"Idempotency-Key": f"{case['case_id']}-{act}"}
        async with self.http.post(url, json={"generation": case["generation"], **said}, headers=headers) as answer:
            await answer.read()

    def _key(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.env[name]}"}


async def measure(env: Mapping[str, str], seconds: float, rate: float | None) -> tuple[float, Lives]:
    """Lives a second: as many as 48 closed loops reach (`rate` None), or `rate` reports a second, open loop."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        lives = Lives(env, http)
        readers = [asyncio.create_task(lives.platform(code)) for code in PLATFORMS]
        readers.append(asyncio.create_task(lives.feed(await lives.end_of_feed())))
        until, began = time.monotonic() + seconds, time.monotonic()

        async def again_and_again() -> None:
            while time.monotonic() < until:
                await lives.live()

        async def in_time() -> None:
            chance = random.Random(1)
            due = time.monotonic()
            async with asyncio.TaskGroup() as running:
                while due < until:
                    due += chance.expovariate(rate or 1.0)
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    running.create_task(lives.live())

        async with asyncio.timeout(seconds + 60):
            await (in_time() if rate else asyncio.gather(*(again_and_again() for _ in range(48))))
        took = time.monotonic() - began
        for task in readers:
            task.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    return len(lives.answered.keys() & lives.closed.keys()) / took, lives
