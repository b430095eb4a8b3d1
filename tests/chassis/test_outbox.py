"""The outbox on a real PostgreSQL: rows in their order, and a word to whoever listens, at each commit and only then."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from chassis.kafka.producer import Unsent
from chassis.postgres import outbox
from chassis.postgres.pool import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, "outbox-test", 2)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def schema(database: Database) -> str:
    name = f"outbox_{uuid.uuid4().hex[:8]}"
    for statement in (f"create schema {name}", *outbox.ddl(name)):
        await database.execute(statement)
    return name


def unsent(number: int) -> Unsent:
    return Unsent("topic", b"\x00\xff%d" % number, b"\xe4\xb8%d" % number, {"ce_type": f"迎泽 {number}"})


async def change_its_mind(database: Database, schema: str) -> None:
    async with database.transaction() as connection:
        await outbox.append(connection, schema, [unsent(1)])
        raise KeyError("changed its mind")


async def test_rows_stand_whole_and_in_the_order_in_which_they_were_appended(database: Database, schema: str) -> None:
    records = [unsent(number) for number in range(50)]
    async with database.transaction() as connection:
        await outbox.append(connection, schema, records[:20])
        await outbox.append(connection, schema, [])
        await outbox.append(connection, schema, records[20:])
    rows = await database.fetch(f"select * from {schema}.outbox order by id")

    assert records == [Unsent(r["topic"], r["key"], r["value"], json.loads(r["headers"])) for r in rows]


async def test_whoever_listens_is_woken_by_a_commit_and_not_by_a_rollback(
    database: Database, database_url: str, schema: str
) -> None:
    woken: list[Any] = []
    first = asyncio.Event()

    def wake(*told: Any) -> None:
        woken.append(told[2])
        first.set()

    ear = await asyncpg.connect(database_url)
    await ear.add_listener(f"{schema}_outbox", wake)
    with pytest.raises(KeyError, match="changed its mind"):
        await change_its_mind(database, schema)
    async with database.transaction() as connection:
        await outbox.append(connection, schema, [unsent(2)])
        await outbox.append(connection, schema, [unsent(3)])
        await ear.fetchval("select 1")  # what was told until now has arrived with the answer
        before = woken.copy()
    await asyncio.wait_for(first.wait(), 10)
    await ear.fetchval("select 1")
    await ear.close()

    assert ([], [f"{schema}_outbox"]) == (before, woken)
