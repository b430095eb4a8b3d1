"""Migrations: alembic revisions of one schema, in one transaction, under an advisory lock, without an ini file."""

import asyncio
import zlib
from pathlib import Path

import asyncpg


def migrate(url: str, schema: str, folder: Path) -> str:
    """Brings `schema` to the newest revision in `folder` and returns its name. Safe to run at once from many places.

    The schema and the role that owns it must exist. Waits at most 10 s for a lock on a table, so that a migration
    behind a long transaction fails rather than stopping the service. Must be called outside a running event loop.
    """
    return asyncio.run(_migrate(url, schema, folder))


async def _migrate(url: str, schema: str, folder: Path) -> str:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory
    from sqlalchemy import Connection, text
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    scripts = ScriptDirectory(str(folder), version_locations=[str(folder)])

    def upgrade(connection: Connection) -> str:
        lock = zlib.crc32(f"migrate {schema}".encode())
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": lock})
        connection.execute(text("set local lock_timeout = '10s'"))
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table_schema": schema,
                "fn": lambda rev, _: scripts._upgrade_revs("head", rev),
            },
        )
        with Operations.context(context):
            context.run_migrations()
        return str(context.get_current_revision())

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(url, timeout=10)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(upgrade)
    finally:
        await engine.dispose()
