"""An upstream app: receives signed callbacks, verifies them, counts repeats, and can read the feed."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from stack.processes import free_port


@dataclass
class App:
    """One app: its key, where the notifier is, and what it heard. `answer` is the status it gives to callbacks."""

    name: str
    key: str
    notifier_url: str
    tell: Callable[[str, Any], None] = lambda _kind, _body: None
    answer: int = 204
    secret: str = ""
    received: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, Any] = field(default_factory=dict)
    unverified: int = 0
    contradicted: int = 0

    async def on_callback(self, request: web.Request) -> web.Response:
        """Takes one callback: 401 when the signature does not hold, else `answer`."""
        body = await request.read()
        try:
            notice = Webhook(self.secret).verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.unverified += 1
            return web.Response(status=401)
        webhook_id = request.headers["webhook-id"]
        self.contradicted += self.bodies.setdefault(webhook_id, notice) != notice
        self.received[webhook_id] += 1
        self.tell("callback", notice)
        return web.Response(status=self.answer)

    async def register(self, http: aiohttp.ClientSession, url: str, endpoint: str = "main") -> None:
        """Registers the address for callbacks and keeps the secret that is told once."""
        where = f"{self.notifier_url}/v1/endpoints/{endpoint}"
        async with http.delete(where, headers=self.headers()):
            pass
        async with http.put(where, json={"url": url}, headers=self.headers()) as answer:
            answer.raise_for_status()
            self.secret = (await answer.json())["secret"]

    async def feed(self, http: aiohttp.ClientSession, after: str | None = None) -> AsyncIterator[Any]:
        """Every item of the feed after a cursor, oldest first, to the end of what is there now."""
        while True:
            query = {"limit": "500"} | ({"after": after} if after else {})
            async with http.get(f"{self.notifier_url}/v1/feed", params=query, headers=self.headers()) as answer:
                answer.raise_for_status()
                page = await answer.json()
            for item in page["items"]:
                yield item
            if not page["items"]:
                return
            after = page["next"]

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@asynccontextmanager
async def listening(app: App) -> AsyncIterator[str]:
    """The app's small HTTP server on a free port of the loopback; yields the address for callbacks."""
    site = web.Application()
    site.router.add_post("/callbacks", app.on_callback)
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/callbacks"
    finally:
        await runner.cleanup()
