"""Evidence gathered from a system at rest: topics read by a consumer of ours, tables, pages, feeds, logs, metrics."""

import asyncio
import json
import urllib.request
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import TOPICS
from stack.up import System
from tests.faults.actors import APPS, CANARY
from tests.faults.checker import Event, Evidence
from tests.faults.history import History
from tests.faults.line import Line
from tests.journeys.town import Record, _dump
from tests.standins.app import App

GROUPS = {
    f"{reader}.{topic.name}": topic.name for topic in TOPICS for reader in topic.readers
}  # fmt: skip


async def gather(system: System, line: Line, history: History, apps: Sequence[App], calls: Sequence[Any]) -> Evidence:
    """Everything the checker asks for."""
    kafka, database = system.env["KAFKA_BOOTSTRAP"], system.env["DATABASE_URL"]
    dumps = {name: await _dump(kafka, name) for topic in TOPICS for name in (topic.name, topic.parked)}
    pages = {}
    for report_id, sent in history.accepted.items():
        answer = await line.until_answered("intake", "GET", f"/v1/reports/{report_id}", APPS[sent.app])
        if answer is not None and answer.status == 200:
            pages[report_id] = answer.body
    feed = [item for app in apps async for item in app.feed(line.http)]
    return Evidence(
        reports=_events("reports", dumps["reports"]),
        cases=_events("cases", dumps["cases"]),
        feed=feed,
        callbacks=calls,
        unverified=sum(app.unverified for app in apps),
        contradicted=sum(app.contradicted for app in apps),
        pages=pages,
        parked=[_parked(record) for topic in TOPICS for record in dumps[topic.parked]],
        **await _ledgers(database),
        behind={group: await behind(kafka, group, topic) for group, topic in GROUPS.items()},
        leaks=_leaks(system, dumps),
        not_ready=[name for name, service in system.services.items() if not service.ready()],
    )


def _events(topic: str, records: Sequence[Record]) -> list[Event]:
    found = []
    for record in records:
        try:
            body = json.loads(record.value)
            key, kind = (record.key or b"").decode(), record.headers["ce_type"].decode()
            found.append(
                Event(topic, record.partition, record.offset, key, record.headers["ce_id"].decode(), kind, body)
            )
        except (ValueError, KeyError):
            continue  # of a foreign hand; whether it was parked is asked elsewhere
    return found


def _parked(record: Record) -> tuple[str, str, bytes]:
    return record.headers["parked_group"].decode(), record.headers["parked_reason"].decode(), record.value


async def _ledgers(database: str) -> dict[str, Any]:
    connection = await asyncpg.connect(database)
    try:
        seqs: dict[str, dict[UUID, int]] = {}
        for ledger in ("intake", "notifier"):
            rows = await connection.fetch(f"select case_id, seq from {ledger}.cases")
            seqs[ledger] = {row["case_id"]: row["seq"] for row in rows}
        lines = await connection.fetch("select case_id, count(seq) as lines from router.history group by case_id")
        outboxes = [await connection.fetchval(f"select count(*) from {s}.outbox") for s in ("router", "notifier")]
    finally:
        await connection.close()
    return {"seqs": seqs, "history_lines": {r["case_id"]: r["lines"] for r in lines}, "outbox_rows": sum(outboxes)}


async def behind(kafka: str, group: str, topic: str) -> int:
    """How many records the group has still to read."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        committed = {p: o.offset for p, o in (await admin.list_consumer_group_offsets(group)).items()}
    finally:
        await admin.close()
    ends: dict[int, int] = {}
    for record in await _dump(kafka, topic):
        ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
    places = {p.partition: offset for p, offset in committed.items() if p.topic == topic}
    return sum(max(0, end - places.get(partition, 0)) for partition, end in ends.items())


def _leaks(system: System, dumps: dict[str, list[Record]]) -> list[str]:
    secret = CANARY.encode()
    found = [
        f"topic {name}, partition {r.partition}, offset {r.offset}"
        for name, records in dumps.items()
        for r in records
        if secret in r.value or any(secret in value for value in r.headers.values() if value)
    ]
    found += [str(path.name) for path in (system.folder / "logs").glob("*.log") if secret in path.read_bytes()]
    for name, service in system.services.items():
        with urllib.request.urlopen(f"{service.url}/metrics", timeout=10) as answer:  # noqa: S310
            found += [f"metrics of {name}"] if secret in answer.read() else []
    return found


async def all_read(system: System, patience: float) -> None:
    """Waits until no group is behind; what is then still unread the checker will say."""
    deadline = asyncio.get_running_loop().time() + patience
    while asyncio.get_running_loop().time() < deadline:
        left = [await behind(system.env["KAFKA_BOOTSTRAP"], group, topic) for group, topic in GROUPS.items()]
        if not any(left):
            return
        await asyncio.sleep(1)
