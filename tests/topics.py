"""Reading a topic as it stands, for whoever wants to see what was published."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer

PATIENCE = 40.0


async def whole_topic(kafka: str, topic: str) -> list[Any]:
    """Every record that is on the topic now; in order within each partition."""
    reader = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await reader.start()
    found: list[Any] = []
    try:
        ends = await reader.end_offsets(reader.assignment())
        async with asyncio.timeout(PATIENCE):
            while [p for p, end in ends.items() if await reader.position(p) < end]:
                for records in (await reader.getmany(timeout_ms=100)).values():
                    found += records
    finally:
        await reader.stop()
    return found
