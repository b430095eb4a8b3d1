"""The line to the system: calls that are repeated under their key until a definite answer comes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.faults.history import History

UNKNOWN = (408, 429, 500, 502, 503, 504)
"""Answers after which nobody knows: the call is repeated under its key."""
PAUSE, LONGEST_PAUSE = 0.1, 1.0
TIMEOUT = aiohttp.ClientTimeout(total=20)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


@dataclass
class Line:
    """Addresses and keys of one system, and the moment after which nobody repeats a call any more."""

    http: aiohttp.ClientSession
    env: Mapping[str, str]
    history: History
    over: asyncio.Event

    async def once(self, service: str, method: str, path: str, key: str, **what: Any) -> Answer | None:
        """One call. None: no answer came, or it was cut off."""
        headers = {"Authorization": f"Bearer {self.env[key]}"} | what.pop("headers", {})
        url = f"{self.env[f'{service.upper()}_URL']}{path}"
        try:
            async with self.http.request(method, url, headers=headers, timeout=TIMEOUT, **what) as answer:
                self.history.answers[answer.status] += 1
                body = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None
        if answer.status == 500:
            self.history.surprise(f"500 to {method} {path}", body)
        return Answer(answer.status, body)

    async def until_answered(
        self, service: str, method: str, path: str, key: str, idempotency: str = "", **what: Any
    ) -> Answer | None:
        """The first definite answer; None if there was none before the end."""
        headers = {"Idempotency-Key": idempotency} if idempotency else {}
        headers |= what.pop("headers", {})
        pause = PAUSE
        while True:
            answer = await self.once(service, method, path, key, headers=headers, **what)
            if answer is not None and answer.status not in UNKNOWN:
                return answer
            if self.over.is_set():
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
