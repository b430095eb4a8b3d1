"""An SMS gateway: takes what is sent over HTTP and keeps it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from stack.processes import free_port


@dataclass
class Gateway:
    """What arrived, in order."""

    sent: list[Any] = field(default_factory=list)

    async def on_message(self, request: web.Request) -> web.Response:
        self.sent.append(await request.json())
        return web.json_response({"accepted": True})


@asynccontextmanager
async def listening(gateway: Gateway) -> AsyncIterator[str]:
    """The gateway on a free port of the loopback; yields its address."""
    site = web.Application()
    site.router.add_post("/sms", gateway.on_message)
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/sms"
    finally:
        await runner.cleanup()
