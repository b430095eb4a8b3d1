"""The consumer loop: a batch is one transaction, then one commit of its offsets; a failing batch is tried again.

A crash between the transaction's commit and Kafka's repeats the batch, and the fence (`fence.py`) drops what is
settled. What waiting cures is sought back and tried again with back-off; what never will be readable is parked
(`batch.py`).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from chassis.http.metrics import BATCHES_FAILED
from chassis.kafka import client_settings
from chassis.kafka.batch import Batch, E, Read
from chassis.kafka.fence import Source
from chassis.kafka.holding import Holding
from chassis.kafka.parking import Aside, Parking
from chassis.kafka.polling import Drain
from chassis.kafka.witnesses import Work
from chassis.logs import log
from chassis.postgres.pool import Database

__all__ = ["Aside", "Consumer", "Source", "consume"]

SILENT_SECONDS = 30.0
LONGEST_WAIT = 5.0
"""Seconds between two attempts at a batch, at most; so soon all goes on when the environment is well again."""


class Consumer:
    """One consumer loop: handles its batches, and tells the process how it stands."""

    def __init__(self, topic: str, group: str, drain: Drain, batch: Batch, after: Callable[[], None]) -> None:
        self.topic, self.group = topic, group
        self._drain, self._batch, self._after = drain, batch, after
        self._failed = 0
        drain.kept = self._begin_again

    def _begin_again(self, partitions: Collection[int]) -> None:
        self._failed = 0  # what failed may be somebody else's by now
        self._batch.suspects.keep(partitions)

    async def on_batch(self, records: Sequence[Any]) -> None:
        """Settles `records` or raises, whereupon every partition of the batch is sought back and nothing committed.

        A partition with a record that fails by itself is read again from that record later, while the others go on.
        """
        try:
            waiting = await self._batch.settle(records)
        except Exception:
            self._failed += 1
            BATCHES_FAILED.labels(self.topic, self.group).inc()
            log.exception("batch.failed", topic=self.topic, group=self.group, attempt=self._failed)
            await self._drain.pause(random.uniform(0.5, 1) * min(0.2 * 2 ** min(self._failed, 6), LONGEST_WAIT))  # noqa: S311
            raise
        self._failed = 0
        for partition, offset in waiting.items():
            BATCHES_FAILED.labels(self.topic, self.group).inc()
            self._drain.holding.hold(partition, offset, self._batch.suspects.wait(partition))
        self._after()

    @property
    def silent_seconds(self) -> float:
        """How long ago the loop last polled."""
        return asyncio.get_running_loop().time() - self._drain.polled_at

    async def check(self) -> str | None:
        """None while the loop polls and its batches succeed, else why not (for `/readyz`)."""
        waits = f"{self._failed} attempts at one batch have failed" if self._failed else self._batch.suspects.told()
        if waits is None and self.silent_seconds > SILENT_SECONDS:
            return f"no poll for {SILENT_SECONDS:g} s"
        return waits


def consume(
    broker: KafkaBroker,
    source: Source,
    database: Database,
    read: Read[E],
    work: Work[E],
    kinds: Collection[type] = (),
    gather_ms: int = 0,
    most_records: int = 500,
    after: Callable[[], None] = lambda: None,
) -> Consumer:
    """Subscribes `work` to the topic of `source`. Call before the broker starts.

    `read(record)` returns the event or raises `Unreadable`. `work(connection, pairs)` gets (record, event) pairs in
    order inside a transaction and returns what it wants set aside; it is called again for the same records after a
    crash. `after()` is called when a batch is committed to the database. `kinds` are the topic's models, for its
    documentation. The broker gathers records for `gather_ms`: for whoever need not be the first to know.
    """
    topic, group, holding = source.topic, source.group, Holding(source.topic)
    batch = Batch(source, database, read, work, Parking(broker, topic, group), holding.ends)
    drain = Drain(holding)
    consumer = Consumer(topic, group, drain, batch, after)

    async def untouched(records: Any, _: Any = None) -> KafkaAckableMessage:
        # Never raises: the stock parser loses a whole batch over one bad header value.
        return KafkaAckableMessage(
            body=b"", headers={}, batch_headers=[], reply_to="", content_type=None, correlation_id=None,
            message_id=f"{records[0].offset}-{records[-1].offset}", path={}, raw_message=records,
            consumer=subscriber.consumer,
        )  # fmt: skip

    subscriber: Any = broker.subscriber(
        topic, title=topic, description=f"Read by the group {group}.", group_id=group, max_records=most_records,
        fetch_min_bytes=client_settings.GATHERED_BYTES if gather_ms else 1, fetch_max_wait_ms=gather_ms or 250,
        parser=untouched, listener=drain, **client_settings.SETTINGS,
    )  # fmt: skip
    drain.subscriber = subscriber
    drain.skip = batch.skip
    subscriber(_documented(consumer, kinds))
    return consumer


def _documented(consumer: Consumer, kinds: Collection[type]) -> Callable[[Any], Awaitable[None]]:
    """The handler, with the type of its argument as the documentation is to show it; nothing is converted to it."""

    async def on_batch(records: Any) -> None:
        await consumer.on_batch(records)

    on_batch.__annotations__["records"] = GenericAlias(list, (reduce(or_, kinds),)) if kinds else list
    return on_batch
