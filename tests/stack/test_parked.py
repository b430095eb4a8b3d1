"""Parked records on a real Kafka: listed in their order, and put back byte for byte."""

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chassis.kafka.parking import Aside, Parking
from chassis.kafka.producer import broker_of
from stack import parked
from tests.topics import whole_topic

Headers = list[tuple[str, bytes]]
ODD: list[tuple[bytes, bytes, Headers]] = [
    (b"key-1", b'{"text":"\xe8\xbf\x8e\xe6\xb3\xbd"}', [("ce_id", b"1"), ("ce_type", b"trial.made")]),
    (b"\x00\xff", b"\xff\xfe\x00not utf-8", [("ce_id", b"\xff\xfe\x00"), ("traceparent", b"00-1")]),
    (b"key-1", b"{broken", [("twice", b"a"), ("twice", b"b"), ("empty", b"")]),
    (b"key-2", b" ", []),
]


@dataclass
class Trial:
    """A topic of one test's own with its parked topic, and the real parking of two groups."""

    kafka: str
    topic: str
    broker: Any
    producer: AIOKafkaProducer

    async def send(self, rows: Sequence[tuple[bytes, bytes, Headers]]) -> list[Any]:
        """The records as a consumer got them."""
        for key, value, headers in rows:
            await self.producer.send_and_wait(self.topic, value, key=key, headers=headers)
        return await self.records()

    async def records(self) -> list[Any]:
        """Everything that is on the topic now."""
        return await whole_topic(self.kafka, self.topic)

    async def park(self, records: Sequence[Any], reason: str, group: str = "one") -> None:
        for record in records:
            await Parking(self.broker, self.topic, f"{self.topic}.{group}").park(Aside(record, reason, "why it is so"))


@pytest.fixture
async def trial(kafka: str) -> AsyncIterator[Trial]:
    topic = f"aside_{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, 3, 1) for name in (topic, f"{topic}.parked")])
    await admin.close()
    broker = broker_of(kafka, "parked-test")
    await broker.start()
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    yield Trial(kafka, topic, broker, producer)
    await producer.stop()
    await broker.stop()


def whole(record: Any) -> tuple[Any, ...]:
    return record.key, record.value, tuple(record.headers)


def place(record: Any) -> str:
    return f"{record.topic}/{record.partition}/{record.offset}"


async def test_what_is_parked_is_listed_whole_with_its_place_group_and_reason(trial: Trial) -> None:
    records = await trial.send(ODD)
    await trial.park(records, "unfit_body")
    found = await parked.read(trial.kafka, trial.topic)

    assert {place(r): whole(r) for r in records} == {p.place: (p.key, p.value, tuple(p.headers)) for p in found}
    assert {(f"{trial.topic}.one", "unfit_body", "why it is so")} == {(p.group, p.reason, p.detail) for p in found}


async def test_nothing_parked_is_an_empty_list(trial: Trial) -> None:
    await trial.send(ODD)

    assert ([], 0) == (await parked.read(trial.kafka, trial.topic), await parked.replay(trial.kafka, trial.topic))


async def test_a_header_without_a_value_comes_back_without_one_and_a_strangers_record_is_left_where_it_is(
    trial: Trial,
) -> None:
    records = await trial.send([(b"k", b"1", [("none", None), ("empty", b"")])])  # type: ignore[list-item]
    await trial.park(records, "unreadable_headers")
    await trial.producer.send_and_wait(f"{trial.topic}.parked", b"not ours", key=b"k")

    assert (("none", None), ("empty", b"")) == records[0].headers
    assert [[("none", None), ("empty", b"")]] == [p.headers for p in await parked.read(trial.kafka, trial.topic)]
    assert 1 == await parked.replay(trial.kafka, trial.topic)
    assert [whole(records[0])] * 2 == [whole(record) for record in await trial.records()]


async def test_a_list_is_in_the_order_of_the_offsets_and_shows_a_place_parked_twice_once(trial: Trial) -> None:
    records = await trial.send([(b"k", b"%d" % n, []) for n in range(12)])
    await trial.park(records[::-1], "gap")
    await trial.park(records[:3], "gap")
    await trial.park(records[:2], "unknown", group="two")
    found = await parked.read(trial.kafka, trial.topic)

    assert [b"%d" % n for n in range(12)] == [p.value for p in found if p.group == f"{trial.topic}.one"]
    assert [b"0", b"1"] == [p.value for p in found if p.group == f"{trial.topic}.two"]


async def test_a_replay_puts_key_value_and_headers_back_byte_for_byte_in_their_order(trial: Trial) -> None:
    records = await trial.send(ODD)
    await trial.park(records[::-1], "gap")
    count = await parked.replay(trial.kafka, trial.topic)
    after = await trial.records()

    assert (len(ODD), 2 * len(ODD)) == (count, len(after))
    for partition in range(3):
        sent = [whole(r) for r in records if r.partition == partition]
        assert sent * 2 == [whole(r) for r in after if r.partition == partition]


async def test_a_replay_of_a_place_leaves_the_others_aside(trial: Trial) -> None:
    records = await trial.send(ODD)
    await trial.park(records, "gap")
    chosen = records[1]
    count = await parked.replay(trial.kafka, trial.topic, {place(chosen), f"{trial.topic}/0/999999"})
    after = await trial.records()
    added = sorted(whole(r) for r in after)
    for record in records:
        added.remove(whole(record))

    assert (1, [whole(chosen)]) == (count, added)


async def test_what_two_groups_parked_goes_back_once(trial: Trial) -> None:
    records = await trial.send(ODD[:2])
    await trial.park(records, "gap")
    await trial.park(records, "gap", group="two")
    count = await parked.replay(trial.kafka, trial.topic)

    assert (2, 4) == (count, len(await trial.records()))


async def test_a_frame_without_bytes_is_listed_and_not_put_back(trial: Trial) -> None:
    await Parking(trial.broker, trial.topic, "group").park_place(2, 7, "unreadable_frame")
    found = await parked.read(trial.kafka, trial.topic)

    assert [(f"{trial.topic}/2/7", "unreadable_frame", b"", None, [])] == [
        (p.place, p.reason, p.value, p.key, p.headers) for p in found
    ]
    assert (0, []) == (await parked.replay(trial.kafka, trial.topic), await trial.records())


async def test_a_line_names_place_and_reason_and_none_of_the_records_words(trial: Trial) -> None:
    secret = json.dumps({"text": "13800001234"}).encode()
    await trial.park(await trial.send([(b"13800001234", secret, [("ce_id", b"13800001234")])]), "unfit_body")
    [record] = await parked.read(trial.kafka, trial.topic)
    line = parked.line_of(record)

    assert [record.place, record.group, "unfit_body"] == line.split()[2:5]
    assert f"{len(secret)} B" in line
    assert "1380" not in line
