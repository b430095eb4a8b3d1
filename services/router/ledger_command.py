"""The ledger for an operator's command: one connection, one transaction, found where the service finds it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.postgres.pool import Connection, Database
from services.router.settings import ledger_address


@asynccontextmanager
async def opened(command: str, *, reading: bool = False) -> AsyncIterator[Connection]:
    """A transaction that commits at the end; `command` is its name in `pg_stat_activity`. Raises `Unavailable`.

    One for `reading` sees the ledger as it stood when it began, and nobody waits for it.
    """
    database = Database(ledger_address(), command, size=1)
    await database.open()
    try:
        async with _reading(database) if reading else database.transaction() as connection:
            yield connection
    finally:
        await database.close()


@asynccontextmanager
async def _reading(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection
