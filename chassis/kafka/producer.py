"""Publishing so that an answer can rely on it: idempotent, all replicas, bounded in time and in number."""

import asyncio
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from faststream.exceptions import IncorrectState
from faststream.kafka import KafkaBroker

from chassis.http.metrics import PUBLISH_SECONDS, PUBLISHED, WAITING_PUBLISHES

Outcome = Literal["durable", "unconfirmed", "overloaded"]


@dataclass(frozen=True, slots=True)
class Unsent:
    """A record on its way out: topic, partition key, body and headers, all as they will stand on the topic."""

    topic: str
    key: bytes
    value: bytes
    headers: dict[str, str]


@lru_cache(8192)
def _hash_of(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def partition_of(key: bytes | None, every: list[int], available: list[int]) -> int:
    """Where the client would put the key as well; but it hashes in Python, and events of one case come together."""
    return every[_hash_of(key) % len(every)] if key is not None else random.choice(available or every)  # noqa: S311


def broker_of(bootstrap: str, service: str) -> KafkaBroker:
    """The one broker connection of a service. Nothing is injected into handlers: a typed argument costs 400 µs.

    `acks=all` follows from idempotence. linger stays 0: under load the client batches by itself.
    """
    return _Broker(
        bootstrap.split(","),
        client_id=service,
        enable_idempotence=True,
        acks="all",
        max_batch_size=131_072,
        partitioner=partition_of,
        request_timeout_ms=10_000,
        retry_backoff_ms=100,
        metadata_max_age_ms=60_000,
        allow_auto_create_topics=False,
        apply_types=False,
        graceful_timeout=20.0,
        logger=None,
    )


class _Broker(KafkaBroker):
    """Joins all its groups at once: one that waits for a dead member's session to end does not hold up the others."""

    async def start(self) -> None:
        await self.connect()
        try:
            async with asyncio.TaskGroup() as joining:
                for subscriber in self.subscribers:
                    joining.create_task(subscriber.start())
        except* (KafkaError, OSError) as many:
            raise many.exceptions[0] from None
        for publisher in self.publishers:
            await publisher.start()
        self.running = True


class Publisher:
    """Publishes single records for callers who must know whether the record is safe."""

    def __init__(self, broker: KafkaBroker, most_waiting: int = 2000) -> None:
        self._broker = broker
        self._most_waiting = most_waiting
        self._waiting = 0

    async def publish(self, unsent: Unsent, within: float) -> Outcome:
        """Whether the record is durable after at most `within` seconds.

        "unconfirmed" means unknown: the client keeps trying, and the record may still arrive; or, there is no
        connection yet or any more. "overloaded" means that too many callers wait already and nothing was sent.
        """
        if self._waiting >= self._most_waiting:
            return self._told(unsent, "overloaded")
        self._waiting += 1
        WAITING_PUBLISHES.set(self._waiting)
        try:
            with PUBLISH_SECONDS.time():
                async with asyncio.timeout(within):
                    await self._broker.publish(
                        unsent.value, unsent.topic, key=unsent.key, headers=unsent.headers,
                        correlation_id=unsent.headers.get("ce_id"),
                    )  # fmt: skip
        except (TimeoutError, KafkaError, ConnectionError, IncorrectState):
            return self._told(unsent, "unconfirmed")
        finally:
            self._waiting -= 1
            WAITING_PUBLISHES.set(self._waiting)
        return self._told(unsent, "durable")

    def _told(self, unsent: Unsent, outcome: Outcome) -> Outcome:
        PUBLISHED.labels(unsent.topic, outcome).inc()
        return outcome
