"""Open transactions that have an id and write nothing that readers read, as other users of the server have them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg


@asynccontextmanager
async def foreign_transactions(*urls: str) -> AsyncIterator[None]:
    """One in each of these databases, open until the block ends."""
    async with AsyncExitStack() as stack:
        for url in urls:
            session = await asyncpg.connect(url)
            stack.push_async_callback(session.close)
            await session.execute("begin")
            await session.execute("select pg_current_xact_id()")
        yield
