"""PostgreSQL through one pool that is opened lazily, bounded everywhere, and says plainly when it is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from asyncpg import exceptions as pg
from asyncpg.pool import PoolConnectionProxy

from chassis.postgres.horizon import writing

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Record: TypeAlias = asyncpg.Record

_AWAY = (
    pg.PostgresConnectionError, pg.OperatorInterventionError, pg.InsufficientResourcesError,
    pg.TransactionRollbackError, pg.LockNotAvailableError, pg.InternalClientError, pg.InterfaceError,
    ConnectionError, OSError, TimeoutError, asyncio.IncompleteReadError,
)  # fmt: skip


class Unavailable(Exception):
    """The database is away, too busy or gave way to another transaction. Nothing changed; trying again is right."""


async def _nothing(_: object) -> None:
    """In place of the pool's reset, a round trip after every use: nothing here sets anything for a session."""


class Database:
    """One pool of `size` connections. Usable before the server is: the first use connects, a lost one reconnects."""

    def __init__(self, url: str, name: str, size: int = 8, patience: float = 2.0) -> None:
        """`name` is shown by `pg_stat_activity`; `patience` bounds, in seconds, the wait for a free connection."""
        self._pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=size,
            timeout=patience,
            command_timeout=15,
            max_inactive_connection_lifetime=300,
            reset=_nothing,
            server_settings={
                "application_name": name,
                "jit": "off",
                "timezone": "UTC",
                "statement_timeout": "15000",
                "idle_in_transaction_session_timeout": "30000",
            },
        )
        self._patience = patience
        self._after: dict[Connection, list[Callable[[], None]]] = {}
        """By open transaction: what is to be called once it has committed."""

    async def open(self) -> None:
        """Readies the pool inside the running loop. Does not connect."""
        await self._pool

    async def close(self) -> None:
        """Gives the connections in use five seconds to come back, then cuts them."""
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool, outside any transaction. Raises `Unavailable`."""
        try:
            async with self._pool.acquire(timeout=self._patience) as connection:
                yield connection
        except _AWAY as why:
            if isinstance(why, ValueError):
                raise  # an address that cannot be understood is our bug, although asyncpg files it here
            raise Unavailable(f"{type(why).__name__}: {why}"[:200]) from why

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction that commits at the end and rolls back on any exception.

        It is marked as a writer, for which readers behind the horizon wait; one that only reads needs no such mark.
        """
        calls: list[Callable[[], None]] = []
        async with self.connection() as connection:
            self._after[connection] = calls
            try:
                async with writing(connection):
                    yield connection
            finally:
                del self._after[connection]
        for call in calls:
            call()

    def after_commit(self, connection: Connection, call: Callable[[], None]) -> None:
        """Calls `call` as soon as the transaction open on `connection` has committed; never if it rolls back.

        Calls run in the order in which they were given, once the connection is back in the pool, and must not fail.
        """
        self._after[connection].append(call)

    async def fetch(self, sql: str, *arguments: Any) -> list[Record]:
        """All rows of one statement. Raises `Unavailable`."""
        async with self.connection() as connection:
            return await connection.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> Record | None:
        """The first row of one statement, or None. Raises `Unavailable`."""
        async with self.connection() as connection:
            return await connection.fetchrow(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> None:
        """One statement for its effect. Raises `Unavailable`."""
        async with self.connection() as connection:
            await connection.execute(sql, *arguments)

    async def check(self) -> str | None:
        """None while a query is answered within a second, else why not (for `/readyz`)."""
        try:
            async with asyncio.timeout(1):
                await self.fetchrow("select 1")
        except (Unavailable, TimeoutError) as why:
            return f"PostgreSQL does not answer: {str(why) or 'not within a second'}"[:200]
        return None
