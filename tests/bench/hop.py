"""One hop: produce durably, consume, at a calm pace; what every latency is compared with."""

import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stack.up import System

COUNT = 600


def measure(system: System) -> list[float]:
    """Seconds of each of 600 hops, 100 a second, on a topic with the settings of `cases`."""
    return asyncio.run(_measure(system.env["KAFKA_BOOTSTRAP"]))


async def make_topic(kafka: str, name: str) -> None:
    """A topic with the settings of ours: 6 partitions, flushed before it is acknowledged."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, 6, 1, topic_configs={"flush.messages": "1"})])
    await admin.close()


async def _measure(kafka: str) -> list[float]:
    await make_topic(kafka, "bench")
    consumer = AIOKafkaConsumer("bench", bootstrap_servers=kafka, auto_offset_reset="latest", fetch_max_wait_ms=250)
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await consumer.start()
    await producer.start()
    await consumer.seek_to_end()
    hops: list[float] = []

    async def read() -> None:
        async for record in consumer:
            hops.append(time.time() - float(record.value))

    reading = asyncio.create_task(read())
    for n in range(COUNT + 100):
        if n == 100:
            hops.clear()  # the first hundred warm up
        await producer.send_and_wait("bench", str(time.time()).encode(), key=str(n).encode())
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await asyncio.gather(consumer.stop(), producer.stop())
    return hops
