"""One batch: read every record, settle what can be read in one transaction, park the rest.

Parking follows the transaction; a crash in between parks the same place twice, which is why `parked_from` is its
identity. A record that breaks our own code is found by halving; more than a few of them, and the code is to blame:
the batch blocks, loudly, instead of parking everything in silence.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from chassis import faults
from chassis.http.metrics import BATCH_RECORDS, BATCH_SECONDS, CONSUMED, LAG
from chassis.kafka.envelope import Unreadable
from chassis.kafka.parking import Aside, Parking
from chassis.logs import log
from chassis.postgres.pool import Connection, Database, Unavailable

MOST_SPOILED = 3
"""Records of one batch that may break our own code before the code is to blame and the batch blocks."""
HEALS = (Unavailable, KafkaError, OSError, TimeoutError)
"""What waiting cures: never the fault of a record."""

E = TypeVar("E")
Read = Callable[[Any], E]
Work = Callable[[Connection, Sequence[tuple[Any, E]]], Awaitable[Sequence[Aside]]]


class Batch:
    """How the batches of one consumer group on one topic are settled."""

    def __init__(
        self, topic: str, group: str, database: Database, read: Read[Any], work: Work[Any], parking: Parking
    ) -> None:
        self._names = (topic, group)
        self._database, self._read, self._work, self._parking = database, read, work, parking

    async def settle(self, records: Sequence[Any]) -> None:
        """Afterwards every record is either worked in a committed transaction or parked. Raises what waiting cures."""
        asides: list[Aside] = []
        spoiled: list[tuple[Aside, Exception]] = []
        pairs = self._read_all(records, asides, spoiled)
        with BATCH_SECONDS.labels(*self._names).time():
            if pairs:
                asides += await self._work_on(pairs, spoiled)
            if len(spoiled) > MOST_SPOILED:
                raise spoiled[0][1]
            for aside in [*asides, *(aside for aside, _ in spoiled)]:
                await self._parking.park(aside)
                faults.reach("parked.sent")
        CONSUMED.labels(*self._names).inc(len(records))
        BATCH_RECORDS.labels(*self._names).observe(len(records))
        LAG.labels(*self._names).set(max(0.0, time.time() - records[-1].timestamp / 1000))

    def _read_all(
        self, records: Sequence[Any], asides: list[Aside], spoiled: list[tuple[Aside, Exception]]
    ) -> list[tuple[Any, Any]]:
        pairs = []
        for record in records:
            try:
                pairs.append((record, self._read(record)))
            except Unreadable as why:
                asides.append(Aside(record, why.reason, why.detail))
            except Exception as why:
                spoiled.append(_spoiled(record, why))
        return pairs

    async def _work_on(
        self, pairs: Sequence[tuple[Any, Any]], spoiled: list[tuple[Aside, Exception]]
    ) -> Sequence[Aside]:
        try:
            async with self._database.transaction() as connection:
                return await self._work(connection, pairs)
        except HEALS:
            raise
        except Exception as why:
            if len(pairs) == 1:
                spoiled.append(_spoiled(pairs[0][0], why))
                return ()
        middle = len(pairs) // 2  # halve until the culprit stands alone; order is kept
        first = await self._work_on(pairs[:middle], spoiled)
        return [*first, *await self._work_on(pairs[middle:], spoiled)]


def _spoiled(record: Any, why: Exception) -> tuple[Aside, Exception]:
    log.error("record.spoiled", topic=record.topic, partition=record.partition, offset=record.offset, exc_info=why)
    return Aside(record, "spoiled", type(why).__name__), why
