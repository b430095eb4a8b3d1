"""The publisher: a caller always hears within its time whether the record is safe."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from prometheus_client import REGISTRY

from chassis.kafka.producer import Publisher, Unsent, broker_of
from stack.processes import free_port

PATIENCE = 8.0
"""Below the 10 s after which the client itself gives a request up: who answers sooner kept the caller's time."""


@pytest.fixture
async def broker(kafka: str) -> AsyncIterator[Any]:
    made = broker_of(kafka, "producer-test")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def topic() -> str:
    return f"producer_{uuid.uuid4().hex[:8]}"


def unsent(topic: str, value: bytes = b"1") -> Unsent:
    return Unsent(topic, b"\x00key", value, {"ce_id": "一"})


def counted(topic: str, outcome: str) -> float | None:
    return REGISTRY.get_sample_value("kafka_published_total", {"topic": topic, "outcome": outcome})


class Deaf:
    """A broker that confirms nothing until it is told to."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.confirm = asyncio.Event()

    async def publish(self, value: bytes, *_: Any, **__: Any) -> None:
        self.heard.append(value)
        await self.confirm.wait()


class Refusing:
    """A broker that refuses everything."""

    def __init__(self, why: Exception) -> None:
        self._why = why

    async def publish(self, *_: Any, **__: Any) -> None:
        raise self._why


async def test_a_durable_record_is_on_the_topic_as_it_was_given(kafka: str, broker: Any, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    outcome = await Publisher(broker).publish(unsent(topic, b"\xff\x00{}"), PATIENCE)
    reader = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await reader.start()
    record = await asyncio.wait_for(reader.getone(), PATIENCE)
    await reader.stop()

    assert ("durable", 1.0) == (outcome, counted(topic, "durable"))
    assert (b"\x00key", b"\xff\x00{}", "一".encode()) == (record.key, record.value, dict(record.headers)["ce_id"])


async def test_a_broker_that_was_never_reached_leaves_it_unconfirmed(topic: str) -> None:
    broker = broker_of(f"127.0.0.1:{free_port()}", "producer-test")
    outcome = await Publisher(broker).publish(unsent(topic), 0.1)

    assert ("unconfirmed", 1.0) == (outcome, counted(topic, "unconfirmed"))


async def test_a_connection_that_was_given_up_leaves_it_unconfirmed(kafka: str, topic: str) -> None:
    broker = broker_of(kafka, "producer-test")
    await broker.start()
    await broker.stop()

    assert "unconfirmed" == await Publisher(broker).publish(unsent(topic), 0.1)


async def test_a_broker_that_cannot_take_it_leaves_it_unconfirmed_within_the_callers_time(
    broker: Any, topic: str
) -> None:
    async with asyncio.timeout(PATIENCE):
        outcome = await Publisher(broker).publish(unsent(topic), 0.2)  # nobody made the topic

    assert ("unconfirmed", 1.0) == (outcome, counted(topic, "unconfirmed"))


class Silent:
    """Takes every record and never acknowledges one."""

    async def publish(self, *_: Any, no_confirm: bool = False, **__: Any) -> Any:
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        return acknowledged if no_confirm else await acknowledged


async def test_what_nobody_acknowledges_is_unconfirmed(topic: str) -> None:
    broker: Any = Silent()

    assert "unconfirmed" == await Publisher(broker).publish(unsent(topic), 0.05)


@pytest.mark.parametrize("why", [KafkaError("no"), ConnectionResetError(), TimeoutError()])
async def test_whatever_kafka_raises_leaves_it_unconfirmed(topic: str, why: Exception) -> None:
    broker: Any = Refusing(why)

    assert "unconfirmed" == await Publisher(broker).publish(unsent(topic), PATIENCE)


async def test_a_mistake_of_ours_travels_up_and_nobody_waits_any_more(topic: str) -> None:
    broker: Any = Refusing(TypeError("ours"))
    publisher = Publisher(broker, most_waiting=1)
    with pytest.raises(TypeError, match="ours"):
        await publisher.publish(unsent(topic), PATIENCE)
    with pytest.raises(TypeError, match="ours"):
        await publisher.publish(unsent(topic), PATIENCE)

    assert 0 == REGISTRY.get_sample_value("kafka_waiting_publishes")


async def test_above_the_bound_it_is_overloaded_at_once_and_nothing_is_sent(topic: str) -> None:
    deaf: Any = Deaf()
    publisher = Publisher(deaf, most_waiting=2)
    waiting = [asyncio.create_task(publisher.publish(unsent(topic, b"%d" % n), PATIENCE)) for n in range(2)]
    async with asyncio.timeout(PATIENCE):
        while len(deaf.heard) < 2:
            await asyncio.sleep(0)
    refused = await publisher.publish(unsent(topic, b"2"), PATIENCE)
    still_waiting = [task.done() for task in waiting]
    deaf.confirm.set()
    outcomes = await asyncio.gather(*waiting)
    again = await publisher.publish(unsent(topic, b"3"), PATIENCE)

    assert ("overloaded", [False, False]) == (refused, still_waiting)
    assert (["durable", "durable"], "durable") == (outcomes, again)
    assert [b"0", b"1", b"3"] == deaf.heard


async def test_whoever_gives_up_makes_room(topic: str) -> None:
    deaf: Any = Deaf()
    publisher = Publisher(deaf, most_waiting=1)

    assert ["unconfirmed", "unconfirmed"] == [await publisher.publish(unsent(topic), 0.01) for _ in range(2)]
