"""The horizon: readers wait for writers of what they read and for nobody else, and see every row once and in order."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.postgres.horizon import BEGIN, PAUSES, horizon, look_soon
from chassis.postgres.pool import Database

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row = tuple[int, int]
SCHEMA = "horizon_trial"
READ = f"""select n, xid::text::bigint as xid, id from {SCHEMA}.rows
           where (xid, id) > ($1::bigint::text::xid8, $2) and xid < {horizon(SCHEMA)} order by xid, id limit $3"""
TABLES = (
    f"create schema {SCHEMA}",
    f"""create table {SCHEMA}.rows (n int not null, xid xid8 not null default pg_current_xact_id(),
                                    id bigint generated always as identity)
        with (autovacuum_enabled = off)""",  # its work on the table would be a writer's
    f"create table {SCHEMA}.others (n int) with (autovacuum_enabled = off)",
    f"insert into {SCHEMA}.others values (0)",
    "create table public.foreign_rows (n int)",
)


class Looks:
    """Answers one look after the other from a list; counts them."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = iter(answers)
        self.count = 0

    async def __call__(self) -> list[str]:
        self.count += 1
        return next(self._answers)


async def test_what_is_there_is_seen_at_the_first_look() -> None:
    looks = Looks(["row"])

    assert (["row"], 1) == (await look_soon(looks), looks.count)


async def test_what_an_older_transaction_hides_is_seen_when_it_is_gone() -> None:
    looks = Looks([], [], [], ["row"])

    assert (["row"], 4) == (await look_soon(looks), looks.count)


async def test_the_last_look_is_after_the_last_pause_and_may_be_empty() -> None:
    looks, last = Looks(*([[]] * (len(PAUSES) + 1))), Looks(*([[]] * len(PAUSES)), ["row"])

    assert ([], len(PAUSES) + 1) == (await look_soon(looks), looks.count)
    assert ["row"] == await look_soon(last)


@dataclass
class Reader:
    """Goes on from its cursor, as a client of a feed does, and keeps what it has seen."""

    session: Session
    cursor: Row = (0, 0)
    seen: list[int] = field(default_factory=list)

    async def look(self, limit: int = 100) -> list[int]:
        rows = await self.session.fetch(READ, *self.cursor, limit)
        if rows:
            self.cursor = rows[-1]["xid"], rows[-1]["id"]
        found = [row["n"] for row in rows]
        self.seen += found
        return found

    async def look_to_the_end(self) -> None:
        while await self.look():
            pass


@dataclass
class Town:
    """A schema of the test's own and sessions that are closed at its end."""

    url: str
    elsewhere: str
    stack: AsyncExitStack

    async def session(self, url: str | None = None) -> Session:
        made = await asyncpg.connect(url or self.url)
        self.stack.push_async_callback(made.close)
        return made

    async def reader(self) -> Reader:
        session = await self.session()
        return Reader(session, (await session.fetchval("select pg_current_xact_id()::text::bigint"), 0))

    async def committed(self, n: int) -> None:
        """A row of a writer that comes and goes."""
        session = await self.session()
        await session.execute(f"insert into {SCHEMA}.rows (n) values ({n})")
        await session.close()


@pytest.fixture(scope="module")
async def databases(database_url: str, postgres: str) -> tuple[str, str]:
    """The test's database, and the address of another one in the same server."""
    session = await asyncpg.connect(database_url)
    for statement in TABLES:
        await session.execute(statement)
    await session.close()
    return database_url, postgres


@pytest.fixture
async def town(databases: tuple[str, str]) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        yield Town(*databases, stack)


XID = "select pg_current_xact_id()"
FOREIGN = {
    "an id and nothing else": [XID],
    "a table of another schema": ["insert into public.foreign_rows values (1)"],
    "reading the table": [XID, f"select * from {SCHEMA}.rows"],
    "a savepoint and another schema": ["savepoint s", "insert into public.foreign_rows values (1)"],
    "a mark of something else": ["select pg_advisory_xact_lock_shared(1, hashtext(current_user))", XID],
}
WRITERS = {
    "a row": [f"insert into {SCHEMA}.rows (n) values (-1)"],
    "another table of the schema": [f"insert into {SCHEMA}.others values (1)"],
    "a row locked for it": [f"select * from {SCHEMA}.others for update"],
    "within a savepoint": ["savepoint s", f"insert into {SCHEMA}.rows (n) values (-1)"],
    "a savepoint that was undone": [
        "savepoint s", f"insert into {SCHEMA}.rows (n) values (-1)", "rollback to s",
    ],
}  # fmt: skip


@pytest.mark.parametrize("where", ["the same database", "another database"])
@pytest.mark.parametrize("held", FOREIGN)
async def test_nobody_waits_for_a_transaction_that_writes_nothing_of_the_schema(
    town: Town, held: str, where: str
) -> None:
    other = await town.session(town.url if where == "the same database" else town.elsewhere)
    reader = await town.reader()
    await other.execute("begin")
    for statement in FOREIGN[held] if where == "the same database" else [XID]:
        await other.execute(statement)
    for n in (1, 2, 3):
        await town.committed(n)
        assert [n] == await reader.look()


