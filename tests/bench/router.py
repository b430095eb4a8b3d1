"""The router against a raw loop: the same preloaded reports, in turn, three rounds each, each alone on the machine."""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis.kafka.envelope import headers_of
from schemas.events import Place
from schemas.ids import event_id_of, report_id_of
from schemas.reports import ReportReceived
from stack.up import System
from tests.bench.door import stop_service
from tests.bench.hop import make_topic

ROUNDS, REPORTS, BATCH = 3, 6000, 500
ENTERED = (b"case.opened", b"case.joined")
CATEGORIES = ("E0401", "E0110", "C0102", "E0201", "C0302", "E0410", "E0113", "C0401")


def measure(system: System) -> tuple[list[float], list[float]]:
    """Reports a second of the router, to the last `case.dispatched` on its topic, and of the raw loop, by round."""
    for name in ("intake", "notifier", "router"):
        stop_service(system, name)
    kafka = system.env["KAFKA_BOOTSTRAP"]
    env = {**os.environ, "KAFKA_BOOTSTRAP": kafka, "DATABASE_URL": system.env["DATABASE_URL"]}
    ours, raw = [], []
    _finish_backlog(system, kafka)
    for n in range(ROUNDS):
        topic = f"bench.reports.{n}"
        asyncio.run(make_topic(kafka, topic))
        asyncio.run(_preload(kafka, ["reports", topic], range(n * REPORTS, (n + 1) * REPORTS)))
        ours.append(_router(system, kafka))
        command = [sys.executable, "-m", "tests.bench.raw_loop", str(REPORTS), topic, f"raw.{n}"]
        done = subprocess.run(command, env=env, capture_output=True, check=True)
        raw.append(REPORTS / float(done.stdout))
    return ours, raw


def received(n: int) -> tuple[bytes, bytes, dict[str, str]]:
    """Key, value and headers of one report that joins no other."""
    report_id = report_id_of("bench", uuid.uuid4().hex)
    at = datetime.now(UTC)
    place = Place(lon=112.40 + n % 77 * 0.003, lat=37.64 + n // 77 * 0.002, address="迎泽大街", district="140106")
    event = ReportReceived(
        at=at, report_id=report_id, app="bench", reporter_ref=f"u-{n}", text="路口有人占道经营，影响通行",
        category=CATEGORIES[n % len(CATEGORIES)], place=place, body_digest="00" * 32, city_version="bench",
    )  # fmt: skip
    headers = headers_of(event_id_of(report_id, event.kind), event.kind, "intake", at)
    return str(report_id).encode(), event.model_dump_json().encode(), headers


async def _preload(kafka: str, topics: list[str], numbers: range) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, linger_ms=5)
    await producer.start()
    sends = []
    for n in numbers:  # places of their own in each round, or they would join the cases of the one before
        key, value, headers = received(n)
        raw = [(name, text.encode()) for name, text in headers.items()]
        sends += [await producer.send(topic, value, key=key, headers=raw) for topic in topics]
    await asyncio.gather(*sends)
    await producer.stop()


def _finish_backlog(system: System, kafka: str) -> None:
    """Lets the router work off what the door's rounds left, and close nothing of it."""
    system.services["router"].start()
    asyncio.run(_until_still(kafka))
    stop_service(system, "router")


def _router(system: System, kafka: str) -> float:
    """Reports a second, the first batch apart: nobody saw when its reading began."""
    before = asyncio.run(_ends(kafka))
    system.services["router"].start()
    entered = asyncio.run(_watch(kafka, before))
    stop_service(system, "router")
    return (REPORTS - BATCH) / (entered[REPORTS - 1] - entered[BATCH - 1])


async def _ends(kafka: str) -> dict[Any, int]:
    consumer = AIOKafkaConsumer("cases", bootstrap_servers=kafka)
    await consumer.start()
    ends: dict[Any, int] = await consumer.end_offsets(consumer.assignment())
    await consumer.stop()
    return ends


async def _until_still(kafka: str) -> None:
    seen: dict[Any, int] = {}
    still = 0
    while still < 4:
        await asyncio.sleep(1)
        ends = await _ends(kafka)
        still = still + 1 if ends == seen and any(ends.values()) else 0
        seen = ends


async def _watch(kafka: str, after: dict[Any, int]) -> list[float]:
    """When each report entered a case (opened or joined it), in order, once all have."""
    consumer = AIOKafkaConsumer("cases", bootstrap_servers=kafka)
    await consumer.start()
    for partition, offset in after.items():
        consumer.seek(partition, offset)
    entered: list[float] = []
    until = time.monotonic() + 60
    while len(entered) < REPORTS:
        if time.monotonic() > until:
            raise RuntimeError(f"only {len(entered)} of {REPORTS} within 60 s")
        for records in (await consumer.getmany(timeout_ms=100)).values():
            entered += [r.timestamp / 1000 for r in records if dict(r.headers)["ce_type"] in ENTERED]
    await consumer.stop()
    return sorted(entered)
