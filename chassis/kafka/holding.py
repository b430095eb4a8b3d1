"""Holding partitions: one that must wait is read again later from the same record, while the others go on."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError

ENDS_SECONDS = 5.0


class Holding:
    """The partitions of one topic that are held in one process. `consumer` is the client, once there is one."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self.consumer: Any = None
        self._until: dict[TopicPartition, float] = {}

    def hold(self, partition: int, offset: int, seconds: float) -> None:
        """Reads the partition again from `offset`, but only after about so many seconds."""
        if self.consumer is None:
            return
        place = TopicPartition(self._topic, partition)
        with suppress(IllegalStateError):  # it went away under our hands: its new owner reads it again
            self.consumer.seek(place, offset)
            self.consumer.pause(place)
            self._until[place] = asyncio.get_running_loop().time() + seconds * random.uniform(0.5, 1)  # noqa: S311

    def let_go(self) -> None:
        """Reads those partitions on whose time has come."""
        now = asyncio.get_running_loop().time()
        for place in [place for place, until in self._until.items() if until <= now]:
            del self._until[place]
            with suppress(IllegalStateError):
                self.consumer.resume(place)

    def begin(self, consumer: Any) -> None:
        """To be called after each rebalance: the client has forgotten what was held."""
        self.consumer = consumer
        self._until.clear()

    async def ends(self, partitions: Sequence[int]) -> dict[int, int]:
        """The next offset that Kafka will write in each of these partitions, if it can be asked. Raises its errors."""
        if self.consumer is None:
            return {}
        places = [TopicPartition(self._topic, partition) for partition in partitions]
        async with asyncio.timeout(ENDS_SECONDS):
            ends = await self.consumer.end_offsets(places)
        return {place.partition: end for place, end in ends.items()}
