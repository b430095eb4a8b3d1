"""Parked records: list them, and put them back onto their topic whole, once what they waited for is there."""

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas import parked
from stack.parked_settled import settle


@dataclass(frozen=True)
class Parked:
    """One parked record as it stands, and the place it was parked from."""

    place: str
    group: str
    reason: str
    detail: str
    at: float
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes | None]]


async def read(kafka: str, topic: str) -> list[Parked]:
    """Everything parked from `topic`, oldest first; a place that was parked twice stands once."""
    consumer = AIOKafkaConsumer(f"{topic}.parked", bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[Parked] = []
        while [p for p, end in ends.items() if await consumer.position(p) < end]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [_parked(record) for record in records if _is_ours(record)]
    finally:
        await consumer.stop()
    once = {(p.place, p.group): p for p in sorted(found, key=lambda p: p.at)}
    return sorted(once.values(), key=_order)


async def replay(kafka: str, topic: str, places: set[str] | None = None) -> int:
    """Publishes parked records (all, or those of `places`) to `topic` again with their own key, value and headers.

    In the order of their offsets, so that what was parked behind a gap follows what fills it. Consumers drop what
    they already have. A frame that was parked by its place has no bytes and is left out. What went is settled, so that
    no alarm counts it any more. Returns how many went.
    """
    chosen = [p for p in await read(kafka, topic) if p.value and (places is None or p.place in places)]
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()
    try:
        for record in {p.place: p for p in chosen}.values():
            await producer.send_and_wait(topic, record.value, key=record.key, headers=record.headers)
    finally:
        await producer.stop()
    if chosen:
        await settle(kafka, topic, {p.place for p in chosen})
    return len({p.place for p in chosen})


def line_of(record: Parked) -> str:
    """One line for an operator; none of the record's own words."""
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.at))
    return f"{at}Z  {record.place:24} {record.group:18} {record.reason:22} {len(record.value):7} B  {record.detail}"


def _is_ours(record: Any) -> bool:
    """Whether a consumer of ours wrote it; what anybody else has put there cannot be put back."""
    return {parked.FROM, parked.GROUP, parked.REASON, parked.HEADERS} <= {name for name, _ in record.headers}


def _parked(record: Any) -> Parked:
    told = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    pairs = json.loads(told[parked.HEADERS])
    headers = [(name, None if text is None else base64.b64decode(text)) for name, text in pairs]
    return Parked(
        told[parked.FROM], told[parked.GROUP], told[parked.REASON], told.get(parked.DETAIL, ""),
        record.timestamp / 1000, record.key, record.value or b"", headers,
    )  # fmt: skip


def _order(record: Parked) -> tuple[str, int, int]:
    topic, partition, offset = record.place.rsplit("/", 2)
    return topic, int(partition), int(offset)
