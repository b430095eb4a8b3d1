"""The pool on a real PostgreSQL: what waiting cures is `Unavailable`, what is our mistake is not."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from chassis.postgres.horizon import WRITERS
from chassis.postgres.pool import Database, Unavailable
from stack.processes import free_port

PATIENCE = 30.0


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool of two connections that nobody else's carry the name of, and an empty table `kept`."""
    made = Database(database_url, f"pool-{uuid.uuid4().hex[:8]}", 2)
    await made.open()
    await made.execute("drop table if exists kept")
    await made.execute("create table kept (number int)")
    yield made
    await made.close()


@pytest.fixture
async def other(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def kept(database: Database) -> list[int]:
    return [row["number"] for row in await database.fetch("select number from kept order by number")]


async def terminate(other: Any, query: str) -> None:
    """Ends the session that runs `query` now, as soon as there is one."""
    async with asyncio.timeout(PATIENCE):
        while not await other.fetchval(
            "select bool_or(pg_terminate_backend(pid)) from pg_stat_activity"
            " where state = 'active' and query = $1 and pid <> pg_backend_pid()",
            query,
        ):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("url", ["postgresql://x@/x?host=/nowhere", "postgresql://x@127.0.0.1:{port}/x"])
async def test_a_server_that_is_not_there_is_unavailable(url: str) -> None:
    database = Database(url.format(port=free_port()), "pool-test")
    await database.open()
    with pytest.raises(Unavailable):
        await database.fetch("select 1")
    why = await database.check()
    await database.close()

    assert why
    assert ("PostgreSQL does not answer: ", True) == (why[:28], why[28:] > "")


async def test_a_statement_that_is_cut_off_is_unavailable_and_the_pool_heals(database: Database, other: Any) -> None:
    query = "select pg_sleep(61)"
    cut = asyncio.create_task(database.fetch(query))
    await terminate(other, query)
    with pytest.raises(Unavailable):
        await cut

    assert (1, None) == ((await database.fetch("select 1"))[0][0], await database.check())


async def test_a_transaction_that_is_cut_off_is_unavailable_and_leaves_nothing(database: Database, other: Any) -> None:
    query = "select pg_sleep(62)"

    async def write() -> None:
        async with database.transaction() as connection:
            await connection.execute("insert into kept values (1)")
            await connection.execute(query)

    cut = asyncio.create_task(write())
    await terminate(other, query)
    with pytest.raises(Unavailable):
        await cut

    assert [] == await kept(database)


async def test_a_session_that_is_ended_while_idle_is_made_anew(database: Database, other: Any) -> None:
    async with database.connection() as connection:
        pid = await connection.fetchval("select pg_backend_pid()")
    assert await other.fetchval("select pg_terminate_backend($1, 5000)", pid)

    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                row = await database.fetchrow("select pg_backend_pid()")
                break
            except Unavailable:
                continue

    assert row is not None
    assert pid != row[0]


async def test_an_exhausted_pool_is_unavailable_until_a_connection_comes_back(database_url: str) -> None:
    database = Database(database_url, "pool-test", size=1, patience=1.0)  # within which it must connect as well
    await database.open()
    async with database.connection():
        with pytest.raises(Unavailable, match="TimeoutError"):
            await database.fetch("select 1")
    rows = await database.fetch("select 7")
    await database.close()

    assert [7] == [row[0] for row in rows]


async def test_a_check_says_within_a_second_why_nobody_answers(database_url: str) -> None:
    database = Database(database_url, "pool-test", size=1, patience=60)
    await database.open()
    async with asyncio.timeout(PATIENCE), database.connection():
        why = await database.check()
    well = await database.check()
    await database.close()

    assert ("PostgreSQL does not answer: not within a second", None) == (why, well)


@pytest.mark.parametrize(
    "thrown", [ValueError("ours"), KeyError("ours"), asyncio.CancelledError(), KeyboardInterrupt()]
)
async def test_any_exception_rolls_back_and_travels_up_as_it_is(database: Database, thrown: BaseException) -> None:
    caught = None
    try:
        async with database.transaction() as connection:
            await connection.execute("insert into kept values (1)")
            raise thrown
    except BaseException as why:
        caught = why

    assert thrown is caught
    assert [] == await kept(database)


async def test_what_ends_well_is_committed(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("insert into kept values (1)")
    await database.execute("insert into kept values ($1)", 2)

    assert [1, 2] == await kept(database)


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("40001", Unavailable),  # serialization_failure
        ("40P01", Unavailable),  # deadlock_detected
        ("55P03", Unavailable),  # lock_not_available
        ("53300", Unavailable),  # too_many_connections
        ("57014", Unavailable),  # query_canceled
        ("57P03", Unavailable),  # cannot_connect_now
        ("08006", Unavailable),  # connection_failure
        ("23505", asyncpg.UniqueViolationError),
        ("22012", asyncpg.DivisionByZeroError),
        ("22021", asyncpg.CharacterNotInRepertoireError),
        ("23502", asyncpg.NotNullViolationError),
        ("25006", Unavailable),  # read_only_sql_transaction
        ("25P03", Unavailable),  # idle_in_transaction_session_timeout
        ("42501", Unavailable),  # insufficient_privilege
        ("42703", Unavailable),  # undefined_column
        ("42P01", Unavailable),  # undefined_table
        ("0A000", Unavailable),  # feature_not_supported: a cached plan must not change its result
        ("26000", Unavailable),  # invalid_sql_statement_name
        ("53100", Unavailable),  # disk_full
        ("58030", Unavailable),  # io_error
        ("P0001", Unavailable),  # raise_exception: a trigger that an operator has added
        ("XX000", Unavailable),  # internal_error
    ],
)
async def test_what_the_values_of_a_statement_cause_is_told_apart_from_what_waiting_cures(
    database: Database, code: str, raised: type[Exception]
) -> None:
    with pytest.raises(raised) as caught:
        await database.execute(f"do $$ begin raise exception 'trial' using errcode = '{code}'; end $$")

    assert raised is caught.type


