"""The demo's centre: follows the suggestions of its review list, grants requests, asks for the figures at the end."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

UNNAMED = "E0110"
"""The category that the centre names where the words of a report suggest none."""
PAUSE = 0.3


class Centre:
    """Staff that look at their lists three times a second; `did` counts what they did."""

    def __init__(self, http: httpx.AsyncClient, router_url: str, key: str) -> None:
        self._http, self._url, self._headers = http, router_url, {"Authorization": f"Bearer {key}"}
        self.did: Counter[str] = Counter()

    async def work(self) -> None:
        """Works until cancelled."""
        while True:
            for case in await self._list("review"):
                found = case["suggestion"] or {"act": "file", "body": {"category": UNNAMED}}
                await self._act(case, found["act"], found["body"])
            for case in await self._list("requests"):
                await self._act(case, "approve", {"request": case["requested"]["request"]})
            await asyncio.sleep(PAUSE)

    async def figures(self, began: float) -> Mapping[str, Any]:
        """The sums of all dispatches of the demo, whose deadlines lie in the next weeks."""
        since = datetime.fromtimestamp(began, UTC)
        period = {"since": since.isoformat(), "until": (since + timedelta(days=60)).isoformat()}
        answer = await self._http.get(f"{self._url}/v1/accountability", params=period, headers=self._headers)
        answer.raise_for_status()
        total: Mapping[str, Any] = answer.json()["total"]
        return total

    async def _list(self, name: str) -> list[dict[str, Any]]:
        answer = await self._http.get(f"{self._url}/v1/{name}", headers=self._headers)
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def _act(self, case: Mapping[str, Any], act: str, body: Mapping[str, Any]) -> None:
        key = f"centre-{case['case_id']}-{act}-{case['seq']}"
        answer = await self._http.post(
            f"{self._url}/v1/cases/{case['case_id']}/{act}",
            json={"generation": case["generation"], **body},
            headers=self._headers | {"Idempotency-Key": key},
        )
        if answer.status_code != 409:  # decided, or handled, meanwhile
            answer.raise_for_status()
            self.did[act] += 1
