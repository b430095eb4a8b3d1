"""Connections on a real port: whatever comes over them is bounded, told apart and answered, and others are served."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from stack.prepare import ROOT
from stack.processes import free_port

PATIENCE = 30.0
PROGRAM = """
import asyncio, json, sys
import uvloop
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from chassis.http import health, serve
from chassis.http.bodies import read_bytes
from chassis.http.watch import Limits

async def made():
    stopping, going = asyncio.Event(), asyncio.Event()
    app = serve.application("trial", "1", "", health.Health(stopping))

    @app.post("/bytes")
    async def take(request: Request) -> Response:
        return Response(str(len(await read_bytes(request, 10_000_000))))

    @app.get("/headers")
    async def headers(request: Request) -> Response:
        return Response(" ".join(sorted(request.headers)))

    @app.get("/fail")
    async def fail(request: Request) -> Response:
        raise KeyError("our own mistake")

    @app.get("/big")
    async def big(request: Request) -> Response:
        return Response(b"x" * 30_000_000)

    @app.get("/waits")
    async def waits(request: Request) -> Response:
        await going.wait()
        return Response("went")

    @app.get("/begins")
    async def begins(request: Request) -> Response:
        async def parts():
            yield b"begun"
            await going.wait()
            yield b"went"
        return StreamingResponse(parts())

    @app.get("/goes")
    async def goes(request: Request) -> Response:
        going.set()
        return Response("goes")

    await serve.run(app, "127.0.0.1", int(sys.argv[1]), stopping, [], Limits(**json.loads(sys.argv[2])))

uvloop.run(made())
"""
GET = b"GET %b HTTP/1.1\r\nHost: trial\r\n%b\r\n"


class Wire:
    """One connection, byte for byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers.get("content-length", 0)))

    async def until(self, part: bytes) -> None:
        """Reads what comes until it ends with this part."""
        await asyncio.wait_for(self.reader.readuntil(part), PATIENCE)

    async def reason(self) -> tuple[int, str]:
        """Status and reason of the next answer, which must be a problem."""
        status, headers, body = await self.answer()
        assert "application/problem+json" == headers["content-type"]
        return status, json.loads(body)["reason"]

    async def rest(self) -> bytes:
        """All that comes until the end of the connection."""
        with suppress(ConnectionResetError):
            return await asyncio.wait_for(self.reader.read(), PATIENCE)
        return b""


