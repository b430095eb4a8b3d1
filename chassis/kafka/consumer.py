"""The consumer loop: a batch is one transaction, then one commit; what cannot be read is parked, nothing is lost.

The transaction's work must be idempotent, because a crash between its commit and Kafka's repeats the batch.
Parking follows the transaction; a crash in between parks the same place twice, which is why `parked_from` is its
identity. A batch that fails for a reason that waiting cures is sought back and tried again with back-off.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from chassis import faults
from chassis.http.metrics import BATCH_RECORDS, BATCH_SECONDS, BATCHES_FAILED, CONSUMED, LAG
from chassis.kafka.envelope import Unreadable
from chassis.kafka.parking import Aside, Parking
from chassis.kafka.polling import Drain
from chassis.logs import log
from chassis.postgres.pool import Connection, Database, Unavailable

MOST_SPOILED = 3
"""Records of one batch that may break our own code before the code is to blame and the batch blocks."""
HEALS = (Unavailable, KafkaError, OSError, TimeoutError)

E = TypeVar("E")
Read = Callable[[Any], E]
Work = Callable[[Connection, Sequence[tuple[Any, E]]], Awaitable[Sequence[Aside]]]


class Consumer:
    """What the rest of the process may know of one consumer loop: when it last polled, and how it stands."""

    def __init__(self, topic: str, group: str, drain: Drain) -> None:
        self.topic, self.group, self._drain = topic, group, drain
        self.failing = 0

    async def check(self) -> str | None:
        """None while the loop polls and its batches succeed, else why not (for `/readyz`)."""
        if self.failing >= 3:
            return f"{self.failing} attempts at one batch have failed"
        if asyncio.get_running_loop().time() - self._drain.polled_at > 30:
            return "no poll for 30 s"
        return None


def consume(
    broker: KafkaBroker,
    topic: str,
    group: str,
    database: Database,
    read: Read[E],
    work: Work[E],
    most_records: int = 500,
    after: Callable[[], None] = lambda: None,
) -> Consumer:
    """Subscribes `work` to `topic`. Call before the broker starts.

    `read(record)` returns the event or raises `Unreadable`. `work(connection, pairs)` gets (record, event) pairs in
    order inside a transaction and returns what it wants set aside; it is called again for the same records after a
    crash. `after()` is called when a batch is committed to the database.
    """
    drain, parking = Drain(), Parking(broker, topic, group)
    consumer = Consumer(topic, group, drain)

    async def untouched(records: Any, _: Any = None) -> KafkaAckableMessage:
        # Never raises: the stock parser loses a whole batch over one bad header value.
        return KafkaAckableMessage(
            body=b"", headers={}, batch_headers=[], reply_to="", content_type=None, correlation_id=None,
            message_id=f"{records[0].offset}-{records[-1].offset}", path={}, raw_message=records,
            consumer=subscriber.consumer,
        )  # fmt: skip

    subscriber: Any = broker.subscriber(
        topic, group_id=group, batch=True, max_records=most_records, batch_timeout_ms=1, fetch_max_wait_ms=250,
        auto_offset_reset="earliest", rebalance_timeout_ms=30_000, ack_policy=AckPolicy.NACK_ON_ERROR,
        parser=untouched, decoder=_raw, listener=drain,
    )  # fmt: skip
    drain.subscriber = subscriber
    drain.skip = lambda partition, offset: parking.park_place(partition, offset, "unreadable_frame")
    batch = _Batch(topic, group, database, read, work, parking)

    @subscriber  # type: ignore[untyped-decorator]
    async def on_batch(records: Sequence[Any]) -> None:
        try:
            await batch.take(records)
            after()
        except Exception:
            consumer.failing += 1
            BATCHES_FAILED.labels(topic, group).inc()
            log.exception("batch.failed", topic=topic, group=group, attempt=consumer.failing, records=len(records))
            await drain.pause(min(0.2 * 2 ** min(consumer.failing, 6), 10) * random.uniform(0.5, 1))  # noqa: S311
            raise  # every partition of the batch is sought back, nothing is committed
        consumer.failing = 0

    return consumer


async def _raw(message: Any) -> Any:
    return message.raw_message


class _Batch:
    """How one batch is settled: read, work in one transaction, park."""

    def __init__(
        self, topic: str, group: str, database: Database, read: Read[Any], work: Work[Any], parking: Parking
    ) -> None:
        self._names = (topic, group)
        self._database, self._read, self._work, self._parking = database, read, work, parking

    async def take(self, records: Sequence[Any]) -> None:
        pairs, asides = [], []
        for record in records:
            try:
                pairs.append((record, self._read(record)))
            except Unreadable as why:
                asides.append(Aside(record, why.reason, why.detail))
        with BATCH_SECONDS.labels(*self._names).time():
            spoiled: list[tuple[Aside, Exception]] = []
            if pairs:
                asides += await self._settle(pairs, spoiled)
            if len(spoiled) > MOST_SPOILED:
                raise spoiled[0][1]
            for aside in [*asides, *(aside for aside, _ in spoiled)]:
                await self._parking.park(aside)
            faults.reach("parked.sent")
        self._count(records)

    async def _settle(self, pairs: Sequence[Any], spoiled: list[tuple[Aside, Exception]]) -> list[Aside]:
        try:
            async with self._database.transaction() as connection:
                return list(await self._work(connection, pairs))
        except HEALS:
            raise
        except Exception as why:
            if len(pairs) == 1:
                log.exception("record.spoiled", topic=self._names[0], offset=pairs[0][0].offset)
                spoiled.append((Aside(pairs[0][0], "spoiled", type(why).__name__), why))
                return []
        middle = len(pairs) // 2  # halve until the culprit stands alone; order is kept
        return await self._settle(pairs[:middle], spoiled) + await self._settle(pairs[middle:], spoiled)

    def _count(self, records: Sequence[Any]) -> None:
        CONSUMED.labels(*self._names).inc(len(records))
        BATCH_RECORDS.labels(*self._names).observe(len(records))
        LAG.labels(*self._names).set(max(0.0, time.time() - records[-1].timestamp / 1000))
