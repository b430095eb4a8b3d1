"""What the tests of the door say to intake, and how they hear what came of it."""

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis.kafka.envelope import headers_of
from schemas import cases as ev
from schemas.events import Named, Place
from schemas.ids import case_id_of, event_id_of
from tests.intake.conftest import Intake

TUESDAY_1600 = datetime(2026, 11, 24, 8, tzinfo=UTC)
WUYI = {"lon": 112.558851, "lat": 37.855804, "system": "GCJ-02", "address": "迎泽大街五一路口"}


def body(**changes: Any) -> dict[str, Any]:
    return {"text": "便道井盖缺失", "category": "C0102", "place": WUYI, "reporter": {"ref": "u-1"}} | changes


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


def reasons(answer: httpx.Response) -> set[tuple[str, str]]:
    return {(e["field"], e["reason"]) for e in answer.json()["errors"]}


async def published(kafka: str, report_id: str) -> list[Any]:
    consumer = AIOKafkaConsumer(
        "reports", bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found = []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                got = await consumer.getmany(partition, timeout_ms=1000)
                found += [r for records in got.values() for r in records if r.key == report_id.encode()]
        return found
    finally:
        await consumer.stop()


async def tell_cases(kafka: str, *events: ev.CaseEvent) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        for event in events:
            headers = headers_of(event_id_of(event.case_id, event.kind, event.seq), event.kind, "router", event.at)
            await producer.send_and_wait(
                "cases",
                event.model_dump_json().encode(),
                key=str(event.case_id).encode(),
                headers=[(name, value.encode()) for name, value in headers.items()],
            )


def case_of(report_id: uuid.UUID, *kinds: str, at: datetime = TUESDAY_1600) -> list[ev.CaseEvent]:
    """The case that a report opened, all of it at one instant."""
    shared = {"case_id": case_id_of(report_id), "at": at, "by": "router"}
    platform = Named(code="P031", name="太原公交集团二级平台")
    fields: dict[str, dict[str, Any]] = {
        "case.opened": {"report_id": report_id, "category": "C0102", "place": Place(), "text": "", "city_version": "x"},
        "case.filed": {"case_number": "1401062026112400001", "category": "C0102", "district": "140106"},
        "case.dispatched": {
            "generation": 1, "platform": platform, "rule": "R1", "candidates": ("P031",), "city_version": "x",
            "accept_by": "2026-11-24T10:00:00Z", "deadline": "2026-11-24T10:00:00Z",
        },
        "case.accepted": {"generation": 1, "platform": platform},
        "case.handled": {"generation": 1, "platform": platform, "text": "已补装井盖"},
        "case.closed": {"reply": "已补装井盖", "media": ("m1",)},
        "case.reopened": {"report_id": report_id, "reason": "还是松的"},
        "case.declined": {"reason": "not_in_scope", "reply": "不属于城市管理范围"},
        "case.voided": {"reason": "test_entry", "reply": "测试信息"},
    }  # fmt: skip
    return [
        ev.KINDS[kind].model_validate({**shared, "seq": seq, **fields[kind]})  # type: ignore[misc]
        for seq, kind in enumerate(kinds, 1)
    ]


LIFE = ("case.opened", "case.filed", "case.dispatched", "case.accepted", "case.handled", "case.closed")


def until(answer: Any, wanted: Any, patience: float = 40) -> Any:
    deadline = time.monotonic() + patience
    while (got := answer()) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return got


def report(intake: Intake) -> str:
    with intake.client() as app:
        return str(app.post("/v1/reports", json=body(), headers=key()).json()["report_id"])


async def ended(intake: Intake, kafka: str, *kinds: str, age: timedelta = timedelta()) -> str:
    """A report whose case has lived through these events; nobody waits until the read model has them."""
    report_id = report(intake)
    await tell_cases(kafka, *case_of(uuid.UUID(report_id), *(kinds or LIFE), at=datetime.now(UTC) - age))
    return report_id


async def said(kafka: str, report_id: str) -> list[Any]:
    """The records of a report after its first."""
    return [record for record in await published(kafka, report_id) if b"report.received" != kind_of(record)]


def kind_of(record: Any) -> bytes:
    return bytes(dict(record.headers)["ce_type"])


def problem(answer: httpx.Response) -> tuple[int, str, bool]:
    return answer.status_code, answer.json()["reason"], "retry-after" in answer.headers


def patiently(client: httpx.Client, path: str, words: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    """What is said at last to a client that repeats its call, as a 503 asks for."""
    deadline = time.monotonic() + 20
    while (answer := client.post(path, json=words, headers=headers)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)
    return answer
