"""Reading behind a cursor that never skips: rows are shown once no older transaction that writes can still commit.

Readers wait for writers of their own schema only; a transaction of another database, or one that holds nothing of the
schema, does not hold them up. `Database.transaction` marks every writer before it can have a transaction id.

Whoever waits for a row is woken by its commit, but may look a few milliseconds before the last older transaction is
gone, and would then sleep until the next poll. So a woken reader looks again, soon and then less soon.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sized
from contextlib import asynccontextmanager
from typing import Any, TypeVar

PAUSES = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
"""Seconds between the looks of a woken reader; after them its ordinary poll goes on."""

T = TypeVar("T", bound=Sized)

WRITERS = 5226
"""The first key of the advisory lock that marks a writer. The second key is its role, which owns the schema."""
BEGIN = f"begin; select pg_advisory_xact_lock_shared({WRITERS}, hashtext(current_user))"
"""Begins a transaction that may write, in one round trip. The mark is taken before there is a transaction id."""

_LOCKS = f"""
select pid, virtualtransaction as holder, transactionid, locktype <> 'transactionid' as writes
from pg_locks
where granted and locktype = 'transactionid' and mode = 'ExclusiveLock'
   or database = (select oid from pg_database where datname = current_database())
      and (locktype = 'advisory' and classid = {WRITERS} and objsubid = 2
           and objid = (hashtext(current_user)::bigint & 4294967295)::oid
           or locktype = 'relation' and mode <> 'AccessShareLock'
           and (select relnamespace from pg_class where oid = relation) = '%s'::regnamespace)"""  # noqa: S608
"""The running transactions that have an id, and the locks of those that write the schema: marks, and locks on tables
for whoever has no mark (a version of before, an operator's session)."""


@asynccontextmanager
async def writing(connection: Any) -> AsyncIterator[None]:
    """A transaction with the mark of a writer. It commits at the end and rolls back on any exception."""
    ended = False
    try:
        await connection.execute(BEGIN)
        yield
        await connection.execute("commit")
        ended = True
    finally:
        if not ended:
            await _roll_back(connection)


async def _roll_back(connection: Any) -> None:
    """A connection that cannot be rolled back is cut, so that the pool does not give it to anybody."""
    ended = connection.is_closed()
    try:
        if not ended:
            await connection.execute("rollback")
            ended = True
    finally:
        if not ended:
            connection.terminate()


def locks(schema: str) -> str:
    """A query for the locks that tell who writes `schema`: pid, holder, transaction id or null, whether it writes."""
    return _LOCKS % schema


def horizon(schema: str) -> str:
    """An SQL expression: the transaction id below which all that this statement can ever read of `schema` is visible.

    It is the oldest transaction that the statement's snapshot saw running and that may have written the schema. One
    that is no longer running may have (it ended after the snapshot was taken); one that still runs has not, if it holds
    neither the mark nor a lock on a table. The locks are read after the snapshot was taken, and not at all while the
    snapshot saw nothing running. The status is asked again after the locks, because an ending transaction gives them
    back one by one.
    """
    return f"""(
with seen as materialized (select pg_current_snapshot() as snapshot),
     locks as materialized ({locks(schema)})
select coalesce(
    (select x from seen, pg_snapshot_xip(snapshot) x
     where case when x::xid = any(array(
                    select unnest(array_agg(transactionid) filter (where not writes))
                    from locks group by holder having not bool_or(writes)))
                then pg_xact_status(x) is distinct from 'in progress' else true end
     order by x limit 1),
    (select pg_snapshot_xmax(snapshot) from seen)))"""  # noqa: S608


async def look_soon(look: Callable[[], Awaitable[T]]) -> T:
    """The first answer of `look` that is not empty, or its last one."""
    for pause in PAUSES:
        if found := await look():
            return found
        await asyncio.sleep(pause)
    return await look()
