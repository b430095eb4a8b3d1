"""Ledgers of several sizes side by side in one server: real cases, written by the router's own code, multiplied by SQL.

A few thousand lives are written as the router would have written them, then copied and moved apart until there are
enough: a copy has an id, a number and a place of its own and is in all else what it was copied from.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

import asyncpg

from chassis.postgres.migrations import migrate
from chassis.postgres.together import write_together
from services.router import ledger
from services.router.accountability import Account, fold
from services.router.timers import next_timers
from services.router.transitions import OPEN_STATES
from stack.prepare import ROOT, as_role
from tests.bench.seeded import MARKED, TUESDAY_1000, Life, city, life

DAYS, A_DAY = 412, 10
"""Days that a ledger goes back, and different cases that the kernel makes for each of them."""
FRESH = timedelta(days=2)
"""Younger cases are all open; of the others so many that the share of all is as asked."""
OPEN_SHARE = 0.2
WEST, EAST, SOUTH, NORTH = 112.30, 112.75, 37.65, 38.00
"""The city. Cases lie denser towards its middle."""
LAST_NUMBER = 50_000
"""The last sequence of each district and day that seeded cases may have used."""
AT_ONCE = 500

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Ledger:
    """A database with so many cases; its address is the router's."""

    name: str
    cases: int
    url: str


def make(server: str, sizes: Mapping[str, int], open_share: float = OPEN_SHARE) -> list[Ledger]:
    """Creates and fills one ledger for each of `sizes` in the server whose superuser's address is `server`."""
    lives = _lives(open_share)
    found = []
    for name, cases in sizes.items():
        url = asyncio.run(_create(server, name))
        migrate(url, "router", ROOT / "services/router/migrations")
        asyncio.run(_fill(url, lives, cases))
        found.append(Ledger(name, cases, url))
    asyncio.run(_execute(server, "checkpoint"))  # else the first measurements would pay for it
    return found


def remove(server: str, names: Iterable[str]) -> None:
    """Drops those that are there: a million cases are some gigabytes."""
    asyncio.run(_execute(server, *(f"drop database if exists {_named(name)} with (force)" for name in names)))


def _named(name: str) -> str:
    return f"bench_{name.replace(' ', '').lower()}"


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _create(server: str, name: str) -> str:
    await _execute(server, f"drop database if exists {_named(name)} with (force)", f"create database {_named(name)}")
    head, _, query = server.partition("?")
    url = f"{head.rpartition('/')[0]}/{_named(name)}?{query}"
    await _execute(url, "create schema router authorization router")
    return as_role(url, "router", None)


def _lives(open_share: float) -> list[Life]:
    """412 days of cases up to ten o'clock, oldest first."""
    chance = random.Random(412)
    share = max(0.0, (open_share * DAYS - FRESH.days) / (DAYS - FRESH.days))
    found = []
    for n in range(DAYS * A_DAY):
        age = timedelta(days=DAYS) * (1 - (n + chance.random()) / (DAYS * A_DAY))
        is_open = age <= FRESH or chance.random() < share
        each = life(n, TUESDAY_1000 - age, chance, chance.choice((1, 1, 2, 2, 3, 4)) if is_open else None)
        found.append(each if (each.now.state in OPEN_STATES) == is_open else life(n, TUESDAY_1000 - age, chance, 1))
    return found


async def _fill(url: str, lives: Sequence[Life], cases: int) -> None:
    if not cases:
        return  # as after the first start: not even analysed
    one, other = await _connected(url), await _connected(url)
    await _write(one, lives)
    await one.execute(_SEEDS + _MULTIPLIED.format(cases=cases, lives=len(lives)))
    # Made when all rows are there, indexes take a third of the time.
    indexes = await one.fetch(_INDEXES)
    await one.execute(";".join(row["gone"] for row in indexes))
    await _pour(one, other)
    for table in ("accounts", "timers"):
        columns = await _columns(one, table, _OWN)
        names, values = ", ".join(columns), ", ".join(columns.values())
        await one.execute(_MORE.format(table=table, names=names, values=values))
    await one.execute(_REPORTS + _HISTORY + _NUMBERS)
    await one.execute(";".join(row["again"] for row in indexes))
    await one.execute("drop table router.multiplied, router.seeds, router.seeds_accounts, router.seeds_timers")
    await one.execute("vacuum (analyze)")
    await asyncio.gather(one.close(), other.close())


async def _connected(url: str) -> Connection:
    settings = {"synchronous_commit": "off", "maintenance_work_mem": "512MB", "work_mem": "256MB"}
    return await asyncpg.connect(url, server_settings=settings)


async def _write(connection: Connection, lives: Sequence[Life]) -> None:
    drafts = [
        ledger.Draft(None, each.now, [*each.events], _accounts(each), next_timers(each.now, city())) for each in lives
    ]
    for n in range(0, len(drafts), AT_ONCE):
        await write_together(connection, ledger.writes(drafts[n : n + AT_ONCE]))


