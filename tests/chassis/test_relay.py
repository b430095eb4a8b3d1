"""The relay on a real Kafka and a real PostgreSQL: in order and without a gap, whoever dies in between."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from asyncpg import exceptions as pg
from prometheus_client import REGISTRY

from chassis.kafka.envelope import headers_of
from chassis.kafka.producer import Unsent, broker_of
from chassis.kafka.relay import MOST_ROWS, PASSES, Relay
from chassis.postgres import blame, outbox
from chassis.postgres.pool import Connection, Database
from tests.topics import whole_topic

TUESDAY_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = uuid.UUID("0b8c6c1e-2f0e-5a52-9a65-0e7b0f5f4c11")
PATIENCE = 40.0
ROWS = 60


def unsent(topic: str, number: int, keys: int) -> Unsent:
    headers = headers_of(uuid.uuid5(NAMES, str(number)), "trial.made", "trial", TUESDAY_NOON)
    return Unsent(topic, b"key-%d" % (number % keys), b"%d" % number, headers)


@pytest.mark.parametrize(
    "why",
    [
            pg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
            pg.ProtocolError("unexpected message"), pg.InterfaceError("connection is closed"),
            pg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
            pg.AdminShutdownError("terminating connection"), pg.ReadOnlySQLTransactionError("read-only"),
            ConnectionResetError(), BrokenPipeError(), TimeoutError(), asyncio.IncompleteReadError(b"", 4),
    ],
    ids=lambda why: type(why).__name__,
)  # fmt: skip
def test_what_a_lost_server_makes_the_client_raise_is_waited_out(why: Exception) -> None:
    assert isinstance(why, PASSES)
    assert blame.is_transient(why)


@dataclass
class Outbox:
    """An outbox and a topic of one test's own, both called `name`."""

    kafka: str
    url: str
    name: str
    database: Database
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(self, connection: Connection, *numbers: int, keys: int = 1) -> None:
        await outbox.append(connection, self.name, [unsent(self.name, n, keys) for n in numbers])

    async def write(self, *numbers: int, keys: int = 1) -> None:
        async with self.database.transaction() as connection:
            await self.append(connection, *numbers, keys=keys)

    async def change_its_mind(self, *numbers: int) -> None:
        async with self.database.transaction() as connection:
            await self.append(connection, *numbers)
            raise KeyError("changed its mind")

    @asynccontextmanager
    async def relaying(self, broker: Any) -> AsyncIterator[asyncio.Event]:
        """A relay that publishes through `broker` until the block ends or the event is set."""
        stopping = asyncio.Event()
        task = asyncio.create_task(Relay(self.url, broker, self.name).run(stopping))
        try:
            yield stopping
        finally:
            stopping.set()
            await task

    async def until(self, sql: str, *arguments: object) -> None:
        """Returns when the query answers true."""
        async with asyncio.timeout(PATIENCE):
            while not (row := await self.database.fetchrow(sql, *arguments)) or not row[0]:
                await asyncio.sleep(0.02)

    async def until_empty(self) -> None:
        await self.until(f"select count(*) = 0 from {self.name}.outbox")

    async def published(self) -> list[Any]:
        """Everything that is on the topic now; in order within each partition."""
        return await whole_topic(self.kafka, self.name)


class Between:
    """Stands between a relay and its broker: keeps what passes, and does something once, at one record."""

    def __init__(self, broker: Any, at: int = -1, act: Callable[[], Awaitable[None]] | None = None) -> None:
        self._broker, self._at, self._act = broker, at, act
        self.passed: list[int] = []

    async def publish(self, value: bytes, topic: str, **more: Any) -> Any:
        if int(value) == self._at and self._act is not None:
            act, self._act = self._act, None
            await act()
        self.passed.append(int(value))
        return await self._broker.publish(value, topic, **more)


@pytest.fixture
async def trial(kafka: str, database_url: str) -> AsyncIterator[Outbox]:
    name = f"relay_{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(name, 3, 1)])
    await admin.close()
    database = Database(database_url, "relay-test", 4)
    await database.open()
    for statement in (f"create schema {name}", *outbox.ddl(name)):
        await database.execute(statement)
    yield Outbox(kafka, database_url, name, database)
    await database.execute(f"drop schema {name} cascade")
    await database.close()


@pytest.fixture
async def broker(kafka: str) -> AsyncIterator[Any]:
    made = broker_of(kafka, "relay-test")
    await made.start()
    yield made
    await made.stop()


def numbers(records: list[Any], key: bytes) -> list[int]:
    return [int(r.value) for r in records if r.key == key]


def gaps(seen: list[int], step: int) -> list[int]:
    """Numbers that came before the one that precedes them; a number that came already is no gap."""
    found, last = [], seen[0]
    for number in seen[1:]:
        if number > last + step:
            found.append(number)
        last = max(last, number)
    return found


