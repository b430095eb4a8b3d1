"""The notifier as a process: real Kafka in, callbacks, texts and streams out, real Kafka out; then told to stop."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas.events import Event
from stack.processes import free_port
from tests.notifier.conftest import FENHE, JINYANG, PATIENCE, ROOT, Story, record_of, report, until
from tests.notifier.test_sms import CONTACTS, LANDLINE, sealed
from tests.standins import app as upstream
from tests.standins import sms


@dataclass
class Running:
    """The process, its address, its log, and what it calls."""

    http: httpx.AsyncClient
    log: Path
    gateway: sms.Gateway
    process: asyncio.subprocess.Process
    send: Callable[..., Any]

    async def get(self, path: str, key: str = JINYANG) -> Any:
        return (await self.http.get(path, headers={"Authorization": f"Bearer {key}"})).json()

    async def entries(self, story: Story, count: int) -> list[Any]:
        """What the feed says of a case, once it says so much."""

        async def ask() -> list[Any]:
            return [i for i in (await self.get("/v1/feed?limit=500"))["items"] if i["case_id"] == str(story.case_id)]

        return await until(ask, lambda items: len(items) >= count)

    async def stream(self, last: str | None = None) -> AsyncGenerator[dict[str, str], None]:
        """Server-sent events as they come; ends when the process ends them."""
        headers = {"Authorization": f"Bearer {JINYANG}"} | ({"Last-Event-ID": last} if last else {})
        async with self.http.stream("GET", "/v1/feed/stream", headers=headers) as answer:
            assert (200, "no-store") == (answer.status_code, answer.headers["cache-control"])
            event: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, text = line.partition(": ")
                if line:
                    event[name] = text
                else:
                    if "data" in event:
                        yield event
                    event = {}


def fresh() -> int:
    return uuid4().int % 10**15


@asynccontextmanager
async def producing(kafka: str) -> AsyncIterator[Callable[..., Any]]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()

    async def send(*events: Event) -> None:
        for record in map(record_of, events):
            await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))

    try:
        yield send
    finally:
        await producer.stop()


@pytest.fixture(scope="module")
async def service(
    kafka: str, service_url: Callable[[str], str], clients_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    log, port, gateway = tmp_path_factory.mktemp("notifier") / "log", free_port(), sms.Gateway()
    async with (
        sms.listening(gateway) as gateway_url,
        producing(kafka) as send,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http,
    ):
        told = {
            "KAFKA_BOOTSTRAP": kafka, "DATABASE_URL": service_url("notifier"), "CLIENTS_PATH": clients_path,
            "CITY_PATH": ROOT / "cities/taiyuan", "PORT": port, "LOCAL_MODE": "true", "SMS_URL": gateway_url,
            "CONTACT_PRIVATE_KEYS": CONTACTS, "LOG_LEVEL": "DEBUG",
        }  # fmt: skip
        env = dict(os.environ) | {f"NOTIFIER_{name}": str(value) for name, value in told.items()}
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.notifier", cwd=ROOT, env=env, stdout=output, stderr=output
            )
        running = Running(http, log, gateway, process, send)

        async def ready() -> bool:
            assert process.returncode is None, log.read_text("utf-8")
            try:
                return (await http.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(ready)
        yield running
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


async def records(kafka: str, topic: str, key: UUID, count: int) -> list[Any]:
    """The records of one key, once there are so many."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Any] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while len(found) < count:
                for some in (await consumer.getmany(timeout_ms=100)).values():
                    found += [record for record in some if record.key == str(key).encode()]
    finally:
        await consumer.stop()
    return found


