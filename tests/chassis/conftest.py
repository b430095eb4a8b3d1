"""A trial for each test, and a producer of whatever records it wants."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chassis.postgres import failing, outbox, positions
from chassis.postgres.pool import Database
from tests.chassis.trial import Trial


@pytest.fixture
async def trial(kafka: str, postgres: str) -> AsyncIterator[Trial]:
    name = f"trial_{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(n, 3, 1) for n in (name, f"{name}.out", f"{name}.parked")])
    await admin.close()
    connection = await asyncpg.connect(postgres)
    for statement in (
        f"create schema {name}",
        f"create table {name}.seen (id int primary key, times int)",
        *outbox.ddl(name),
        *positions.ddl(name),
        *failing.ddl(name),
    ):
        await connection.execute(statement)
    database = Database(postgres, "trial", 4, patience=20)
    await database.open()
    made = Trial(kafka, postgres, name, database)
    yield made
    made.stopping.set()
    await database.close()
    await connection.execute(f"drop schema {name} cascade")
    await connection.close()


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(bootstrap_servers=kafka)
    await made.start()
    yield made
    await made.stop()