async def test_an_argument_that_does_not_fit_its_column_is_our_mistake(database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        await database.execute("insert into kept values ($1)", "seven")

    assert [] == await kept(database)


async def test_an_address_that_cannot_be_understood_is_our_mistake() -> None:
    database = Database("postgresql://x@127.0.0.1:1/x?sslmode=misspelt", "pool-test")
    await database.open()
    with pytest.raises(ValueError, match="sslmode"):
        await database.fetch("select 1")
    await database.close()


async def test_a_session_can_be_found_by_name_and_is_bounded(database_url: str) -> None:
    database = Database(database_url, "pool-named")
    await database.open()
    names = ("application_name", "statement_timeout", "idle_in_transaction_session_timeout", "timezone")
    told = [(await database.fetch("select current_setting($1)", name))[0][0] for name in names]
    await database.close()

    assert ["pool-named", "15s", "10s", "UTC"] == told


async def test_a_read_only_server_is_noticed_and_its_sessions_are_not_used_again(
    database: Database, database_url: str, other: Any
) -> None:
    name = database_url.partition("?")[0].rpartition("/")[2]
    await other.execute(f"alter database {name} set default_transaction_read_only = on")
    await database.check()
    stale = Database(database_url, "pool-stale", 2)
    await stale.open()
    try:
        while_read_only = await stale.check()
        with pytest.raises(Unavailable, match="ReadOnlySQLTransactionError"):
            await stale.execute("insert into kept values (1)")
    finally:
        await other.execute("set default_transaction_read_only = off")
        await other.execute(f"alter database {name} reset default_transaction_read_only")
    await until_well(stale)  # the setting of a session is that of its beginning: only a new one takes writes
    await stale.execute("insert into kept values (2)")
    await stale.close()

    assert "PostgreSQL is read-only" == while_read_only
    assert [2] == await kept(database)


async def until_well(database: Database) -> None:
    async with asyncio.timeout(PATIENCE):
        while await database.check() is not None:
            await asyncio.sleep(0.1)


async def test_a_right_that_is_missing_is_told_by_the_check_until_nothing_is_refused_any_more(
    database: Database,
) -> None:
    with pytest.raises(Unavailable):
        await database.execute("select unknown_column from kept")

    assert "PostgreSQL refuses what the service needs: UndefinedColumnError" in str(await database.check())


async def test_a_statement_that_was_prepared_before_the_table_changed_fails_once_at_most(database: Database) -> None:
    await database.execute("insert into kept values (1)")
    query = "select * from kept"
    await database.fetch(query)
    await database.execute("alter table kept add column other text")
    with pytest.raises(Unavailable, match="cached"):
        async with database.transaction() as connection:
            await connection.fetch(query)
    async with database.transaction() as connection:
        rows = await connection.fetch(query)

    assert [(1, None)] == [tuple(row) for row in rows]


async def test_a_transaction_that_is_cancelled_while_it_begins_leaves_no_connection_in_the_middle_of_one(
    database_url: str,
) -> None:
    database, other = Database(database_url, "pool-test", size=1), await asyncpg.connect(database_url)
    await database.open()
    waits = "select true from pg_locks where locktype = 'advisory' and classid = $1 and not granted"

    async def begin() -> None:
        async with database.transaction():
            raise AssertionError("must not begin")

    async with other.transaction():
        await other.execute(f"select pg_advisory_xact_lock({WRITERS}, hashtext(current_user))")
        beginning = asyncio.create_task(begin())
        while not await other.fetchval(waits, WRITERS):
            await asyncio.sleep(0)
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
    states = await other.fetch("select state from pg_stat_activity where application_name = 'pool-test'")
    async with database.connection() as connection:
        inside = connection.is_in_transaction()
    await database.close()
    await other.close()

    assert (False, []) == (inside, [row["state"] for row in states if "transaction" in (row["state"] or "")])
