"""Polling a consumer so that one frame which cannot be decoded costs no other record.

Problem: a header name that is not UTF-8 makes the client raise out of `getmany`; records it had already taken from
other partitions are dropped while their positions have moved, and the bad partition stands for ever. What does not
work: catching the error and going on. What does: remember every position before the poll, put all back when it
raises, then read partition by partition, record by record, until the bad frame stands alone; park it by its offset.
What still fails: neighbours behind it in the same produced batch go with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any

from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError

from chassis.kafka.holding import Holding

DRAIN = 8.0
"""Seconds a batch in hand may take when its partitions are revoked; below the group's rebalance time-out."""
LONGEST_POLL = 5.0
"""Seconds after which a poll is begun anew, from what is committed. After a broker's restart the client was seen to
wait for ever for the position of a partition that it had been given; it takes one that is set by hand."""
WAIT_MS = 200
"""How long one poll waits for records."""
LINGER_SECONDS = 0.003
"""How long it then waits for their neighbours: a batch costs about as much as the record it is for."""

Skip = Callable[[int, int], Awaitable[None]]


class Drain(ConsumerRebalanceListener):
    """Gives partitions up only after the batch in hand is done; tells `kept` what it has then."""

    def __init__(self, holding: Holding) -> None:
        self.holding = holding
        self.kept: Callable[[Collection[int]], None] = lambda _: None
        self.leaving = asyncio.Event()
        self.epoch = 0
        self.polled_at = 0.0
        self.subscriber: Any = None
        self.skip: Skip | None = None

    async def on_partitions_revoked(self, revoked: Any) -> None:
        self.epoch += 1
        self.leaving.set()
        if revoked:
            await self.subscriber.lock.wait_release(DRAIN)  # the lock spans handler and commit

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self.leaving.clear()
        self.holding.begin(self.subscriber.consumer)
        self.kept({place.partition for place in assigned})
        if "getmany" not in vars(self.subscriber.consumer):
            self.subscriber.consumer.getmany = CarefulPoll(self.subscriber.consumer, self).poll

    async def pause(self, seconds: float) -> None:
        """Waits, but no longer than until the next rebalance begins."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.leaving.wait(), seconds)


class CarefulPoll:
    """Takes the place of one consumer's `getmany`."""

    def __init__(self, consumer: Any, drain: Drain) -> None:
        self._consumer, self._drain = consumer, drain
        self._fetch = consumer.getmany
        self._careful = False
        self._astray = False
        self._wary: set[Any] = set()

    async def poll(self, *, timeout_ms: int = 0, max_records: int = 300) -> dict[Any, list[Any]]:
        """Records by partition, `max_records` at most; empty when a rebalance came in between."""
        del timeout_ms  # FastStream sleeps that long once more after an empty poll, so it is kept tiny; we wait here
        self._drain.polled_at = asyncio.get_running_loop().time()
        epoch = self._drain.epoch
        self._drain.holding.let_go()
        try:
            async with asyncio.timeout(LONGEST_POLL):
                if self._astray:
                    await self._put_back()
                got = await (self._one_by_one(max_records) if self._careful else self._all(max_records))
        except (IllegalStateError, TimeoutError):  # a partition went away, or the client waits for what it was told
            got, self._astray = {}, True
        if epoch == self._drain.epoch:
            return got
        # A rebalance takes milliseconds: what was fetched may be the first of a partition that is ours only now, and
        # its position has moved past it. Dropped without being put back it would be lost.
        self._astray = True
        return {}

    async def _put_back(self) -> None:
        for partition in self._consumer.assignment():
            offset = await self._consumer.committed(partition)
            if offset is None:
                await self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)
        self._astray = False

    async def _all(self, room: int) -> dict[Any, list[Any]]:
        epoch = self._drain.epoch
        before = {partition: await self._consumer.position(partition) for partition in self._consumer.assignment()}
        try:
            got: dict[Any, list[Any]] = await self._fetch(timeout_ms=WAIT_MS, max_records=room)
            if got and (left := room - sum(map(len, got.values()))) > 0:
                await asyncio.sleep(LINGER_SECONDS)
                for partition, more in (await self._fetch(timeout_ms=0, max_records=left)).items():
                    got.setdefault(partition, []).extend(more)
        except UnicodeDecodeError:
            self._careful = True
            if epoch == self._drain.epoch:
                for partition, offset in before.items():
                    self._consumer.seek(partition, offset)
            return {}
        return got

    async def _one_by_one(self, room: int) -> dict[Any, list[Any]]:
        got: dict[Any, list[Any]] = {}
        trouble = False
        for partition in self._consumer.assignment():
            if room <= 0:
                trouble = True  # not every partition was looked at: stay careful
                break
            try:
                most = 1 if partition in self._wary else room
                records = (await self._fetch(partition, timeout_ms=20, max_records=most)).get(partition, [])
            except UnicodeDecodeError:
                trouble = True
                await self._approach(partition)
                continue
            if records:
                got[partition] = records
                room -= len(records)
        self._careful = trouble or bool(self._wary) or bool(got)
        return got

    async def _approach(self, partition: Any) -> None:
        """First time: read this partition record by record. Second time the bad frame is next: park and pass it."""
        offset = await self._consumer.position(partition)
        if partition not in self._wary:
            self._wary.add(partition)
            self._consumer.seek(partition, offset)
            return
        if self._drain.skip is not None:
            await self._drain.skip(partition.partition, offset)
        self._wary.discard(partition)
        self._consumer.seek(partition, offset + 1)
