"""Which tables a part of a transaction writes, by PostgreSQL's own counters.

Who repeats what was done before often writes nothing (`on conflict do nothing`), and what writes nothing does not show
that writing would succeed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.postgres.pool import Connection


@asynccontextmanager
async def tables_written(connection: Connection, schema: str) -> AsyncIterator[set[str]]:
    """Fills the set, at the end, with what was done to tables of `schema` in between: `insert towns`, `update towns`.

    To be used inside a transaction. Rows that are only locked or deleted do not count.
    """
    written: set[str] = set()
    before = await _counts(connection, schema)
    yield written
    after = await _counts(connection, schema)
    written |= {done for done, count in after.items() if count > before.get(done, 0)}


async def _counts(connection: Connection, schema: str) -> dict[str, int]:
    # They may still hold what earlier transactions of the session have written: only the difference means anything.
    rows = await connection.fetch(
        """select relname, n_tup_ins as insert, n_tup_upd as update from pg_stat_xact_user_tables
           where schemaname = $1 and n_tup_ins + n_tup_upd > 0""",
        schema,
    )
    return {f"{do} {row['relname']}": row[do] for row in rows for do in ("insert", "update")}
