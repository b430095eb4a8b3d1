"""The raw loop that the router is held against: consume 500, write as many rows in one transaction, publish, commit.

It decides nothing and reads nothing from the database; rows, topics' settings and records are those of the router.
"""

import asyncio
import os
import sys
import time
import uuid
from typing import Any

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

EVENTS = 3
ROWS = {"reports": 1, "cases": 1, "history": EVENTS, "outbox": EVENTS, "timers": 2}
"""Rows that the router writes for a report that is filed and dispatched at once."""


async def loop(count: int, topic: str, group: str) -> float:
    """Seconds from the first record to the last commit of `count` records."""
    kafka = os.environ["KAFKA_BOOTSTRAP"]
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, max_batch_size=131_072)
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("create schema if not exists raw")
    for table in ROWS:
        columns = "id bigint generated always as identity primary key, subject uuid, body bytea"
        await connection.execute(f"create table if not exists raw.{table} ({columns})")
        await connection.execute(f"create index if not exists {table}_subject on raw.{table} (subject)")
    await consumer.start()
    await producer.start()
    done, began = 0, 0.0
    while done < count:
        batches = await consumer.getmany(timeout_ms=200, max_records=500)
        records = [record for some in batches.values() for record in some]
        if not records:
            continue
        began = began or time.perf_counter()
        await _settle(connection, producer, records)
        await consumer.commit()
        done += len(records)
    took = time.perf_counter() - began
    await asyncio.gather(consumer.stop(), producer.stop(), connection.close())
    return took


async def _settle(
    connection: "asyncpg.Connection[asyncpg.Record]", producer: AIOKafkaProducer, records: list[Any]
) -> None:
    subjects = [uuid.uuid4() for _ in records]
    bodies = [record.value for record in records]
    async with connection.transaction():
        for table, rows in ROWS.items():
            await connection.execute(
                f"insert into raw.{table} (subject, body) select * from unnest($1::uuid[], $2::bytea[])",
                subjects * rows,
                bodies * rows,
            )
    sends = [
        await producer.send("bench", body, key=str(subject).encode())
        for subject, body in zip(subjects, bodies, strict=True)
        for _ in range(EVENTS)
    ]
    await asyncio.gather(*sends)


if __name__ == "__main__":
    sys.stdout.write(f"{uvloop.run(loop(int(sys.argv[1]), sys.argv[2], sys.argv[3]))}\n")
