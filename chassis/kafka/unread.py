"""What a group has not read yet, asked of Kafka itself: it is right also when the consumer is dead, stuck or elsewhere.

For each group the committed offsets are compared with the ends of the partitions. The age is that of the first unread
record; its time is fetched once, for a record never changes. Parked topics are measured alike: what was put back or
settled by an operator is what the group `parked` has committed (`chassis/kafka/parking.py`).
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from chassis.http.metrics import LAG, PARKED_AGE, PARKED_NOW, UNREAD
from chassis.kafka.parking import SETTLED_GROUP, parked_topic

FETCH_MS = 300
"""How long one first unread record is waited for; the time at which it was noticed stands for its own until then."""
REQUEST_MS = 1_500
STOP_SECONDS = 0.5

Group = tuple[str, str]
Place = tuple[TopicPartition, int]


class Unread:
    """A source of metrics: what these (topic, group) have not read, and what is parked of their topics.

    Has two connections of its own, opened when it is measured for the first time and closed by `close`.
    """

    name = "kafka"

    def __init__(self, bootstrap: str, groups: Iterable[Group], now: Callable[[], float] = time.time) -> None:
        self._bootstrap, self._now = bootstrap, now
        read = sorted(set(groups))
        self._groups = [*read, *sorted({(parked_topic(topic), SETTLED_GROUP) for topic, _ in read})]
        self._open = AsyncExitStack()
        self._kafka: tuple[AIOKafkaConsumer, AIOKafkaAdminClient] | None = None
        self._written_at: dict[Place, float] = {}
        self._noticed_at: dict[Place, float] = {}
        self._oldest: dict[Group, float | None] = {}

    async def measure(self) -> None:
        """Asks Kafka. Raises `KafkaError`, `OSError`."""
        kafka, self._kafka = self._kafka, None  # whoever fails or is cancelled in between connects anew
        consumer, admin = kafka or await self._connected()
        ends = await consumer.end_offsets(consumer.assignment())
        begins = await consumer.beginning_offsets(consumer.assignment())
        seen: set[Place] = set()
        for group in self._groups:
            read = await admin.list_consumer_group_offsets(group[1])
            places = {
                (at, max(begins[at], read[at].offset if at in read else 0)): end
                for at, end in ends.items()
                if at.topic == group[0]
            }
            unread = {place: end - place[1] for place, end in places.items() if end > place[1]}
            seen |= unread.keys()
            ages = [await self._time_of(consumer, place) for place in unread]
            self._oldest[group] = min(ages, default=None)
            self._show(group, sum(unread.values()))
        for known in (self._written_at, self._noticed_at):
            for place in known.keys() - seen:
                del known[place]
        self._kafka = consumer, admin

    def lose(self) -> None:
        """What was unread is unread still, as far as anybody knows, and grows older; of the rest nothing is known."""
        for group in self._groups:
            if self._oldest.get(group) is None:
                _gauges(group)[1].remove(*_labels(group))
            else:
                self._show(group, None)
            _gauges(group)[0].remove(*_labels(group))

    async def close(self) -> None:
        """Lets the connections go."""
        self._kafka = None
        opened, self._open = self._open, AsyncExitStack()
        with suppress(TimeoutError):
            await asyncio.wait_for(opened.aclose(), STOP_SECONDS)

    async def close_at(self, stopping: asyncio.Event) -> None:
        """Closes when the process is told to stop; a part of it."""
        await stopping.wait()
        await self.close()

    def _show(self, group: Group, count: int | None) -> None:
        number, age = (gauge.labels(*_labels(group)) for gauge in _gauges(group))
        oldest = self._oldest[group]
        age.set(0.0 if oldest is None else max(0.0, self._now() - oldest))
        if count is not None:
            number.set(count)

    async def _connected(self) -> tuple[AIOKafkaConsumer, AIOKafkaAdminClient]:
        await self.close()
        topics = sorted({topic for topic, _ in self._groups})
        consumer = AIOKafkaConsumer(
            *topics, bootstrap_servers=self._bootstrap, group_id=None, enable_auto_commit=False,
            auto_offset_reset="latest", request_timeout_ms=REQUEST_MS, max_partition_fetch_bytes=65_536,
        )  # fmt: skip
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=REQUEST_MS)
        self._open.push_async_callback(consumer.stop)
        self._open.push_async_callback(admin.close)
        await consumer.start()
        consumer.pause(*consumer.assignment())
        await admin.start()
        return consumer, admin

    async def _time_of(self, consumer: AIOKafkaConsumer, place: Place) -> float:
        """When the record at a place was written; when it was noticed, if it cannot be had."""
        if place not in self._written_at:
            self._noticed_at.setdefault(place, self._now())
            with suppress(KafkaError, UnicodeDecodeError):
                record = await _first(consumer, *place)
                if record is not None:
                    self._written_at[place] = record.timestamp / 1000
        return self._written_at.get(place, self._noticed_at[place])


async def _first(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> Any:
    """The first record at or behind an offset, or None. A frame that cannot be decoded raises."""
    consumer.seek(partition, offset)
    consumer.resume(partition)
    try:
        found = await consumer.getmany(partition, timeout_ms=FETCH_MS, max_records=1)
    finally:
        consumer.pause(partition)
    return next(iter(found.get(partition, ())), None)


def _gauges(group: Group) -> Any:
    return (PARKED_NOW, PARKED_AGE) if group[1] == SETTLED_GROUP else (UNREAD, LAG)


def _labels(group: Group) -> tuple[str, ...]:
    return (group[0].removesuffix(".parked"),) if group[1] == SETTLED_GROUP else group