async def test_what_lies_on_the_topics_leaves_by_every_channel_and_the_topic_notices_hears_of_it(
    service: Running, kafka: str
) -> None:
    number = fresh()
    story = Story(report(number, contact=sealed(number, LANDLINE)))
    app = upstream.App("jinyang", JINYANG, str(service.http.base_url))
    async with upstream.listening(app) as url:
        answer = await service.http.put("/v1/endpoints/main", json={"url": url}, headers=app.headers())
        app.secret = answer.json()["secret"]
        await service.send(story.opened(), story.filed(), story.dispatched(), story.closed(), story.report)
        entries = await service.entries(story, 2)
        told = [json.loads(r.value) for r in await records(kafka, "notices", story.report.report_id, 3)]

    assert [("case.filed", 2), ("case.closed", 4)] == [(e["event"], e["seq"]) for e in entries]
    assert {e["dedup_key"]: e["seq"] for e in entries} == {b["dedup_key"]: b["seq"] for b in app.bodies.values()}
    assert set() == {e["notice_id"] for e in entries} & set(app.bodies)
    assert ([1, 1], 0, 0) == (list(app.received.values()), app.unverified, app.contradicted)
    assert [(LANDLINE, "已结案：已更换井盖")] == [(sent["to"], sent["text"]) for sent in service.gateway.sent]
    assert {("callback", 2, 1), ("callback", 4, 1), ("sms", 4, 1)} == {
        (t["channel"], t["seq"], t["attempts"]) for t in told
    }
    assert {*app.received, service.gateway.sent[0]["id"]} == {t["notice_id"] for t in told}
    assert [] == (await service.get("/v1/feed", FENHE))["items"]
    log = service.log.read_text("utf-8")
    assert ("contact.opened" in log, str(story.report.report_id) in log) == (True, True)
    assert [] == [text for text in (LANDLINE, app.secret, JINYANG) if text in log]


async def test_a_stream_tells_entries_as_they_come_and_goes_on_behind_the_last_one_seen(service: Running) -> None:
    first, second = Story(report(fresh())), Story(report(fresh()))
    await service.send(first.report, first.opened(), first.filed(), first.suspended())
    await service.entries(first, 2)
    seen: list[dict[str, str]] = []
    async with asyncio.timeout(PATIENCE), aclosing(service.stream()) as stream:
        async for event in stream:
            seen.append(event)
            if json.loads(event["data"])["case_id"] == str(first.case_id) and event["event"] == "case.suspended":
                await service.send(second.report, second.opened(), second.filed())
            if json.loads(event["data"])["case_id"] == str(second.case_id):
                break
    suspended = next(e for e in seen if json.loads(e["data"])["case_id"] == str(first.case_id)
                     and e["event"] == "case.suspended")  # fmt: skip
    async with asyncio.timeout(PATIENCE), aclosing(service.stream(suspended["id"])) as stream:
        following = await anext(stream)
    page = await service.get(f"/v1/feed?after={suspended['id']}")

    assert seen[-1] == following
    assert ("case.filed", [json.loads(following["data"])]) == (following["event"], page["items"])
    assert len(seen) == len({event["id"] for event in seen})
    assert (await service.get("/v1/feed?limit=500"))["items"] == [json.loads(event["data"]) for event in seen]


async def test_what_comes_behind_a_gap_is_parked_whole_and_can_be_replayed(service: Running, kafka: str) -> None:
    story, neighbour = Story(report(fresh())), Story(report(fresh()))
    opened, filed, sent, closed = story.opened(), story.filed(), story.dispatched(), story.closed()
    await service.send(story.report, neighbour.report, opened, sent, closed, neighbour.opened(), neighbour.filed())
    await service.entries(neighbour, 1)
    parked = await records(kafka, "cases.parked", story.case_id, 2)
    before = await service.entries(story, 0)
    await service.send(filed, sent, closed)
    after = await service.entries(story, 2)

    assert [record_of(event).value for event in (sent, closed)] == [record.value for record in parked]
    assert [(b"gap", b"notifier.cases")] * 2 == [
        (dict(r.headers)["parked_reason"], dict(r.headers)["parked_group"]) for r in parked
    ]
    assert ([], [2, 4]) == (before, [entry["seq"] for entry in after])


async def test_told_to_stop_it_ends_its_streams_and_leaves_with_zero(service: Running) -> None:
    story = Story(report(fresh()))
    await service.send(story.report, story.opened(), story.filed())
    await service.entries(story, 1)
    seen = 0
    async with asyncio.timeout(PATIENCE), aclosing(service.stream()) as stream:
        async for event in stream:
            seen += 1
            if json.loads(event["data"])["case_id"] == str(story.case_id):
                service.process.send_signal(signal.SIGTERM)
        code = await service.process.wait()

    assert (True, 0) == (seen > 0, code)
    assert "process.stopped" in service.log.read_text("utf-8")
