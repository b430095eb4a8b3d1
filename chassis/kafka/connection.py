"""The connection to Kafka for as long as a process lives: begun until it holds, watched, and ended in order."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from chassis.kafka.consumer import Consumer
from chassis.logs import log

LONGEST_STOP = 22.0
"""Seconds for the batches in hand and for leaving the groups; an operator's patience is 25."""
LOOK_SECONDS, LOST_SECONDS = 5.0, 60.0


async def keep_connected(broker: KafkaBroker, stopping: asyncio.Event, consumers: Sequence[Consumer] = ()) -> None:
    """Starts the broker's connection, as often as it takes, and stops it in the end: batches in hand are finished.

    A consumer that has not polled for a minute although Kafka answers will not come back by itself: the process ends,
    and whoever runs it starts it again.
    """
    wait = 0.2
    while not stopping.is_set():
        try:
            await broker.start()
            log.info("kafka.connected")
            break
        except (KafkaError, OSError) as why:
            log.warning("kafka.away", why=f"{type(why).__name__}: {why}"[:200], again_in_s=round(wait, 1))
            await broker.stop()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait)
            wait = min(wait * 2, 2)
    await _watch(broker, stopping, consumers)
    with suppress(TimeoutError):
        await asyncio.wait_for(broker.stop(), LONGEST_STOP)


async def _watch(broker: KafkaBroker, stopping: asyncio.Event, consumers: Sequence[Consumer]) -> None:
    began, stuck_for = asyncio.get_running_loop().time(), 0.0
    while not stopping.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_SECONDS)
        silent = min(max((c.silent_seconds for c in consumers), default=0.0), asyncio.get_running_loop().time() - began)
        stuck_for = stuck_for + LOOK_SECONDS if silent > LOST_SECONDS and await broker.ping(1.0) else 0.0
        if stuck_for > LOST_SECONDS / 2:
            raise RuntimeError("a consumer is stuck although Kafka answers")
