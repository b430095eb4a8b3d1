"""Every topic read again from its first record: the same ledgers, and not one event more."""

import asyncio
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.journeys.town import Town, until

GROUPS = {
    "intake.reports": "reports", "intake.cases": "cases", "intake.notices": "notices",
    "router.reports": "reports", "notifier.reports": "reports", "notifier.cases": "cases",
}  # fmt: skip


async def digests(url: str) -> dict[str, Any]:
    """Rows and digest of every table of the three ledgers."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "select table_schema || '.' || table_name as name from information_schema.tables"
            " where table_schema in ('intake', 'router', 'notifier') and table_type = 'BASE TABLE' order by 1"
        )
        digest = "select count(*), md5(string_agg(t::text, E'\\n' order by t::text)) from"
        return {row["name"]: await connection.fetchrow(f"{digest} {row['name']} t") for row in tables}
    finally:
        await connection.close()


async def ends(kafka: str, topic: str) -> dict[TopicPartition, int]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka)
    await consumer.start()
    try:
        found: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
        return found
    finally:
        await consumer.stop()


async def rewind(kafka: str, database: str) -> None:
    """Sets every group back to the beginning; no member of it may run.

    Without their positions the services do not drop what they read again, but work it once more.
    """
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("truncate intake.positions, router.positions, notifier.positions")
    finally:
        await connection.close()
    for group, topic in GROUPS.items():
        partitions = list(await ends(kafka, topic))
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
        consumer.assign(partitions)
        await consumer.start()
        try:
            await consumer.commit(dict.fromkeys(partitions, 0))
        finally:
            await consumer.stop()


async def behind(kafka: str) -> int:
    """How many records the groups have still to read."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        left = 0
        for group, topic in GROUPS.items():
            committed = await admin.list_consumer_group_offsets(group)
            left += sum(end - committed[p].offset for p, end in (await ends(kafka, topic)).items() if p in committed)
        return left
    finally:
        await admin.close()


def test_a_second_reading_of_everything_changes_nothing(town: Town) -> None:
    kafka, database = town.env["KAFKA_BOOTSTRAP"], town.env["DATABASE_URL"]
    reports = town.reports(10)
    town.handle_all(reports)
    town.results(reports)
    until(lambda: asyncio.run(behind(kafka)), lambda left: left == 0)
    for name in town.system.services:
        town.stop(name)
    before = asyncio.run(digests(database)), asyncio.run(ends(kafka, "cases")), asyncio.run(ends(kafka, "notices"))
    asyncio.run(rewind(kafka, database))
    far = asyncio.run(behind(kafka))
    for name in town.system.services:
        town.start(name)
    until(lambda: asyncio.run(behind(kafka)), lambda left: left == 0)
    after = asyncio.run(digests(database)), asyncio.run(ends(kafka, "cases")), asyncio.run(ends(kafka, "notices"))

    assert far > 10 * len(GROUPS)
    assert before == after
    assert dict.fromkeys(reports, 1) == town.results(reports)