class Server:
    """The program above."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port, self.process = port, process
        self._wires: list[Wire] = []

    async def wire(self, *parts: bytes) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**20))
        self._wires.append(wire)
        wire.send(*parts)
        return wire

    async def get(self, path: str) -> tuple[int, bytes]:
        status, _, body = await (await self.wire(GET % (path.encode(), b"Connection: close\r\n"))).answer()
        return status, body

    async def metric(self, name: str) -> float:
        lines = (await self.get("/metrics"))[1].decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(name)), 0.0)

    def memory_mb(self) -> float:
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def close(self) -> None:
        for wire in self._wires:
            wire.writer.close()


@asynccontextmanager
async def serving(**limits: Any) -> AsyncIterator[Server]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(port), json.dumps(limits), cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    server = Server(port, process)
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                with suppress(OSError):
                    await server.get("/livez")
                    break
                await asyncio.sleep(0.05)
        yield server
    finally:
        server.close()
        process.kill()
        await process.wait()


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Server]:
    async with serving() as made:
        yield made


def head(*lines: bytes) -> bytes:
    return b"\r\n".join((*lines, b"", b""))


MANY = [b"X-%d: 1" % n for n in range(99)]


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (head(b"GET /livez HTTP/1.1", b"X: " + b"x" * 200_000), 431, "head_too_large"),
        (head(b"GET /livez HTTP/1.1", b"X: " + b"x" * 32_769), 431, "head_too_large"),
        (head(b"GET /livez HTTP/1.1", *[b"X-%d: %b" % (n, b"x" * 500) for n in range(70)]), 431, "head_too_large"),
        (head(b"GET /livez HTTP/1.1", *[b"X-%d: 1" % n for n in range(101)]), 431, "head_too_large"),
        (head(b"GET /livez HTTP/1.1", b"X" * 200_000 + b": 1"), 431, "head_too_large"),
        (b"\r\n" * 100_000, 431, "head_too_large"),
        (head(b"GET /" + b"x" * 9_000 + b" HTTP/1.1"), 414, "url_too_long"),
        (head(b"GET /?" + b"x" * 9_000 + b" HTTP/1.1"), 414, "url_too_long"),
        (b"nonsense\r\n\r\n", 400, "request_unreadable"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "request_unreadable"),
        (head(b"GET /\xff HTTP/1.1", b"Host: t"), 400, "request_unreadable"),
        (head(b"CONNECT trial:80 HTTP/1.1", b"Host: trial"), 400, "request_unreadable"),
        (head(b"POST /bytes HTTP/1.1", b"Content-Length: 1", b"Content-Length: 2"), 400, "request_unreadable"),
        (head(b"POST /bytes HTTP/1.1", b"Content-Length: 99999999999999999999"), 400, "request_unreadable"),
        (head(b"POST /bytes HTTP/1.1", b"Content-Length: 1", b"Connection: Upgrade", b"Upgrade: h2c"), 400,
         "upgrade_unknown"),
    ],
    ids=range(15),
)  # fmt: skip
async def test_a_head_that_cannot_be_taken_is_told_why_and_the_connection_ends(
    server: Server, sent: bytes, status: int, reason: str
) -> None:
    wire = await server.wire(sent)

    assert ((status, reason), b"") == (await wire.reason(), await wire.rest())
    assert (200, b'{"alive":true}') == await server.get("/livez")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(b"GET /livez HTTP/1.1", b"Host: t", *MANY), 200),
        (head(b"GET /livez HTTP/1.1", b"X: " + b"x" * 32_000), 200),
        (head(b"GET /" + b"x" * 8_000 + b" HTTP/1.1", b"Host: t"), 404),
        (head(b"GET http://elsewhere/livez HTTP/1.1", b"Host: t"), 200),
        (b"\r\n\r\n" + head(b"GET /livez HTTP/1.1", b"Host: t"), 200),
        (head(b"GET /livez HTTP/1.0"), 200),
        (head(b"GET /livez HTTP/1.1", b"Connection: Upgrade", b"Upgrade: h2c"), 200),
        (head(b"GET /livez/ HTTP/1.1", b"Host: evil.example"), 404),
        (head(b"OPTIONS /livez HTTP/1.1", b"Host: t"), 204),
        (head(b"PUT /livez HTTP/1.1", b"Host: t"), 405),
        (head(b"OPTIONS * HTTP/1.1", b"Host: t"), 404),
    ],
    ids=range(11),
)
async def test_a_head_within_the_limits_is_answered(server: Server, sent: bytes, status: int) -> None:
    found, headers, _ = await (await server.wire(sent)).answer()

    assert (status, None) == (found, headers.get("location"))
    assert ("allow" in headers) == (status in (204, 405))


async def test_endless_heads_take_no_memory_and_hold_nobody_up(server: Server) -> None:
    await server.get("/livez")
    before = server.memory_mb()
    wires = [await server.wire(b"GET /livez HTTP/1.1\r\nX: ") for _ in range(4)]
    for _ in range(64):  # 64 MB in all, as far as anybody reads it
        for wire in wires:
            with suppress(ConnectionError):
                wire.send(b"x" * 2**18)
                await asyncio.wait_for(wire.writer.drain(), PATIENCE)
        assert 200 == (await server.get("/livez"))[0]

    assert server.memory_mb() - before < 8


async def test_after_an_error_of_ours_the_connection_is_usable(server: Server) -> None:
    wire = await server.wire(GET % (b"/fail", b""))
    first = await wire.reason()
    wire.send(GET % (b"/livez", b""))
    second = await wire.answer()

    assert ((500, "unforeseen"), 200, b'{"alive":true}') == (first, second[0], second[2])
    assert 1 == await server.metric('http_requests_total{method="GET",route="/fail",status="500"}')


@pytest.mark.parametrize("path", [b"/livez", b"/readyz", b"/metrics", b"/docs", b"/openapi.json", b"/headers", b"/no"])
async def test_head_is_answered_like_get_without_the_body(server: Server, path: bytes) -> None:
    wire = await server.wire(GET % (path, b""))
    got = await wire.answer()
    wire.send(head(b"HEAD %b HTTP/1.1" % path, b"Host: trial", b"Connection: close"))
    told = await wire.rest()

    assert (b"HTTP/1.1 %d " % got[0]) in told
    assert told.endswith(b"\r\n\r\n")
    assert ("nosniff", "no-store") == (got[1]["x-content-type-options"], got[1]["cache-control"])


async def test_requests_in_a_row_are_answered_in_order_and_what_is_wrong_last(server: Server) -> None:
    wire = await server.wire(
        GET % (b"/headers", b"One: 1\r\n"), GET % (b"/headers", b"Two: 2\r\n"), b"nonsense\r\n\r\n"
    )

    assert b"host one" == (await wire.answer())[2]
    assert b"host two" == (await wire.answer())[2]
    assert ((400, "request_unreadable"), b"") == (await wire.reason(), await wire.rest())


async def test_what_follows_a_body_is_bounded_and_is_no_header() -> None:
    async with serving() as server:
        chunked = head(b"POST /bytes HTTP/1.1", b"Transfer-Encoding: chunked")
        fair = await server.wire(chunked, b"3\r\nabc\r\n0\r\n", head(b"Content-Encoding: gzip"))
        endless = await server.wire(chunked, b"3\r\nabc\r\n0\r\nX: ", b"x" * 300_000)

        assert (200, b"3") == (await fair.answer())[::2]
        assert b"" == await endless.rest()


async def test_many_requests_in_a_row_are_not_stored_without_end(server: Server) -> None:
    wire = await server.wire(GET % (b"/waits", b"") * 200)
    await server.get("/goes")
    told = await wire.rest()

    assert told.count(b"went") < 30
    assert b"too_many_pipelined" in told


@pytest.mark.parametrize(
    ("sent", "trickle", "told"),
    [
        (b"", b"", b""),
        (b"GET /livez HTTP/1.1\r\n", b"X", b"head_too_slow"),
        (b"", b"\r\n", b""),
        (head(b"POST /bytes HTTP/1.1", b"Content-Length: 1000"), b"x", b""),
        (head(b"POST /bytes HTTP/1.1", b"Transfer-Encoding: chunked"), b"1\r\nx\r\n", b""),
        (head(b"PUT /livez HTTP/1.1", b"Content-Length: 1000"), b"x", b"method_not_allowed"),
        (GET % (b"/livez", b""), b"", b"alive"),
        (GET % (b"/livez", b""), b"\r\n", b"alive"),
        (GET % (b"/livez", b"") + b"GET", b"", b"head_too_slow"),
    ],
    ids=["silent", "head", "blank", "body", "chunks", "unwanted", "idle", "blank_idle", "second"],
)
async def test_who_keeps_a_connection_waiting_loses_it(sent: bytes, trickle: bytes, told: bytes, brief: Server) -> None:
    async def trickles(wire: Wire) -> None:
        while trickle:
            with suppress(ConnectionError):
                wire.send(trickle)
            await asyncio.sleep(0.05)

    for _ in range(5):  # on a busy machine we may ourselves be too slow to say anything
        wire = await brief.wire(sent)
        trickling = asyncio.create_task(trickles(wire))
        heard = await wire.rest()
        trickling.cancel()
        if told in heard:
            break

    assert told in heard


@pytest.fixture(scope="module")
async def brief() -> AsyncIterator[Server]:
    times = dict.fromkeys(("head_seconds", "body_seconds", "idle_seconds", "rest_seconds", "linger_seconds"), 0.3)
    async with serving(**times, look_seconds=0.1) as made:
        yield made


async def test_when_no_place_is_left_whoever_has_asked_for_nothing_longest_gives_way() -> None:
    async with serving(connections=4, head_seconds=60) as server:
        busy = [await server.wire(GET % (b"/begins", b"")) for _ in range(2)]
        for wire in busy:
            await wire.until(b"begun")
        silent = [await server.wire(b"GET") for _ in range(2)]
        asked = await server.wire(GET % (b"/livez", b""))
        first = await silent[0].rest()
        busy += [await server.wire(GET % (b"/begins", b"")) for _ in range(2)]
        for wire in busy[2:]:
            await wire.until(b"begun")
        late = await server.wire()
        refused = await late.reason()
        busy[0].writer.close()
        while (await (await server.wire(GET % (b"/goes", b""))).answer())[0] != 200:
            await asyncio.sleep(0.02)

        assert (b"", 200, (503, "no_place")) == (first, (await asked.answer())[0], refused)
        await busy[1].until(b"went")


async def test_who_does_not_read_its_answers_loses_the_connection_and_others_are_served() -> None:
    async with serving(unsent_bytes=20_000_000) as server:
        deaf = [await server.wire(GET % (b"/big", b"")) for _ in range(3)]
        async with asyncio.timeout(PATIENCE):
            while await server.metric('http_connections_ended_total{why="unread"}') < 1:
                await asyncio.sleep(0.05)
        cut = len(await deaf[0].rest())

        assert cut < 30_000_000
        assert 200 == (await server.get("/livez"))[0]
