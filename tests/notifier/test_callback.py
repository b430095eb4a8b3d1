"""One POST and its outcome: what an answer means, and what no answer may do to us."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from services.notifier.attempt import Attempt
from services.notifier.callback import MOST_ANSWER, Callbacks
from stack.processes import free_port
from tests.notifier.conftest import TUESDAY_1000, Clock, Receiver, listening, says

HERE = ["127.0.0.1"]


@asynccontextmanager
async def calling(local_mode: bool = True, *answers: list[str]) -> AsyncIterator[tuple[Callbacks, list[str]]]:
    """Callbacks whose resolver answers with `answers` in turn (the last for ever), and the names it was asked for."""
    asked: list[str] = []

    async def look_up(host: str, _: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    callbacks = Callbacks(local_mode, Clock(), look_up)
    try:
        yield callbacks, asked
    finally:
        await callbacks.close()


async def outcome_of(receiver: Receiver) -> Attempt:
    async with listening(receiver) as url, calling() as (callbacks, _):
        return await callbacks.send(url, b"{}", {"webhook-id": "1"})


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "delivered"), (202, "delivered"), (204, "delivered"), (299, "delivered"), (410, "gone"),
     (301, "unavailable"), (302, "unavailable"), (303, "unavailable"), (304, "unavailable"), (307, "unavailable"),
     (308, "unavailable"), (400, "unavailable"), (401, "unavailable"), (404, "unavailable"), (409, "unavailable"),
     (429, "unavailable"), (500, "unavailable"), (503, "unavailable"), (599, "unavailable")],
)  # fmt: skip
async def test_only_2xx_is_delivered_and_only_410_is_gone(status: int, outcome: str) -> None:
    attempt = await outcome_of(Receiver(says(status)))

    assert (outcome, str(status), TUESDAY_1000) == (attempt.outcome, attempt.detail, attempt.at)


async def test_what_is_sent_arrives_whole_with_its_headers_and_asks_for_nothing_packed() -> None:
    receiver = Receiver(says(204))
    body = "已更换井盖".encode()
    async with listening(receiver) as url, calling() as (callbacks, _):
        await callbacks.send(url, body, {"webhook-id": "7"})
    (heard,) = receiver.heard

    assert (body, "7", "application/json", "identity") == (
        heard.body, heard.headers["webhook-id"], heard.headers["content-type"], heard.headers["accept-encoding"],
    )  # fmt: skip


async def test_a_retry_after_is_told() -> None:
    attempt = await outcome_of(Receiver(says(503, Retry_After="120")))

    assert timedelta(minutes=2) == attempt.retry_after


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    target = Receiver(says(204))
    async with listening(target) as elsewhere:
        attempt = await outcome_of(Receiver(says(status, Location=elsewhere)))
        assert (await outcome_of(target)).outcome == "delivered"  # it would have answered

    assert ("unavailable", str(status), 1) == (attempt.outcome, attempt.detail, len(target.heard))


async def test_an_endless_answer_is_cut_after_64_kb() -> None:
    cut, sent = asyncio.Event(), [0]

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b"x" * 16_384)
                sent[0] += 16_384
        finally:
            cut.set()

    async with listening(Receiver(endless)) as url, calling() as (callbacks, _):
        attempt = await asyncio.wait_for(callbacks.send(url, b"{}", {}), 5)
        await asyncio.wait_for(cut.wait(), 5)

    assert ("delivered", "200") == (attempt.outcome, attempt.detail)
    assert sent[0] >= MOST_ANSWER


async def test_an_answer_said_to_be_packed_is_not_unpacked() -> None:
    async def packed(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b"no gzip at all", headers={"Content-Encoding": "gzip"})

    assert "delivered" == (await outcome_of(Receiver(packed))).outcome


async def test_no_cookie_is_kept() -> None:
    receiver = Receiver(says(204, Set_Cookie="a=b"))
    async with listening(receiver) as url, calling() as (callbacks, _):
        for _again in range(2):
            await callbacks.send(url, b"{}", {})

    assert [None, None] == [heard.headers.get("cookie") for heard in receiver.heard]


@pytest.mark.parametrize(
    "said",
    [
        b"", b"\x00" * 64, b"220 mail.example ESMTP\r\n", b"HTTP/9.9 200 OK\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno chunk\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\xff\xfe: \xff\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 503 X\r\nRetry-After: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 X\r\nRetry-After: Tue, 24 Nov 99999999999 10:00:00 GMT\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 X\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 X\r\nSet-Cookie: \x01=;;;\r\nContent-Type: ;;\r\nContent-Length: 0\r\n\r\n",
    ],
)  # fmt: skip
async def test_no_answer_breaks_us(said: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    port = free_port()
    async with await asyncio.start_server(speak, "127.0.0.1", port), calling() as (callbacks, _):
        attempt = await asyncio.wait_for(callbacks.send(f"http://127.0.0.1:{port}/", b"{}", {}), 5)

    assert "unavailable" == attempt.outcome
    assert attempt.detail


async def test_nobody_there_is_unavailable() -> None:
    async with calling() as (callbacks, _):
        attempt = await callbacks.send(f"http://127.0.0.1:{free_port()}/", b"{}", {})

    assert ("unavailable", "ConnectionRefusedError") == (attempt.outcome, attempt.detail)


@pytest.mark.parametrize(
    ("local_mode", "url", "answers", "detail"),
    [
        (False, "https://rebinding.example/", ["127.0.0.1"], "address_barred"),
        (False, "https://rebinding.example/", ["8.8.8.8", "169.254.169.254"], "address_barred"),
        (False, "https://rebinding.example/", ["::ffff:10.0.0.1"], "address_barred"),
        (False, "https://rebinding.example/", ["fe80::1%1"], "address_barred"),
        (True, "https://rebinding.example/", ["127.0.0.1"], "address_barred"),
        (True, "http://localhost:80/", ["10.0.0.1"], "address_not_loopback"),
        (True, "http://localhost:80/", ["127.0.0.1", "8.8.8.8"], "address_not_loopback"),
    ],
)
async def test_a_name_that_leads_where_only_we_can_reach_is_not_called(
    local_mode: bool, url: str, answers: list[str], detail: str
) -> None:
    async with calling(local_mode, answers) as (callbacks, asked):
        attempt = await callbacks.send(url, b"{}", {})

    assert ("unavailable", detail, 1) == (attempt.outcome, attempt.detail, len(asked))


async def test_an_address_registered_under_older_rules_is_refused_before_any_look_up() -> None:
    async with calling(False, HERE) as (callbacks, asked):
        attempt = await callbacks.send("http://127.0.0.1/", b"{}", {})

    assert ("unavailable", "scheme_not_https", []) == (attempt.outcome, attempt.detail, asked)


async def test_a_name_is_resolved_once_for_a_connection_and_what_was_checked_is_called() -> None:
    receiver = Receiver(says(204))
    async with listening(receiver) as url, calling(True, HERE, ["10.0.0.1"]) as (callbacks, asked):
        attempt = await callbacks.send(url.replace("127.0.0.1", "localhost"), b"{}", {})

    assert ("delivered", ["localhost"], 1) == (attempt.outcome, asked, len(receiver.heard))


async def test_a_look_up_that_fails_is_unavailable() -> None:
    async def fails(_: str, __: int) -> list[str]:
        raise OSError("no such name")

    look_up: Callable[[str, int], Awaitable[list[str]]] = fails
    callbacks = Callbacks(False, Clock(), look_up)
    attempt = await callbacks.send("https://nowhere.example/", b"{}", {})
    await callbacks.close()

    assert "unavailable" == attempt.outcome
