"""Readies empty servers: a role and a schema for each service, its migrations, and the topics. Safe to repeat."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from sqlalchemy.exc import DBAPIError

from chassis.postgres.migrations import migrate
from schemas.topics import creation_table
from stack.failed import Failed, Unfit

ROOT = Path(__file__).parent.parent
SERVICES = ("intake", "router", "notifier")
PATIENCE = 60.0


def as_role(url: str, role: str, password: str | None) -> str:
    """The same database's address for another role."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    secret = f":{quote(password, safe='')}" if password else ""
    return urlunsplit(parts._replace(netloc=f"{role}{secret}@{host}"))


def prepare(kafka: str, database: str, passwords: dict[str, str] | None = None) -> None:
    """Waits for both servers, then makes what the services need. `database` is the address of a superuser.

    `passwords` by role; without one a role logs in as the server's own rules say (locally: through the socket).
    """
    passwords = passwords or {}
    _table()  # a wrong setting is found before anything is changed
    asyncio.run(_make_roles(database, passwords))
    for service in SERVICES:
        migrate(as_role(database, service, passwords.get(service)), service, ROOT / "services" / service / "migrations")
    asyncio.run(make_topics(kafka))


def prepare_or_say(kafka: str | None, database: str | None, passwords: dict[str, str]) -> None:
    """As `prepare`, for the command line: raises `Unfit` for wrong settings and `Failed` for what may pass, each with
    one sentence. Neither repeats an address, which may hold a password."""
    if not kafka or not database:
        raise Unfit("Give the addresses: --kafka or KAFKA_BOOTSTRAP, and --database-file or DATABASE_URL.")
    try:
        prepare(kafka, database, passwords)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as why:
        raise Unfit(f"PostgreSQL refuses DATABASE_URL: {why}. Correct the address.") from why
    except (asyncpg.InterfaceError, ValueError) as why:
        raise Unfit(f"A setting is wrong: {why}. Correct DATABASE_URL or KAFKA_*.") from why
    except (asyncpg.PostgresError, asyncpg.InternalClientError, DBAPIError, KafkaError, OSError) as why:
        said = str(why).splitlines() or [type(why).__name__]
        raise Failed(f"Kafka or PostgreSQL cannot be made ready: {type(why).__name__}: {said[0]}") from why


async def _make_roles(database: str, passwords: dict[str, str]) -> None:
    connection = await _connect(database)
    try:
        for role in SERVICES:
            if not await connection.fetchval("select 1 from pg_roles where rolname = $1", role):
                await connection.execute(f"create role {role} login nosuperuser nocreatedb nocreaterole")
            if role in passwords:
                secret = await connection.fetchval("select quote_literal($1)", passwords[role])
                await connection.execute(f"alter role {role} password {secret}")
            await connection.execute(f"create schema if not exists {role} authorization {role}")
        await connection.execute("revoke all on schema public from public")
    finally:
        await connection.close()


async def _connect(database: str) -> "asyncpg.Connection[asyncpg.Record]":
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return await asyncpg.connect(database, timeout=5)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


async def make_topics(kafka: str) -> None:
    """Creates the topics that are missing. Partitions, replication and min.insync come from the environment."""
    new = [
        NewTopic(name, int(row.pop("partitions")), int(row.pop("replication")), topic_configs=row)
        for name, row in _table().items()
    ]
    admin = await _admin(kafka)
    try:
        answer: Any = await admin.create_topics(new)
    finally:
        await admin.close()
    for name, code, *_ in answer.topic_errors:
        if code and not issubclass(for_code(code), TopicAlreadyExistsError):
            raise for_code(code)(name)


def _table() -> dict[str, dict[str, str]]:
    """The topics with their settings. Raises ValueError when a number in the environment is none."""
    replication = int(os.environ.get("KAFKA_REPLICATION", "1"))
    partitions = int(os.environ.get("KAFKA_PARTITIONS", "6" if replication == 1 else "24"))
    return creation_table(partitions, replication, int(os.environ.get("KAFKA_MIN_INSYNC", "1")))


async def _admin(kafka: str) -> AIOKafkaAdminClient:
    deadline = time.monotonic() + PATIENCE
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        try:
            await admin.start()
        except KafkaError:
            await admin.close()
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
        else:
            return admin