@pytest.mark.parametrize("held", WRITERS)
async def test_readers_wait_for_a_writer_without_a_mark_and_then_see_its_row_first(town: Town, held: str) -> None:
    writer, reader = await town.session(), await town.reader()
    await writer.execute("begin")
    for statement in WRITERS[held]:
        await writer.execute(statement)
    await town.committed(2)
    meanwhile = await reader.look()
    await writer.execute(f"insert into {SCHEMA}.rows (n) values (1)")
    await writer.execute("commit")
    await reader.look_to_the_end()

    assert ([], [1, 2]) == (meanwhile, [n for n in reader.seen if n > 0])


@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_readers_wait_for_a_marked_writer_that_has_not_touched_a_table_yet(town: Town, ends: str) -> None:
    database, reader = Database(town.url, "horizon-test", 1), await town.reader()
    await database.open()
    try:
        async with database.transaction() as writer:
            await writer.execute(XID)
            await town.committed(2)
            meanwhile = await reader.look()
            await writer.execute(f"insert into {SCHEMA}.rows (n) values (1)")
            if ends == "rollback":
                raise KeyError(ends)
    except KeyError:
        assert ends == "rollback"
    finally:
        await database.close()
    await reader.look_to_the_end()

    assert ([], [1, 2] if ends == "commit" else [2]) == (meanwhile, reader.seen)


@pytest.mark.parametrize("begin", [BEGIN, "begin"])
async def test_a_writer_that_ends_between_the_snapshot_and_the_look_at_the_locks_is_waited_for(
    town: Town, begin: str
) -> None:
    writer, gate, reader = await town.session(), await town.session(), await town.reader()
    key = uuid.uuid4().int % 2**31
    await writer.execute(begin)
    await writer.execute(f"insert into {SCHEMA}.rows (n) values (1)")
    await town.committed(2)
    await gate.execute(f"select pg_advisory_lock({key})")
    # The statement has its snapshot when it waits at the gate; the locks are looked at behind it.
    late = asyncio.create_task(
        reader.session.fetch(f"select pg_advisory_lock({key})::text, {horizon(SCHEMA)}::text::bigint as below")
    )
    while not await gate.fetchval("select true from pg_locks where not granted and objid = $1", key):
        await asyncio.sleep(0)
    xid = await writer.fetchval("select pg_current_xact_id()::text::bigint")
    await writer.execute("commit")
    await gate.execute(f"select pg_advisory_unlock({key})")

    assert xid == (await late)[0]["below"]


async def test_a_look_at_the_locks_is_not_needed_while_nothing_runs(town: Town) -> None:
    session, other = await town.session(), await town.session()

    async def looked() -> list[bool]:
        plan = await session.fetch(f"explain (analyze, costs off, timing off) select {horizon(SCHEMA)}")
        return ["never executed" not in row[0] for row in plan if "pg_lock_status" in row[0]]

    async with asyncio.timeout(30):
        while [False] != await looked():  # the server's own upkeep runs now and then
            await asyncio.sleep(0.02)
    await other.execute("begin")
    await other.execute(XID)
    await town.committed(1)

    assert [True] == await looked()


@dataclass
class Play:
    """Five sessions that write in any order, and a reader that looks now and then."""

    sessions: list[Session]
    reader: Reader
    open: dict[int, list[int]] = field(default_factory=dict)
    marked: set[int] = field(default_factory=set)
    committed: list[int] = field(default_factory=list)
    count: int = 0

    async def begin(self, who: int, how: str = "begin") -> None:
        if who not in self.open:
            await self.sessions[who].execute(how)
            self.open[who] = []

    async def mark(self, who: int) -> None:
        if who not in self.open:
            await self.begin(who, BEGIN)
            self.marked.add(who)

    async def xid(self, who: int) -> None:
        if who in self.marked:  # without a mark, the first write brings the id
            await self.sessions[who].execute(XID)

    async def write(self, who: int) -> None:
        self.count += 1
        await self.sessions[who].execute(f"insert into {SCHEMA}.rows (n) values ({self.count})")
        self.open.get(who, self.committed).append(self.count)

    async def end(self, who: int, how: str) -> list[int]:
        self.marked.discard(who)
        if who not in self.open:
            return []
        await self.sessions[who].execute(how)
        return self.open.pop(who)

    async def commit(self, who: int) -> None:
        self.committed += await self.end(who, "commit")

    async def rollback(self, who: int) -> None:
        await self.end(who, "rollback")

    async def read(self, _: int) -> None:
        await self.reader.look(3)


Step = tuple[Callable[["Play", int], Awaitable[None]], int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([Play.begin, Play.mark, Play.xid, Play.write, Play.commit, Play.rollback, Play.read]),
        st.integers(0, 4),
    ),
    max_size=60,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
async def test_whatever_the_order_of_commits_a_reader_sees_every_row_once_and_in_one_order(
    town: Town, steps: list[Step]
) -> None:
    foreign = [await town.session(), await town.session(town.elsewhere)]
    for session in foreign:
        await session.execute("begin")
        await session.execute(XID)
    play = Play([await town.session() for _ in range(5)], await town.reader())
    fresh = Reader(play.reader.session, play.reader.cursor)
    for what, who in steps:
        await what(play, who)
    for who in list(play.open):
        await play.commit(who)
    await town.committed(0)  # takes the horizon above all of them
    await play.reader.look_to_the_end()
    await fresh.look_to_the_end()
    await town.stack.aclose()

    assert sorted([*play.committed, 0]) == sorted(play.reader.seen)
    assert fresh.seen == play.reader.seen