def _accounts(each: Life) -> dict[int, Account]:
    return {generation: account for (_, generation), account in fold(each.events).items()}


async def _columns(connection: Connection, table: str, own: Mapping[str, str]) -> dict[str, str]:
    """The columns of a table that can be written, each with what a copy has in it."""
    rows = await connection.fetch(_WRITABLE, f"router.{table}")
    return {row["name"]: own.get(row["name"], f"s.{row['name']}") for row in rows}


async def _pour(one: Connection, other: Connection) -> None:
    """One connection makes the cases, the other writes them: frozen, so that nobody has to vacuum so many later."""
    columns = await _columns(one, "cases", _OWN)
    query = f"select {', '.join(columns.values())} from router.multiplied m join router.seeds s using (n) order by m.g"
    made: asyncio.Queue[bytes | None] = asyncio.Queue(64)

    async def make_all() -> None:
        await one.copy_from_query(query, output=made.put, format="binary")
        await made.put(None)

    async def all_made() -> AsyncIterator[bytes]:
        while (data := await made.get()) is not None:
            yield data

    async with other.transaction():
        await other.execute("truncate router.cases")  # only in a table that is new or empty PostgreSQL may freeze
        async with asyncio.TaskGroup() as both:
            both.create_task(make_all())
            await other.copy_to_table(
                "cases", schema_name="router", columns=list(columns), source=all_made(), format="binary", freeze=True
            )


_SEEDS = """
create unlogged table router.seeds as
    select row_number() over (order by opened_at, case_id) - 1 as n, c.* from router.cases c;
create unlogged table router.seeds_accounts as
    select s.n, a.* from router.accounts a join router.seeds s using (case_id);
create unlogged table router.seeds_timers as
    select s.n, t.* from router.timers t join router.seeds s using (case_id);
alter table router.history disable trigger history_stays;
truncate router.history, router.accounts, router.timers, router.outbox, router.evidence;
alter table router.history enable trigger history_stays;"""
_MULTIPLIED = f"""
create unlogged table router.multiplied as
select g, g::bigint * {{lives}} / {{cases}} as n, md5('case ' || g)::uuid as case_id,
    lpad((1 + g % {LAST_NUMBER})::text, 5, '0') as sequence,
    round(({WEST} + ({EAST} - {WEST}) * (random() + random()) / 2)::numeric, 6) as lon,
    round(({SOUTH} + ({NORTH} - {SOUTH}) * (random() + random()) / 2)::numeric, 6) as lat
from (select setseed(0.412)) seed, generate_series(0, {{cases}} - 1) g"""
_OWN = {
    "case_id": "m.case_id", "lon": "m.lon::float8", "lat": "m.lat::float8",
    "case_number": "left(s.case_number, 14) || m.sequence",
    "body": f"""
        replace(replace(replace(replace(s.body, s.case_id::text, m.case_id::text),
            '{MARKED[0]}', m.lon::text), '{MARKED[1]}', m.lat::text),
            coalesce(s.case_number, ' '), coalesce(left(s.case_number, 14) || m.sequence, ' '))""",
}  # fmt: skip
_MORE = """
insert into router.{table} ({names})
select {values} from router.multiplied m join router.seeds_{table} s using (n) order by m.g"""
_REPORTS = """
insert into router.reports (report_id, case_id, body_digest)
select md5('report ' || g)::uuid, case_id, repeat(md5(g::text), 2) from router.multiplied order by g;"""
_HISTORY = """
insert into router.history (case_id, line, seq, at, kind, actor, body, hash)
select m.case_id, 1, 1, s.opened_at, 'case.opened', 'router', '{}', s.chain
from router.multiplied m join router.seeds s using (n) order by m.g;"""
"""Only a first short line of each, which is enough for an index of as many cases."""
_NUMBERS = f"""
insert into router.numbers (district, day, last)
select distinct district, (opened_at + interval '8 hours')::date, {LAST_NUMBER}
from router.seeds where district is not null"""
_WRITABLE = """
select attname as name from pg_attribute
where attrelid = $1::regclass and attnum > 0 and attgenerated = '' and not attisdropped order by attnum"""
_INDEXES = """
select case when c.oid is null then format('drop index router.%I', i.relname)
            else format('alter table router.%I drop constraint %I', t.relname, c.conname) end as gone,
       case when c.oid is null then pg_get_indexdef(i.oid)
            else format('alter table router.%I add constraint %I %s', t.relname, c.conname, pg_get_constraintdef(c.oid))
       end as again
from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
left join pg_constraint c on c.conindid = i.oid and c.contype in ('p', 'u')
where t.relnamespace = 'router'::regnamespace
    and t.relname in ('cases', 'reports', 'history', 'accounts', 'timers')"""
