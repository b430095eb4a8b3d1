"""One batch: every record is worked once and in order, or parked, in a transaction that moves the positions as well.

A record is parked before the transaction commits. A crash in between parks the same place twice, which is why
`parked_from` is its identity. What waiting cures is raised. A record that breaks our own code is found by halving; it
is parked when there is evidence that it alone is to blame (`suspects.py`) or an operator decides so (`failing.py`), and
until then its partition waits.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from chassis import faults
from chassis.http.metrics import BATCH_RECORDS, BATCH_SECONDS, CONSUMED
from chassis.kafka.envelope import Unreadable, check_source
from chassis.kafka.fence import Ends, Fence, Reading, Source
from chassis.kafka.parking import Aside, Parking
from chassis.kafka.suspects import Suspects
from chassis.kafka.witnesses import HEALS, Witnesses, Work
from chassis.logs import log
from chassis.postgres.failing import Decision
from chassis.postgres.pool import Connection, Database, Unavailable
from chassis.postgres.written import tables_written

PARKING_SECONDS = 5.0
"""How long a transaction waits for Kafka to keep what is parked, well below its own time-out."""

E = TypeVar("E")
Read = Callable[[Any], E]


class Batch:
    """How the batches of one consumer group on one topic are settled."""

    def __init__(
        self, source: Source, database: Database, read: Read[Any], work: Work[Any], parking: Parking, ends: Ends
    ) -> None:
        self._names, self._writer, self._schema = (source.topic, source.group), source.writer, source.schema
        self._database, self._read, self._work, self._parking = database, read, work, parking
        self.fence, self.suspects = Fence(source, database, ends), Suspects(source.group)
        self._witnesses = Witnesses(self.suspects, database, source.schema, work)

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
                await self._witnesses.look_for_one(partition, left)
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
                return await self._judge(readings[0], why, waiting)
        await self._halve(readings, waiting)

    async def _halve(self, readings: Sequence[Reading], waiting: dict[int, int]) -> None:
        """Tries both halves, until the culprit stands alone; the order is kept."""
        middle = len(readings) // 2
        for half in (readings[:middle], readings[middle:]):
            for part in self.suspects.singled(half, lambda reading: reading.record):
                await self._try(part, waiting)

    async def _judge(self, reading: Reading, why: Exception, waiting: dict[int, int]) -> None:
        record = reading.record
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        if self.suspects.failed(record, why, unread=reading.error is not None):
            log.error("record.spoiled", **place, exc_info=why)
            await self._settle([Reading(record, aside=Aside(record, "spoiled", type(why).__name__))])
        elif decision := await self._decided(record):
            log.warning("record.parked_by_operator", **place, by=decision.by, why=decision.reason, exc_info=why)
            aside = Aside(record, "by_operator", f"{decision.by}: {decision.reason}")
            await self._settle([Reading(record, aside=aside)])
        else:
            log.error("record.fails", **place, park=self.suspects.command(record.partition), exc_info=why)
            waiting[record.partition] = record.offset

    async def _decided(self, record: Any) -> Decision | None:
        """What an operator has decided about a record that fails again and again."""
        suspect = self.suspects.tried(record.partition)
        return await self.fence.failing(record, suspect.why, suspect.failures) if suspect else None

    async def _settle(self, readings: Sequence[Reading]) -> None:
        watched = len(readings) == 1 and self.suspects.lack_witness_like(readings[0].record)
        written: set[str] = set()
        async with self.fence.transaction(readings) as (connection, fresh):
            async with tables_written(connection, self._schema) if watched else nullcontext(written) as written:
                asides = await self._carry_out(connection, fresh)
            if asides:
                async with asyncio.timeout(PARKING_SECONDS):  # all at once: one by one, a batch would outlast it
                    await asyncio.gather(*map(self._parking.park, asides))
                faults.reach("parked.sent")
        set_aside = {id(aside.record) for aside in asides}
        worked = [reading.record for reading in fresh if id(reading.record) not in set_aside]
        self.suspects.settled([reading.record for reading in readings], worked, written)

    async def _carry_out(self, connection: Connection, fresh: Sequence[Reading]) -> Sequence[Aside]:
        for reading in fresh:
            if reading.error is not None:
                raise reading.error
        asides = [reading.aside for reading in fresh if reading.aside is not None]
        pairs = [(reading.record, reading.event) for reading in fresh if reading.aside is None]
        return [*asides, *(await self._work(connection, pairs) if pairs else ())]
