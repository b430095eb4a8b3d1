"""Empty servers are made ready as the tables say, and a second time changes nothing."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.topics import creation_table
from stack.prepare import SERVICES, as_role, make_topics, prepare

PARTITIONS = int(os.environ.get("KAFKA_PARTITIONS", "6"))


def tables() -> dict[str, dict[str, str]]:
    return creation_table(PARTITIONS, 1, 1)


def ask_kafka(kafka: str, ask: Callable[[Any], Awaitable[Any]]) -> Any:
    async def answer() -> Any:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        try:
            return await ask(admin)
        finally:
            await admin.close()

    return asyncio.run(answer())


def topics(kafka: str) -> dict[str, dict[str, str]]:
    """Our topics as the broker has them, with the settings that the table names."""

    async def ask(admin: Any) -> dict[str, dict[str, str]]:
        found = {}
        for topic in await admin.describe_topics(list(tables())):
            [told] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic["topic"])])
            settings = {name: value for name, value, *_ in told.resources[0][4]}
            found[topic["topic"]] = settings | {
                "partitions": str(len(topic["partitions"])),
                "replication": str(len(topic["partitions"][0]["replicas"])),
            }
        return found

    everything: dict[str, dict[str, str]] = ask_kafka(kafka, ask)
    return {name: {k: v for k, v in of.items() if k in tables()[name]} for name, of in everything.items()}


def ask_postgres(url: str, sql: str) -> list[Any]:
    async def answer() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(answer())


def everything(url: str) -> dict[str, list[Any]]:
    """Schemas, relations (their numbers too: what is made anew has another), functions, revisions, rights."""
    ours = ", ".join(f"'{s}'" for s in SERVICES)
    asked = {
        "schemas": f"select nspname, nspowner::regrole::text, oid from pg_namespace where nspname in ({ours})",
        "relations": f"select relname, oid from pg_class where relnamespace::regnamespace::text in ({ours})",
        "functions": f"select proname, oid from pg_proc where pronamespace::regnamespace::text in ({ours})",
        "public": "select nspacl::text from pg_namespace where nspname = 'public'",
    } | {s: f"select version_num, xmin::text from {s}.alembic_version" for s in SERVICES}
    return {name: sorted(ask_postgres(url, sql)) for name, sql in asked.items()}


def test_the_topics_have_the_partitions_and_settings_of_the_table(kafka: str) -> None:
    assert tables() == topics(kafka)


def test_topics_that_are_there_stay_as_they_are(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = topics(kafka)
    asyncio.run(make_topics(kafka))
    monkeypatch.setenv("KAFKA_PARTITIONS", str(PARTITIONS + 1))  # moving later would break the order of keys
    asyncio.run(make_topics(kafka))

    assert (before, 6) == (topics(kafka), len(before))


def test_empty_servers_are_made_ready_and_a_second_time_changes_nothing(kafka: str, database_url: str) -> None:
    for service in SERVICES:
        assert [] == ask_postgres(database_url, f"select 1 from pg_tables where schemaname = '{service}'")
    prepare(kafka, database_url)
    before = everything(database_url)
    prepare(kafka, database_url)

    assert before == everything(database_url)
    for service in SERVICES:
        assert 1 == len(before[service])
    assert {(service, service) for service in SERVICES} == {row[:2] for row in before["schemas"]}


def test_a_service_may_use_its_own_schema_and_no_other(kafka: str, database_url: str) -> None:
    prepare(kafka, database_url)
    for service in SERVICES:
        own = as_role(database_url, service, None)
        assert 1 == len(ask_postgres(own, f"select 1 from {service}.alembic_version"))
        for other in {*SERVICES} - {service}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                ask_postgres(own, f"select 1 from {other}.alembic_version")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            ask_postgres(own, "create table public.stray ()")
    rights = ask_postgres(
        database_url,
        "select rolname::text, rolcanlogin, rolsuper or rolcreatedb or rolcreaterole from pg_roles"
        f" where rolname in ({', '.join(repr(s) for s in SERVICES)})",
    )

    assert {(service, True, False) for service in SERVICES} == set(rights)


@pytest.mark.parametrize(
    ("url", "password", "told"),
    [
        ("postgresql://postgres@/db?host=/tmp/x", None, "postgresql://router@/db?host=/tmp/x"),
        ("postgresql://postgres:old@host:5432/db", None, "postgresql://router@host:5432/db"),
        ("postgresql://postgres:a%40b@host/db?sslmode=require", "p@:/ w", "postgresql://router:p%40%3A%2F%20w@host/db?sslmode=require"),
        ("postgresql://[::1]:5432/db", "x", "postgresql://router:x@[::1]:5432/db"),
    ],
)  # fmt: skip
def test_an_address_for_another_role_is_the_same_place(url: str, password: str | None, told: str) -> None:
    assert told == as_role(url, "router", password)
