"""What the demo itself plays: citizens who report through two apps, and readers of the feeds."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from stack.demo_centre import Centre
from stack.demo_facts import Facts, Tail, notice
from tests.standins.citizens import Saying, sayings
from tests.standins.photos import photo

APPS = {"jinyang": "APP_KEY", "fenhe": "APP2_KEY"}
SENDERS = 8
PHOTOS = 24


class Play:
    """One demo against a running system: `env` is what `.run/env` holds."""

    def __init__(self, env: Mapping[str, str], facts: Facts, tails: list[Tail], count: int, prefix: str) -> None:
        self._env, self._facts, self._tails = env, facts, tails
        self._waiting = iter(list(sayings(count, seed=20190721, prefix=prefix)))
        self._count = count
        self._http = httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=40))
        self.centre = Centre(self._http, env["ROUTER_URL"], env["CENTRE_KEY"])

    async def run(self, follow: Callable[[Facts], None], patience: float) -> None:
        """Plays until every report has its result or `patience` seconds are over; `follow` is called meanwhile."""
        begins = {name: await self._end_of_feed(name) for name in APPS}
        tasks = [asyncio.create_task(self._send_all())]
        tasks += [asyncio.create_task(self._read_feed(name, after)) for name, after in begins.items()]
        tasks.append(asyncio.create_task(self.centre.work()))
        deadline = time.monotonic() + patience
        try:
            while not self._done() and time.monotonic() < deadline:
                self._read_tails()
                follow(self._facts)
                for task in (t for t in tasks if t.done()):
                    task.result()  # an error of ours ends the demo at once
                await asyncio.sleep(0.1)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def pages(self) -> dict[str, dict[str, Any]]:
        """What intake tells each citizen in the end."""
        gate = asyncio.Semaphore(8)

        async def page(report_id: str) -> tuple[str, dict[str, Any]]:
            async with gate:
                for _ in range(20):  # the read model follows the topic by a moment
                    answer = await self._http.get(
                        f"{self._env['INTAKE_URL']}/v1/reports/{report_id}", headers=self._of_app(report_id)
                    )
                    told: dict[str, Any] = answer.json()
                    if told.get("reply"):
                        break
                    await asyncio.sleep(0.1)
            return report_id, told

        return dict(await asyncio.gather(*(page(report_id) for report_id in self._facts.sent)))

    async def rate(self, pages: Mapping[str, Mapping[str, Any]]) -> int:
        """Every fifth citizen says how good the result was; how many were heard."""
        answered = [report_id for report_id in sorted(pages) if pages[report_id].get("reply")][::5]
        for n, report_id in enumerate(answered):
            url = f"{self._env['INTAKE_URL']}/v1/reports/{report_id}/rating"
            headers = self._of_app(report_id) | {"Idempotency-Key": "rating"}
            await self._post(url, json={"stars": 5 - n % 3}, headers=headers)
        return len(answered)

    async def close(self) -> None:
        """Lets the connections go."""
        await self._http.aclose()

    def _read_tails(self) -> None:
        for tail in self._tails:
            for fact in tail.facts():
                self._facts.take(fact)

    def _done(self) -> bool:
        facts = self._facts
        return len(facts.sent) == self._count and facts.resulted >= set(facts.sent) and not (
            {notice(item) for item in facts.feed} - set(facts.callbacks)
        )  # fmt: skip

    async def _send_all(self) -> None:
        await asyncio.gather(*(self._sender() for _ in range(SENDERS)))

    async def _sender(self) -> None:
        for n, saying in enumerate(self._waiting):
            await self._send(saying, list(APPS)[n % 2])

    async def _send(self, saying: Saying, app: str) -> None:
        headers = {"Authorization": f"Bearer {self._env[APPS[app]]}"}
        picture = photo(saying.photo % PHOTOS)
        url = f"{self._env['INTAKE_URL']}/v1/media"
        told = await self._post(url, content=picture, headers=headers | {"Content-Type": "image/jpeg"})
        body = saying.body | {"media": [told["media_id"]]}
        url = f"{self._env['INTAKE_URL']}/v1/reports"
        told = await self._post(url, json=body, headers=headers | {"Idempotency-Key": saying.key})
        self._facts.sent[told["report_id"]] = time.time()
        self._facts.app_of[told["report_id"]] = app

    async def _post(self, url: str, **what: Any) -> Any:
        """A POST that is repeated while the answer is 503 or 429, as an app is told to."""
        while True:
            answer = await self._http.post(url, **what)
            if answer.status_code not in (429, 503):
                break
            await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
        if answer.is_error:
            raise RuntimeError(f"{url}: {answer.status_code} {answer.text}")
        return answer.json()

    async def _end_of_feed(self, app: str) -> str:
        """The cursor behind everything that the feed holds already; its reports are noted as earlier ones."""
        after = ""
        while (page := await self._feed_page(app, after))["items"]:
            self._facts.earlier |= {item["report_id"] for item in page["items"]}
            after = page["next"]
        return after

    async def _read_feed(self, app: str, after: str) -> None:
        while True:
            page = await self._feed_page(app, after, wait="5")
            for item in page["items"]:
                self._facts.take_feed(item)
            after = page["next"] or after

    async def _feed_page(self, app: str, after: str, wait: str = "0") -> Any:
        headers = {"Authorization": f"Bearer {self._env[APPS[app]]}"}
        query = {"limit": "500", "wait": wait} | ({"after": after} if after else {})
        answer = await self._http.get(f"{self._env['NOTIFIER_URL']}/v1/feed", params=query, headers=headers)
        answer.raise_for_status()
        return answer.json()

    def _of_app(self, report_id: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._env[APPS[self._facts.app_of[report_id]]]}"}
