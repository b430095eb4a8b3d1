"""The router as a process: real Kafka in, HTTP in the middle, real Kafka out; killed and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis import receipts
from schemas.ids import case_id_of, report_id_of
from schemas.reports import ReportDisputed
from stack.processes import free_port
from tests.router.conftest import RECEIPT_KEY, ROOT, TUESDAY_1000, Record, record_of, report

DRAINS = {"Authorization": "Bearer ssp_platform_P016"}
CENTRE = {"Authorization": "Bearer ssp_centre_one"}
PATIENCE = 60


@dataclass
class Running:
    """The service's process and its address."""

    env: dict[str, str]
    http: httpx.AsyncClient
    process: Any = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.router", cwd=ROOT, env=self.env, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE):
            while not await self._ready():
                await asyncio.sleep(0.1)

    async def _ready(self) -> bool:
        try:
            return (await self.http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def kill(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return int(await asyncio.wait_for(self.process.wait(), PATIENCE))


@pytest.fixture
async def router(kafka: str, service_url: Callable[[str], str], clients_path: Path) -> AsyncIterator[Running]:
    port = free_port()
    env = {
        **os.environ, "ROUTER_KAFKA_BOOTSTRAP": kafka, "ROUTER_DATABASE_URL": service_url("router"),
        "ROUTER_CLIENTS_PATH": str(clients_path), "ROUTER_CITY_PATH": str(ROOT / "cities/taiyuan"),
        "ROUTER_PORT": str(port), "ROUTER_RECEIPT_KEY": RECEIPT_KEY.hex(),
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=35) as http:
        running = Running(env, http)
        await running.start()
        yield running
        if running.process.returncode is None:
            assert await running.kill(signal.SIGTERM) == 0


@asynccontextmanager
async def producing(kafka: str) -> AsyncIterator[Callable[[Record, UUID], Any]]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()

    async def send(record: Record, report_id: UUID) -> None:
        await producer.send_and_wait("reports", record.value, key=str(report_id).encode(), headers=list(record.headers))

    try:
        yield send
    finally:
        await producer.stop()


async def events_of(
    kafka: str, case_ids: set[UUID], enough: Callable[[dict[UUID, list[Any]]], bool]
) -> dict[UUID, list[Any]]:
    """What the topic `cases` says about these cases, until that is enough."""
    consumer = AIOKafkaConsumer("cases", bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[UUID, list[Any]] = {case_id: [] for case_id in case_ids}
    try:
        async with asyncio.timeout(PATIENCE):
            while not enough(found):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    for record in records:
                        case_id = UUID((record.key or b"").decode())
                        if case_id in found:
                            kind = dict(record.headers)["ce_type"].decode()
                            found[case_id].append((kind, orjson.loads(record.value or b"")))
    finally:
        await consumer.stop()
    return found


def fresh(prefix: str, number: int) -> Any:
    name = f"{prefix}-{number}"
    return report(number, report_id=report_id_of("app-one", name), body_digest=name)


async def post(router: Running, case_id: UUID, act: str, key: str, **body: Any) -> httpx.Response:
    return await router.http.post(f"/v1/cases/{case_id}/{act}", json=body, headers=DRAINS | {"Idempotency-Key": key})


async def listed(router: Running, case_id: UUID) -> None:
    """Returns once the case is on its platform's list, among those of other tests' reports."""
    async with asyncio.timeout(PATIENCE):
        while True:
            page = await router.http.get("/v1/platforms/me/cases?wait=20&limit=100", headers=DRAINS)
            if str(case_id) in {item["case_id"] for item in page.json()["items"]}:
                return
            await asyncio.sleep(0.05)


async def test_a_report_becomes_a_case_on_a_platforms_list_and_its_events_are_published_in_order(
    router: Running, kafka: str
) -> None:
    event = fresh(f"one-{uuid4().hex[:8]}", 10_000)
    case_id = case_id_of(event.report_id)
    async with producing(kafka) as send:
        await send(record_of(event), event.report_id)
        await listed(router, case_id)
        await post(router, case_id, "accept", "k1", generation=1)
        await router.http.post(
            f"/v1/cases/{case_id}/dispatch",
            json={"platform": "P013", "generation": 1},
            headers=CENTRE | {"Idempotency-Key": "k2"},
        )
    found = await events_of(kafka, {case_id}, lambda f: all(len(events) >= 5 for events in f.values()))

    assert [1, 2, 3, 4, 5] == [body["seq"] for _, body in found[case_id]]
    assert ["case.opened", "case.filed", "case.dispatched", "case.accepted", "case.dispatched"] == [
        kind for kind, _ in found[case_id]
    ]


async def test_killed_in_the_middle_of_batches_nothing_is_lost_or_doubled(router: Running, kafka: str) -> None:
    prefix = uuid4().hex[:8]
    events = [fresh(prefix, 20_000 + n) for n in range(600)]
    async with producing(kafka) as send:
        for start in range(0, 600, 200):
            await asyncio.gather(*(send(record_of(e), e.report_id) for e in events[start : start + 200]))
            await router.kill(signal.SIGKILL)
            await router.start()
    case_ids = {case_id_of(event.report_id) for event in events}
    found = await events_of(kafka, case_ids, lambda f: all(len(got) >= 3 for got in f.values()))

    for got in found.values():
        assert [1, 2, 3] == sorted({body["seq"] for _, body in got})


async def test_a_broken_record_is_parked_and_the_next_one_is_read(router: Running, kafka: str) -> None:
    event = fresh(f"after-{uuid4().hex[:8]}", 30_000)
    case_id = case_id_of(event.report_id)
    async with producing(kafka) as send:
        await send(Record(b"{not json", dict(ce_headers(event))), event.report_id)
        await send(record_of(event), event.report_id)
    await events_of(kafka, {case_id}, lambda f: len(f[case_id]) >= 3)
    metrics = (await router.http.get("/metrics")).text

    assert 'kafka_parked_total{group="router.reports",reason="unfit_body",topic="reports"} 1.0' in metrics


async def test_a_dispute_opens_a_closed_case_again_once(router: Running, kafka: str) -> None:
    event = report(40_000, report_id=report_id_of("app-one", uuid4().hex), category="E0110")
    case_id = case_id_of(event.report_id)
    disputed = ReportDisputed(at=TUESDAY_1000, report_id=event.report_id, app="app-one", text="还没清走")
    async with producing(kafka) as send:
        await send(record_of(event), event.report_id)
        await events_of(kafka, {case_id}, lambda f: len(f[case_id]) >= 3)
        key = {"Authorization": "Bearer ssp_platform_P002", "Idempotency-Key": f"done-{case_id}"}
        done = {"generation": 1, "text": "已清理干净", "media": [photo_of("P002")]}
        handled = await router.http.post(f"/v1/cases/{case_id}/handle", json=done, headers=key)
        assert handled.json()["state"] == "closed"
        for _ in range(2):
            await send(record_of(disputed), event.report_id)
        found = await events_of(kafka, {case_id}, lambda f: len(f[case_id]) >= 7)
    case = (await router.http.get(f"/v1/cases/{case_id}", headers=CENTRE)).json()

    assert ["case.handled", "case.closed", "case.reopened", "case.dispatched"] == [k for k, _ in found[case_id]][3:]
    assert ("dispatched", 2, "P002", 7) == (
        case["state"], case["generation"], case["platform"]["code"], case["seq"],
    )  # fmt: skip


def photo_of(platform: str) -> str:

    return receipts.sign(RECEIPT_KEY, platform, "ef" * 32, datetime.now(UTC))


def ce_headers(event: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in record_of(event).headers}
