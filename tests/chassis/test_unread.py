"""The alarms for unread and parked records ring when the consumer is dead, has no partitions, or Kafka is away."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from chassis.http.health import Health
from chassis.http.serve import application
from chassis.kafka.parking import Aside, Parking
from chassis.kafka.producer import broker_of
from chassis.kafka.unread import Unread
from stack import parked
from stack.parked_settled import settle
from stack.processes import free_port
from tests.topics import whole_topic

NOON = 1_780_000_000.0
"""The hour of the tests: seconds since 1970, later than every record they write."""
FOR_EVER = {"retention.ms": "-1"}
"""The records are of that hour, which may be long ago: the broker, which looks every few minutes, must keep them."""


class Hour:
    """The clock, as the test wants it."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> float:
        return self.at


async def shown(unread: Unread, topic: str) -> dict[str, float]:
    """The values of a topic on a page of metrics, by name; what is not on it is missing."""
    app = application("trial", "1", "trial", Health(asyncio.Event()), [unread])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trial") as http:
        lines = (await http.get("/metrics")).text.splitlines()
    found = [line for line in lines if f'topic="{topic}"' in line or 'source="kafka"' in line]
    return {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in found}


@dataclass
class Trial:
    """A topic of one test's own, a group that may read it, and the page that an operator sees."""

    kafka: str
    topic: str
    producer: AIOKafkaProducer
    hour: Hour
    unread: Unread

    @property
    def group(self) -> str:
        return f"{self.topic}.group"

    async def write(self, seconds_ago: float, partition: int = 0) -> None:
        at = int((NOON - seconds_ago) * 1000)
        await self.producer.send_and_wait(self.topic, b"x", partition=partition, timestamp_ms=at)

    async def commit(self, offset: int, partition: int = 0) -> None:
        """As a consumer of the group does, which is gone afterwards."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka, group_id=self.group, enable_auto_commit=False)
        await consumer.start()
        at = TopicPartition(self.topic, partition)
        consumer.assign([at])
        await consumer.commit({at: offset})
        await consumer.stop()

    async def shown(self) -> dict[str, float]:
        return await shown(self.unread, self.topic)

    async def lag(self) -> tuple[float, float]:
        """Records unread, and the age of the oldest."""
        async with asyncio.timeout(30):
            while not (found := await self.shown()).get("metrics_measured"):
                await asyncio.sleep(0.1)
        return found["kafka_unread_records"], found["kafka_lag_seconds"]

    async def parked(self) -> tuple[float, float]:
        await self.lag()
        found = await self.shown()
        return found["kafka_parked_records"], found["kafka_parked_age_seconds"]


@pytest.fixture
async def trial(kafka: str) -> AsyncIterator[Trial]:
    topic = f"unread_{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, 3, 1, topic_configs=FOR_EVER) for name in (topic, f"{topic}.parked")])
    await admin.close()
    producer, hour = AIOKafkaProducer(bootstrap_servers=kafka), Hour()
    await producer.start()
    unread = Unread(kafka, [(topic, f"{topic}.group")], hour)
    yield Trial(kafka, topic, producer, hour, unread)
    await unread.close()
    await producer.stop()


async def test_without_a_record_nothing_is_late(trial: Trial) -> None:
    assert (0, 0) == await trial.lag()
    assert (0, 0) == await trial.parked()


async def test_records_that_no_consumer_ever_read_grow_old(trial: Trial) -> None:
    await trial.write(60)
    await trial.write(300)  # its clock was behind; the first that is unread counts
    first = await trial.lag()
    trial.hour.at += 3600
    later = await trial.lag()

    assert ((2, 60), (2, 3660)) == (first, later)


async def test_the_age_is_that_of_the_oldest_unread_record_of_any_partition_whoever_committed_and_is_gone(
    trial: Trial,
) -> None:
    for partition, ages in enumerate(((500, 400, 10), (90, 80), (70,))):
        for seconds_ago in ages:
            await trial.write(seconds_ago, partition)
    seen = [await trial.lag()]
    for offset, partition in ((2, 0), (1, 1), (1, 2), (2, 1), (3, 0)):
        await trial.commit(offset, partition)
        seen.append(await trial.lag())
    await trial.write(5, 2)
    seen.append(await trial.lag())

    assert [(6, 500), (4, 90), (3, 80), (2, 80), (1, 10), (0, 0), (1, 5)] == seen


async def test_what_the_topic_does_not_keep_any_more_is_not_waited_for(trial: Trial) -> None:
    for seconds_ago in (900, 800, 30):
        await trial.write(seconds_ago)
    await trial.commit(1)
    admin = AIOKafkaAdminClient(bootstrap_servers=trial.kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(trial.topic, 0): RecordsToDelete(before_offset=2)})
    await admin.close()

    assert (1, 30) == await trial.lag()


async def test_a_record_that_cannot_be_decoded_ages_from_when_it_was_noticed(trial: Trial) -> None:
    module = [sys.executable, "-m", "tests.journeys.undecodable", trial.kafka, trial.topic]
    made = await asyncio.create_subprocess_exec(*module, env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"})
    assert 0 == await made.wait()
    first = await trial.lag()
    trial.hour.at += 100

    assert ((1, 0), (1, 100)) == (first, await trial.lag())


async def test_parked_records_are_counted_until_they_are_put_back_or_settled(trial: Trial) -> None:
    broker = broker_of(trial.kafka, "unread-test")
    await broker.start()
    for n in range(3):
        await trial.write(10 + n)
    records = await whole_topic(trial.kafka, trial.topic)
    for record in records[:2]:
        await Parking(broker, trial.topic, trial.group).park(Aside(record, "gap"))
    await Parking(broker, trial.topic, trial.group).park_place(0, 99, "unreadable_frame")
    await broker.stop()
    trial.hour.at = max(r.timestamp for r in await whole_topic(trial.kafka, f"{trial.topic}.parked")) / 1000 + 500
    before, age = await trial.parked()
    put_back = await parked.replay(trial.kafka, trial.topic)
    after, _ = await trial.parked()
    left = await settle(trial.kafka, trial.topic)

    assert (3, True) == (before, 500 <= age < 600)
    assert (2, 1) == (put_back, after)
    assert (0, (0, 0)) == (left, await trial.parked())


async def test_while_kafka_is_away_what_was_late_grows_later_and_what_is_not_known_is_not_shown(trial: Trial) -> None:
    await trial.write(60)
    await trial.lag()
    trial.hour.at += 1000
    trial.unread._bootstrap = f"127.0.0.1:{free_port()}"
    await trial.unread.close()
    away = await trial.shown()
    trial.unread._bootstrap = trial.kafka
    back = await trial.lag()

    assert {"metrics_measured": 0.0, "kafka_lag_seconds": 1060.0} == away
    assert (1, 1060) == back


async def test_before_kafka_was_ever_there_nothing_is_shown() -> None:
    unread = Unread(f"127.0.0.1:{free_port()}", [("nowhere", "nobody")])
    found = await shown(unread, "nowhere")
    await unread.close()

    assert {"metrics_measured": 0.0} == found
