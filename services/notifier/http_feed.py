"""The feed: everything an app's citizens are owed, in order, exactly once, by cursor or as a stream."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from chassis.bell import Bell
from chassis.http.problems import Problem
from chassis.http.queries import queries
from chassis.keys import Keys
from chassis.postgres.horizon import look_soon
from chassis.postgres.pool import Database, Unavailable
from services.notifier import ledger_reads
from services.notifier.cursor import Cursor
from services.notifier.http_queries import AFTER, LIMIT, WAIT, cursor
from services.notifier.ledger_reads import Entry

MOST_ITEMS = 500
LOOK_SECONDS = 1.0
"""How soon a waiting reader looks again unwoken: another process may have written the entry."""
HEARTBEAT_SECONDS = 15.0
MOST_WAITING = 50
"""Readers of one app that may wait or stream at once."""


class Feed:
    """The two ways to read the feed. `bell` rings when notices were written; `stopping` ends every wait."""

    def __init__(self, database: Database, keys: Keys, bell: Bell, stopping: asyncio.Event) -> None:
        self._database, self._keys, self._bell, self._stopping = database, keys, bell, stopping
        self._waiting: Tally[str] = Tally()

    def routes(self) -> APIRouter:
        """`GET /v1/feed` and `GET /v1/feed/stream`."""
        router = APIRouter(tags=["feed"])
        for path, call, asked, summary in (
            ("/v1/feed", self.read, queries(AFTER, LIMIT, WAIT), "Entries behind a cursor"),
            ("/v1/feed/stream", self.stream, queries(AFTER), "Entries as they come (SSE)"),
        ):
            router.add_api_route(path, call, methods=["GET"], summary=summary, openapi_extra=asked)
        return router

    async def read(self, request: Request) -> Response:
        """At most `limit` (1-500, else 100) entries behind `after`, oldest first; waits up to `wait` (0-30) seconds
        for the first. `next` is the `after` of the next call, whether or not there were entries."""
        client = self._keys.admit(request, "app").name
        after, most, seconds = AFTER.of(request), LIMIT.of(request), WAIT.of(request)
        entries = await ledger_reads.feed(self._database, client, after, most)
        if not entries and seconds:
            self._room(client)
            with self._turn(client):
                entries = await self._first(client, after, most, seconds)
        following = entries[-1].cursor if entries else after
        body = b'{"items":[%b],"next":"%b"}' % (
            b",".join(entry.item.as_json() for entry in entries),
            str(following).encode(),
        )
        return Response(body, media_type="application/json")

    async def stream(self, request: Request) -> Response:
        """Server-sent events: id is the cursor, event its name, data the item. `Last-Event-ID` goes on behind it."""
        client = self._keys.admit(request, "app").name
        last = request.headers.get("last-event-id")
        after = cursor(last, "Last-Event-ID") if last else AFTER.of(request)
        entries = await ledger_reads.feed(self._database, client, after, MOST_ITEMS)
        self._room(client)  # once the stream has begun, a refusal cannot be told any more
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._events(client, after, entries), 200, headers, media_type="text/event-stream")

    async def _events(self, client: str, cursor: Cursor, entries: list[Entry]) -> AsyncIterator[bytes]:
        with self._turn(client):
            yield b"retry: 1000\n\n"
            while not self._stopping.is_set():
                for entry in entries:
                    yield b"id: %b\nevent: %b\ndata: %b\n\n" % (
                        str(entry.cursor).encode(), entry.item.event.encode(), entry.item.as_json(),
                    )  # fmt: skip
                    cursor = entry.cursor
                try:
                    entries = await self._first(client, cursor, MOST_ITEMS, HEARTBEAT_SECONDS)
                except Unavailable:
                    return  # the reader comes back with Last-Event-ID
                if not entries:
                    yield b": still here\n\n"

    async def _first(self, client: str, cursor: Cursor, most: int, seconds: float) -> list[Entry]:
        """The entries behind the cursor as soon as there is one; none after `seconds` or when the process stops."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        entries: list[Entry] = []

        async def look() -> list[Entry]:
            return await ledger_reads.feed(self._database, client, cursor, most)

        while not entries and (left := deadline - loop.time()) > 0 and not self._stopping.is_set():
            woken = await self._bell.wait(client, min(left, LOOK_SECONDS))
            entries = await (look_soon(look) if woken else look())
        return entries

    def _room(self, client: str) -> None:
        if self._waiting[client] >= MOST_WAITING:
            raise Problem(429, "too_many_waiting", f"At most {MOST_WAITING} readers may wait at once.", retry_after=1)

    @contextmanager
    def _turn(self, client: str) -> Iterator[None]:
        self._waiting[client] += 1
        try:
            yield
        finally:
            self._waiting[client] -= 1
