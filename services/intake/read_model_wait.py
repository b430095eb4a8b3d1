"""Read your writes: wait until the read model has passed what the topic held when the reader asked."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, suppress
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from chassis.postgres.pool import Database
from services.intake.read_model import position

PATIENCE = 2.0
MOST_WAITERS = 16
LOOK_SECONDS = 0.05


class KafkaAway(Exception):
    """The end of the partition cannot be asked for; nobody knows what is still to be read."""


class Crowded(Exception):
    """Too many readers of one app wait already."""


class Wait:
    """Waits for one topic's read model, few at a time per app; `woken` is called when a batch is committed here."""

    def __init__(self, bootstrap: str, topic: str, database: Database) -> None:
        self._bootstrap, self._topic, self._database = bootstrap, topic, database
        self._consumer: AIOKafkaConsumer | None = None
        self._turn = asyncio.Lock()
        self._waiters: Counter[str] = Counter()
        self._moved = asyncio.Event()

    def woken(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def passed(self, key: UUID | None, app: str) -> bool:
        """True once the model has read all that the key's partition holds now; False after two seconds.

        Without a key, all that the topic holds now.

        Raises `Crowded`, `KafkaAway`, and `Unavailable` of the database.
        """
        if self._waiters[app] >= MOST_WAITERS:
            raise Crowded
        self._waiters[app] += 1
        try:
            return await self._reach(await self._ends(None if key is None else str(key).encode()))
        finally:
            self._waiters[app] -= 1
            if not self._waiters[app]:
                del self._waiters[app]

    async def close(self) -> None:
        """Lets the connection go."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def _reach(self, ends: dict[int, int]) -> bool:
        until = asyncio.get_running_loop().time() + PATIENCE
        for partition, end in ends.items():
            while await position(self._database, self._topic, partition) < end:
                if asyncio.get_running_loop().time() > until:
                    return False
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), LOOK_SECONDS)
        return True

    async def _ends(self, key: bytes | None) -> dict[int, int]:
        try:
            async with asyncio.timeout(PATIENCE):
                consumer = await self._connected()
                partitions = sorted(consumer.partitions_for_topic(self._topic) or ())
                if not partitions:
                    raise KafkaAway
                asked = partitions if key is None else [DefaultPartitioner()(key, partitions, partitions)]
                ends = await consumer.end_offsets([TopicPartition(self._topic, partition) for partition in asked])
        except (KafkaError, OSError, TimeoutError) as why:
            raise KafkaAway from why
        return {int(place.partition): int(end) for place, end in ends.items()}

    async def _connected(self) -> AIOKafkaConsumer:
        async with self._turn:
            if self._consumer is None:
                consumer = AIOKafkaConsumer(
                    self._topic, bootstrap_servers=self._bootstrap, group_id=None, enable_auto_commit=False,
                    request_timeout_ms=2000, auto_offset_reset="latest",
                )  # fmt: skip
                async with AsyncExitStack() as undo:
                    undo.push_async_callback(consumer.stop)
                    await consumer.start()
                    undo.pop_all()
                consumer.pause(*consumer.assignment())  # only its ends are asked for; nothing is fetched
                self._consumer = consumer
        return self._consumer
