"""One batch: every record is worked once and in order, or parked, in a transaction that moves the positions as well.

A record is parked before the transaction commits. A crash in between parks the same place twice, which is why
`parked_from` is its identity. What waiting cures is raised. A record that breaks our own code is found by halving; it
is parked when there is evidence that it alone is to blame (`suspects.py`), and until then its partition waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from chassis import faults
from chassis.http.metrics import BATCH_RECORDS, BATCH_SECONDS, CONSUMED
from chassis.kafka.envelope import Unreadable, check_source
from chassis.kafka.fence import Ends, Fence, Reading, Source
from chassis.kafka.parking import Aside, Parking
from chassis.kafka.suspects import Suspects, kind_of
from chassis.logs import log
from chassis.postgres.pool import Connection, Database, Unavailable

HEALS = (Unavailable, KafkaError, OSError, TimeoutError)
"""What waiting cures: never the fault of a record."""
PARKING_SECONDS = 5.0
"""How long a transaction waits for Kafka to keep what is parked, well below its own time-out."""
MOST_PROBES = 5
"""How many records behind a suspect are tried in search of one that passes."""

E = TypeVar("E")
Read = Callable[[Any], E]
Work = Callable[[Connection, Sequence[tuple[Any, E]]], Awaitable[Sequence[Aside]]]


class _Undone(Exception):
    """Rolls a trial back."""


class Batch:
    """How the batches of one consumer group on one topic are settled."""

    def __init__(
        self, source: Source, database: Database, read: Read[Any], work: Work[Any], parking: Parking, ends: Ends
    ) -> None:
        self._names, self._writer = (source.topic, source.group), source.writer
        self._database, self._read, self._work, self._parking = database, read, work, parking
        self.fence, self.suspects = Fence(source, database, ends), Suspects()

    async def settle(self, records: Sequence[Any]) -> dict[int, int]:
        """Settles every record, except those from a suspect on. Raises what waiting cures.

        Returns where each partition that must wait is to be read again, as partition → offset.
        """
        waiting: dict[int, int] = {}
        with BATCH_SECONDS.labels(*self._names).time():
            for part in self.suspects.apart(records):
                await self._try([self._open(record) for record in part], waiting)
            for partition, offset in waiting.items():
                left = [self._open(r) for r in records if r.partition == partition and r.offset >= offset]
                await self._look_for_a_witness(partition, left)
        CONSUMED.labels(*self._names).inc(len(records))
        BATCH_RECORDS.labels(*self._names).observe(len(records))
        return waiting

    async def skip(self, partition: int, offset: int) -> None:
        """Parks by its place a frame that the client cannot decode, and moves the position behind it."""
        await self._parking.park_place(partition, offset, "unreadable_frame")
        try:
            await self.fence.pass_over(partition, offset)
        except Unavailable as why:  # the next record of the partition moves the position as well
            log.warning("position.late", partition=partition, offset=offset, why=str(why))

    def _open(self, record: Any) -> Reading:
        try:
            check_source(record, self._writer)
            return Reading(record, event=self._read(record))
        except Unreadable as why:
            return Reading(record, aside=Aside(record, why.reason, why.detail))
        except Exception as why:
            return Reading(record, error=why)

    async def _try(self, readings: Sequence[Reading], waiting: dict[int, int]) -> None:
        readings = [reading for reading in readings if reading.record.partition not in waiting]
        if not readings:
            return
        try:
            return await self._settle(readings)
        except HEALS:
            raise
        except Exception as why:
            if len(readings) == 1:
                return await self._judge(readings[0].record, why, waiting)
        middle = len(readings) // 2  # halve until the culprit stands alone; order is kept
        await self._try(readings[:middle], waiting)
        await self._try(readings[middle:], waiting)

    async def _judge(self, record: Any, why: Exception, waiting: dict[int, int]) -> None:
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        if self.suspects.failed(record, why):
            log.error("record.spoiled", **place, exc_info=why)
            await self._settle([Reading(record, aside=Aside(record, "spoiled", type(why).__name__))])
        else:
            log.error("record.fails", **place, exc_info=why)
            waiting[record.partition] = record.offset

    async def _settle(self, readings: Sequence[Reading]) -> None:
        async with self.fence.transaction(readings) as (connection, fresh):
            if asides := await self._carry_out(connection, fresh):
                async with asyncio.timeout(PARKING_SECONDS):  # all at once: one by one, a batch would outlast it
                    await asyncio.gather(*map(self._parking.park, asides))
                faults.reach("parked.sent")
        set_aside = {id(aside.record) for aside in asides}
        worked = [reading.record for reading in fresh if id(reading.record) not in set_aside]
        self.suspects.settled([reading.record for reading in readings], worked)

    async def _carry_out(self, connection: Connection, fresh: Sequence[Reading]) -> Sequence[Aside]:
        for reading in fresh:
            if reading.error is not None:
                raise reading.error
        asides = [reading.aside for reading in fresh if reading.aside is not None]
        pairs = [(reading.record, reading.event) for reading in fresh if reading.aside is None]
        return [*asides, *(await self._work(connection, pairs) if pairs else ())]

    async def _look_for_a_witness(self, partition: int, readings: Sequence[Reading]) -> None:
        """Tries records of the suspect's kind that wait behind it, and rolls back what they do."""
        suspect, *behind = readings
        if not self.suspects.lacks_witness(partition):
            return
        kind = kind_of(suspect.record)
        alike = [r for r in behind if kind_of(r.record) == kind and r.aside is None and r.error is None]
        for reading in alike[:MOST_PROBES]:
            if await self._passes(reading):
                return self.suspects.witness(partition)

    async def _passes(self, reading: Reading) -> bool:
        set_aside = True  # what is only set aside may have written nothing, and then proves nothing
        try:
            async with self._database.transaction() as connection:
                set_aside = bool(await self._work(connection, [(reading.record, reading.event)]))
                raise _Undone
        except _Undone:
            return not set_aside
        except HEALS:
            raise
        except Exception:
            return False
