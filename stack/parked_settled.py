"""Which parked records are done with: a committed offset per partition, which the alarm for parked records reads."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas import parked


async def settle(kafka: str, topic: str, places: set[str] | None = None) -> int:
    """Notes that the records parked from `places` (None: all that are parked now) are done with. Returns what is left.

    The mark of a partition moves up to the first record that is not done with. What lies behind that is counted again
    when its turn comes, so settle the oldest first.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka, group_id=parked.SETTLED_GROUP, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    partitions = await _partitions(kafka, f"{topic}.parked")
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        left = await _unsettled(consumer, ends, places)
        done = {at: min(left[at], default=end) for at, end in ends.items() if end}
        if done:
            await consumer.commit(done)
        return sum(ends[at] - offset for at, offset in done.items())
    finally:
        await consumer.stop()


async def _partitions(kafka: str, topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    return [TopicPartition(topic, partition["partition"]) for partition in described["partitions"]]


async def _unsettled(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], places: set[str] | None
) -> dict[TopicPartition, list[int]]:
    """By partition, the offsets of the records behind the mark that are not done with."""
    left: dict[TopicPartition, list[int]] = {at: [] for at in ends}
    if places is None:
        return left
    while [at for at, end in ends.items() if await consumer.position(at) < end]:
        for at, records in (await consumer.getmany(timeout_ms=200)).items():
            left[at] += [record.offset for record in records if _place(record) not in places]
    return left


def _place(record: Any) -> str:
    """Where it was parked from; nothing for what no consumer of ours wrote."""
    return next((value.decode("utf-8", "replace") for name, value in record.headers if name == parked.FROM), "")
