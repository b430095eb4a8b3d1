"""The consumer loop: a batch is one transaction, then one commit of its offsets; a failing batch is tried again.

The transaction's work must be idempotent, because a crash between its commit and Kafka's repeats the batch. What
waiting cures is sought back and tried again with back-off; what never will be readable is parked (`batch.py`).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import reduce
from operator import or_
from types import GenericAlias
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from chassis.http.metrics import BATCHES_FAILED
from chassis.kafka.batch import Batch, E, Read, Work
from chassis.kafka.parking import Aside, Parking
from chassis.kafka.polling import Drain
from chassis.logs import log
from chassis.postgres.pool import Database

__all__ = ["Aside", "Consumer", "consume"]

SILENT_SECONDS = 30.0
SESSION_MS = 6_000
"""After so long a killed consumer's partitions go to the others."""
GATHERED_BYTES = 65_536
"""What the broker waits for when it gathers; it answers sooner when there is so much."""
REBALANCE_MS = 10_000
"""Above `polling.DRAIN`. A member killed while it joins holds everybody up for this long: 30 s were too many."""


async def _raw(message: Any) -> Any:
    return message.raw_message


SETTINGS: Mapping[str, Any] = {
    "batch": True,
    "batch_timeout_ms": 1,
    "auto_offset_reset": "earliest",
    "session_timeout_ms": SESSION_MS,
    "heartbeat_interval_ms": SESSION_MS // 4,
    "rebalance_timeout_ms": REBALANCE_MS,
    "ack_policy": AckPolicy.NACK_ON_ERROR,
    "decoder": _raw,
}
"""What every consumer has in common. Each default in its place loses or doubles something."""


class Consumer:
    """One consumer loop: handles its batches, and tells the process how it stands."""

    def __init__(self, topic: str, group: str, drain: Drain, batch: Batch, after: Callable[[], None]) -> None:
        self.topic, self.group = topic, group
        self._drain, self._batch, self._after = drain, batch, after
        self._failed = 0

    async def on_batch(self, records: Sequence[Any]) -> None:
        """Settles `records` or raises, whereupon every partition of the batch is sought back and nothing committed."""
        try:
            await self._batch.settle(records)
        except Exception:
            self._failed += 1
            BATCHES_FAILED.labels(self.topic, self.group).inc()
            log.exception("batch.failed", topic=self.topic, group=self.group, attempt=self._failed)
            await self._drain.pause(min(0.2 * 2 ** min(self._failed, 6), 10) * random.uniform(0.5, 1))  # noqa: S311
            raise
        self._failed = 0
        self._after()

    @property
    def silent_seconds(self) -> float:
        """How long ago the loop last polled."""
        return asyncio.get_running_loop().time() - self._drain.polled_at

    async def check(self) -> str | None:
        """None while the loop polls and its batches succeed, else why not (for `/readyz`)."""
        if self._failed >= 2:
            return f"{self._failed} attempts at one batch have failed"
        if self.silent_seconds > SILENT_SECONDS:
            return f"no poll for {SILENT_SECONDS:g} s"
        return None


def consume(
    broker: KafkaBroker,
    topic: str,
    group: str,
    database: Database,
    read: Read[E],
    work: Work[E],
    kinds: Collection[type] = (),
    gather_ms: int = 0,
    most_records: int = 500,
    after: Callable[[], None] = lambda: None,
) -> Consumer:
    """Subscribes `work` to `topic`. Call before the broker starts.

    `read(record)` returns the event or raises `Unreadable`. `work(connection, pairs)` gets (record, event) pairs in
    order inside a transaction and returns what it wants set aside; it is called again for the same records after a
    crash. `after()` is called when a batch is committed to the database. `kinds` are the topic's models, for its
    documentation. The broker gathers records for `gather_ms`: for whoever need not be the first to know.
    """
    drain, parking = Drain(), Parking(broker, topic, group)
    consumer = Consumer(topic, group, drain, Batch(topic, group, database, read, work, parking), after)

    async def untouched(records: Any, _: Any = None) -> KafkaAckableMessage:
        # Never raises: the stock parser loses a whole batch over one bad header value.
        return KafkaAckableMessage(
            body=b"", headers={}, batch_headers=[], reply_to="", content_type=None, correlation_id=None,
            message_id=f"{records[0].offset}-{records[-1].offset}", path={}, raw_message=records,
            consumer=subscriber.consumer,
        )  # fmt: skip

    subscriber: Any = broker.subscriber(
        topic, title=topic, description=f"Read by the group {group}.", group_id=group, max_records=most_records,
        fetch_min_bytes=GATHERED_BYTES if gather_ms else 1, fetch_max_wait_ms=gather_ms or 250, parser=untouched,
        listener=drain, **SETTINGS,
    )  # fmt: skip
    drain.subscriber = subscriber
    drain.skip = lambda partition, offset: parking.park_place(partition, offset, "unreadable_frame")
    subscriber(_documented(consumer, kinds))
    return consumer


def _documented(consumer: Consumer, kinds: Collection[type]) -> Callable[[Any], Awaitable[None]]:
    """The handler, with the type of its argument as the documentation is to show it; nothing is converted to it."""

    async def on_batch(records: Any) -> None:
        await consumer.on_batch(records)

    on_batch.__annotations__["records"] = GenericAlias(list, (reduce(or_, kinds),)) if kinds else list
    return on_batch
