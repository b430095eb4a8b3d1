"""Publishes one record whose header name is no UTF-8: `AIOKAFKA_NO_EXTENSIONS=1 python -m tests.journeys.undecodable`.

Arguments: bootstrap, topic. Only the client's pure Python writer lets such a name through.
"""

import asyncio
import sys
from typing import Any

from aiokafka import AIOKafkaProducer


class Bytes(str):
    """A text that is no text on the wire."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


async def main(bootstrap: str, topic: str) -> None:
    """Returns when the record is durable."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{}", key=b"undecodable", headers=[(Bytes("x"), b"1")])
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
