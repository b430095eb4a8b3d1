"""A topic, a table and an outbox of one test's own, and a consumer that copies numbers from one to the other."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer

from chassis.kafka.connection import keep_connected
from chassis.kafka.consumer import Aside, Consumer, Source, consume
from chassis.kafka.envelope import headers_of, open_envelope
from chassis.kafka.producer import Unsent, broker_of
from chassis.postgres import outbox
from chassis.postgres.pool import Connection, Database, Unavailable

TUESDAY_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATIENCE = 40.0


def headers() -> dict[str, str]:
    return headers_of(uuid.uuid4(), "trial.made", "trial", TUESDAY_NOON)


@dataclass
class Trial:
    """A topic, a table and an outbox of one test's own, and a consumer that copies numbers into the table."""

    kafka: str
    url: str
    name: str
    database: Database
    fail_first: int = 0
    broken: frozenset[int] = frozenset()
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def source(self) -> Source:
        return Source(self.name, "trial", f"{self.name}.group")

    def read(self, record: Any) -> int:
        open_envelope(record)
        return int(record.value)

    async def work(self, connection: Connection, pairs: Sequence[tuple[Any, int]]) -> list[Aside]:
        if self.fail_first:
            self.fail_first -= 1
            raise Unavailable("for a moment")
        numbers = [number for _, number in pairs]
        if self.broken & set(numbers):
            raise KeyError("our own mistake")
        await connection.execute(
            f"insert into {self.name}.seen (id, times) select unnest($1::int[]), 1"
            " on conflict (id) do update set times = seen.times + 1",
            numbers,
        )
        await outbox.append(
            connection, self.name, [Unsent(f"{self.name}.out", b"%d" % n, b"%d" % n, headers()) for n in numbers]
        )
        return [Aside(record, "odd", "seven is odd") for record, number in pairs if number == 7]

    def consumer(self) -> tuple[Any, Consumer]:
        broker = broker_of(self.kafka, "trial")
        return broker, consume(broker, self.source, self.database, self.read, self.work)

    async def rows(self) -> dict[int, int]:
        return {r["id"]: r["times"] for r in await self.database.fetch(f"select id, times from {self.name}.seen")}

    async def until_rows(self, count: int) -> dict[int, int]:
        async with asyncio.timeout(PATIENCE):
            while len(rows := await self.rows()) < count:
                await asyncio.sleep(0.05)
        return rows

    async def records(self, topic: str, count: int) -> list[Any]:
        reader = AIOKafkaConsumer(topic, bootstrap_servers=self.kafka, auto_offset_reset="earliest")
        await reader.start()
        found: list[Any] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while len(found) < count:
                    for some in (await reader.getmany(timeout_ms=200)).values():
                        found += some
        finally:
            await reader.stop()
        return found


def raw(of: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in of.items()]


async def running(trial: Trial, broker: Any) -> asyncio.Task[None]:
    return asyncio.create_task(keep_connected(broker, trial.stopping))
