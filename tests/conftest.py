"""One real Kafka for the whole run, a real PostgreSQL for each of its processes, a database for each module."""

import asyncio
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from chassis.postgres.migrations import migrate
from stack.environment import forget_own
from stack.kafka import Kafka
from stack.postgres import Postgres
from stack.prepare import SERVICES, as_role, make_topics

forget_own()
# How fast an example is says more of the machine than of the code: nothing fails for its time. The examples are the
# same in every run, so that none fails by chance; `pytest --hypothesis-profile search` draws others, and more of them.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", settings.get_profile("house"), derandomize=False, max_examples=1000)
settings.load_profile("house")
ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".test-run"


class Servers:
    """Started by the controlling process when a selected test needs them, handed to the others by address."""

    def __init__(self) -> None:
        self.kafka: Kafka | None = None
        self.postgres: dict[str, Postgres] = {}

    def addresses(self, process: str) -> dict[str, str]:
        if "KAFKA_BOOTSTRAP" in os.environ and "DATABASE_URL" in os.environ:
            return {"kafka": os.environ["KAFKA_BOOTSTRAP"], "postgres": os.environ["DATABASE_URL"]}
        folder = FOLDER / str(os.getpid())
        for left in FOLDER.glob("[0-9]*"):
            if not Path(f"/proc/{left.name}").exists():
                shutil.rmtree(left, ignore_errors=True)  # of an earlier run; its logs could be read until now
        if self.kafka is None:
            self.kafka = Kafka(folder / "kafka", ROOT / ".run/cache")
            self.kafka.start()
            bootstrap = self.kafka.bootstrap
            _run_sync(lambda: asyncio.run(make_topics(bootstrap)))
        if process not in self.postgres:
            self.postgres[process] = Postgres(folder / f"postgres-{process}")
            self.postgres[process].start()
        return {"kafka": self.kafka.bootstrap, "postgres": self.postgres[process].url()}

    def stop(self) -> None:
        for server in (self.kafka, *self.postgres.values()):
            if server is not None:
                server.stop()


SERVERS = Servers()


def pytest_configure_node(node: Any) -> None:
    """With several processes the controller starts the servers, before it knows which tests will run.

    Journeys alone need none: each process of theirs starts a system of its own.
    """
    if not all("journeys" in argument for argument in node.config.args):
        node.workerinput["addresses"] = SERVERS.addresses(node.gateway.id)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files of `tests/stack` come first: few tests that take long, for which nobody is to wait at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/stack/"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        SERVERS.stop()


@pytest.fixture(scope="session")
def addresses(request: pytest.FixtureRequest) -> dict[str, str]:
    handed: dict[str, dict[str, str]] = getattr(request.config, "workerinput", {})
    return handed.get("addresses") or SERVERS.addresses("alone")


@pytest.fixture(scope="session")
def kafka(addresses: dict[str, str]) -> str:
    """The bootstrap address of a real broker that has the topics of `schemas/topics.py`."""
    return addresses["kafka"]


@pytest.fixture(scope="session")
def postgres(addresses: dict[str, str]) -> str:
    """The address of a real server's superuser database."""
    return addresses["postgres"]


def _in_database(url: str, database: str) -> str:
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{database}" + (f"?{query}" if query else "")


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def database_url(postgres: str) -> Iterator[str]:
    """A database of the module's own with the three roles and schemas, not migrated; as superuser."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    roles = [
        f"do $$ begin create role {s} login; exception when duplicate_object or unique_violation then null; end $$"
        for s in SERVICES
    ]
    _run(_execute(postgres, f"create database {name}", *roles))
    url = _in_database(postgres, name)
    _run(_execute(url, *(f"create schema {s} authorization {s}" for s in SERVICES)))
    yield url
    _run(_execute(postgres, f"drop database {name} with (force)"))


@pytest.fixture(scope="module")
def service_url(database_url: str) -> Callable[[str], str]:
    """`service_url("router")`: migrates that service's schema once and returns the address for its own role."""

    @cache
    def migrated(service: str) -> str:
        url = as_role(database_url, service, None)
        _run_sync(lambda: migrate(url, service, ROOT / "services" / service / "migrations"))
        return url

    return migrated


def _run(coroutine: Any) -> None:
    _run_sync(lambda: asyncio.run(coroutine))


def _run_sync(what: Callable[[], object]) -> None:
    """In a thread of its own, because a fixture may be asked for inside the tests' running loop."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(what).result()