async def test_rows_are_published_whole_in_the_order_of_their_key_and_are_then_gone(trial: Outbox, broker: Any) -> None:
    many = MOST_ROWS + 500
    for start in range(0, many, 500):
        await trial.write(*range(start, start + 500), keys=5)
    async with trial.relaying(broker):
        await trial.until_empty()
    records = await trial.published()
    written = {n: unsent(trial.name, n, 5) for n in range(many)}

    for key in range(5):
        assert list(range(key, many, 5)) == numbers(records, b"key-%d" % key)
    for record in records:
        of = written.pop(int(record.value))
        told = {name: value.decode() for name, value in record.headers}
        assert (of.key, of.headers) == (record.key, {name: told.get(name) for name in of.headers})
    assert {} == written


async def test_a_row_that_commits_late_is_published_nevertheless(trial: Outbox, broker: Any) -> None:
    newest = f"select max(id) from {trial.name}.outbox"
    async with trial.relaying(broker):
        async with trial.database.transaction() as late:
            await trial.append(late, 1)
            low = await late.fetchval(newest)
            async with trial.database.transaction() as early:
                await trial.append(early, 2)
                high = await early.fetchval(newest)
            await trial.until_empty()
            before = await trial.published()
        await trial.until_empty()
    after = await trial.published()

    assert low < high
    assert ([2], [2, 1]) == (numbers(before, b"key-0"), numbers(after, b"key-0"))


async def test_a_transaction_that_was_rolled_back_publishes_nothing(trial: Outbox, broker: Any) -> None:
    async with trial.relaying(broker):
        with pytest.raises(KeyError, match="changed its mind"):
            await trial.change_its_mind(1)
        await trial.write(2)
        await trial.until_empty()
    records = await trial.published()

    assert [2] == numbers(records, b"key-0")


async def _kill_session(trial: Outbox) -> None:
    killed = await trial.database.fetch(
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = $1",
        f"{trial.name}.relay",
    )
    assert [(True,)] == [tuple(row) for row in killed]


async def _refuse(_: Outbox) -> None:
    raise KafkaError("in the middle")


@pytest.mark.parametrize(
    ("disturb", "times"),
    [(_kill_session, dict.fromkeys(range(ROWS), 2)), (_refuse, {n: 1 + (n < ROWS // 2) for n in range(ROWS)})],
    ids=["its session is killed", "Kafka refuses"],
)
async def test_a_run_that_is_cut_off_is_repeated_under_the_same_ids_and_without_a_gap(
    trial: Outbox, broker: Any, disturb: Callable[[Outbox], Awaitable[None]], times: dict[int, int]
) -> None:
    await trial.write(*range(ROWS), keys=3)
    async with trial.relaying(Between(broker, ROWS // 2, lambda: disturb(trial))):
        await trial.until_empty()
    records = await trial.published()
    seen = [int(r.value) for r in records]
    ids = {(int(r.value), dict(r.headers)["ce_id"].decode()) for r in records}

    assert times == {n: seen.count(n) for n in sorted(set(seen))}
    assert {(n, str(uuid.uuid5(NAMES, str(n)))) for n in range(ROWS)} == ids
    for key in range(3):
        of_key = numbers(records, b"key-%d" % key)
        assert (key, []) == (of_key[0], gaps(of_key, 3))


async def test_a_second_relay_waits_until_the_first_is_gone_and_then_takes_over(trial: Outbox, broker: Any) -> None:
    first, second = Between(broker), Between(broker)
    sessions = "from pg_stat_activity where application_name = $1"
    name = f"{trial.name}.relay"
    async with trial.relaying(first) as first_stopping:
        await trial.write(0)
        await trial.until_empty()
        async with trial.relaying(second):
            await trial.until(f"select count(*) = 1 {sessions} and query like '%try_advisory%'", name)
            for number in range(1, 20):
                await trial.write(number)
            await trial.until_empty()
            first_stopping.set()
            await trial.until(f"select count(*) = 1 {sessions}", name)
            for number in range(20, 40):
                await trial.write(number)
            await trial.until_empty()
    records = await trial.published()

    assert (list(range(20)), list(range(20, 40))) == (first.passed, second.passed)
    assert list(range(40)) == numbers(records, b"key-0")


async def test_what_was_written_while_kafka_was_away_is_published_once_it_is_there(trial: Outbox) -> None:
    broker = broker_of(trial.kafka, "relay-test")
    await trial.write(1, 2, 3)
    async with trial.relaying(broker):
        async with asyncio.timeout(PATIENCE):
            while not REGISTRY.get_sample_value("outbox_relay_failed_total", {"schema": trial.name}):
                await asyncio.sleep(0.02)
        await broker.start()
        await trial.until_empty()
    records = await trial.published()
    await broker.stop()

    assert [1, 2, 3] == numbers(records, b"key-0")
