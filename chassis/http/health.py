"""Health: `/livez` says that the process answers, `/readyz` says whether it can do its work, and if not, why."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import orjson
from fastapi import FastAPI, Request, Response

Check = Callable[[], Awaitable[str | None]]
FRESH_SECONDS = 0.5


class Health:
    """The checks of one process. Answers are kept for half a second, so that probes cost nothing."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping = stopping
        self._checks: dict[str, Check] = {}
        self._told: dict[str, str] = {}
        self._told_at = float("-inf")
        self._turn = asyncio.Lock()

    def add(self, name: str, check: Check) -> None:
        """`check` returns None when all is well, else one line that says why not. It must be bounded in time."""
        self._checks[name] = check

    async def faults(self) -> dict[str, str]:
        """What is wrong now, by name; empty when ready."""
        if self._stopping.is_set():
            return {"process": "is stopping"}
        async with self._turn:
            if time.monotonic() - self._told_at > FRESH_SECONDS:
                answers = await asyncio.gather(*(check() for check in self._checks.values()))
                self._told = {name: why for name, why in zip(self._checks, answers, strict=True) if why}
                self._told_at = time.monotonic()
        return self._told


def install(app: FastAPI, health: Health) -> None:
    """Adds `GET /livez` and `GET /readyz`."""

    @app.get("/livez", include_in_schema=False)
    async def livez(request: Request) -> Response:
        return Response(b'{"alive":true}', media_type="application/json")

    @app.get("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> Response:
        faults = await health.faults()
        body = orjson.dumps({"ready": not faults, "faults": faults})
        headers = {"Retry-After": "1"} if faults else {}
        return Response(body, 503 if faults else 200, headers, media_type="application/json")
