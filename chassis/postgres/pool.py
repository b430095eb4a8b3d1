"""PostgreSQL through one pool that is opened lazily, bounded everywhere, and says plainly when it is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from asyncpg import exceptions as pg
from asyncpg.pool import PoolConnectionProxy

from chassis.postgres import blame
from chassis.postgres.blame import DATABASE_ERRORS, Unavailable
from chassis.postgres.horizon import writing

__all__ = ["DATABASE_ERRORS", "Connection", "Database", "Record", "Unavailable"]

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Record: TypeAlias = asyncpg.Record

FAULT_SECONDS = 5.0
"""How long `check` reports a lasting fault after it was last seen: longer than any background part waits."""
EXPIRE_SECONDS = 1.0
"""At most so often all sessions are replaced: during a fault every request would cost a new set of them."""


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
                "idle_in_transaction_session_timeout": "10000",
            },
        )
        self._patience = patience
        self._fault: tuple[float, str] = (float("-inf"), "")
        self._expired_at = float("-inf")
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
        except (pg.PostgresError, *blame.CLIENT_ERRORS) as why:
            if not blame.is_transient(why):
                raise
            told = f"{type(why).__name__}: {why}"[:200]
            await self._note(why, told)
            raise Unavailable(told) from why

    async def _note(self, why: BaseException, told: str) -> None:
        if blame.is_stale(why):
            await self._expire()
        if blame.code_of(why).startswith(blame.LASTING):
            self._fault = (asyncio.get_running_loop().time(), told)

    async def _expire(self) -> None:
        """Closes every session as soon as it is free; the next use connects anew."""
        now = asyncio.get_running_loop().time()
        if now - self._expired_at > EXPIRE_SECONDS:
            self._expired_at = now
            await self._pool.expire_connections()

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
        """None while the server answers within a second and takes writes, else why not (for `/readyz`)."""
        try:
            async with asyncio.timeout(1):
                row = await self.fetchrow("select current_setting('transaction_read_only') as read_only")
        except (Unavailable, TimeoutError) as why:
            return f"PostgreSQL does not answer: {str(why) or 'not within a second'}"[:200]
        if row and row["read_only"] == "on":
            await self._expire()  # after a failover these may still lead to the old server
            return "PostgreSQL is read-only"
        if asyncio.get_running_loop().time() - self._fault[0] < FAULT_SECONDS:
            return f"PostgreSQL refuses what the service needs: {self._fault[1]}"[:200]
        return None
