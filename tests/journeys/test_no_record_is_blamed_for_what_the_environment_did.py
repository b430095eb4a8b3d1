"""A read-only server, missing rights, changed tables: every service waits, says so, and goes on; nothing is parked."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import asyncpg

from stack import parked
from tests.journeys.town import Town, until

TABLES = """select table_schema || '.' || table_name as name from information_schema.tables
    where table_schema in ('intake', 'router', 'notifier') and table_type = 'BASE TABLE'
      and table_name <> 'alembic_version' order by 1"""
CHANGED = {
    "intake": (
        "alter table intake.reports rename column app to app_of_yesterday",
        "alter table intake.reports rename column app_of_yesterday to app",
    ),
    "router": ("revoke insert on router.reports from router", "grant insert on router.reports to router"),
    "notifier": (
        "alter table notifier.reporters add constraint closed check (false) not valid",
        "alter table notifier.reporters drop constraint closed",
    ),
}
"""By service: what an operator does to it, and how he takes it back."""


async def _execute(database: str, statements: Sequence[str]) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("set default_transaction_read_only = off")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _tables(database: str) -> list[str]:
    connection = await asyncpg.connect(database)
    try:
        return [row["name"] for row in await connection.fetch(TABLES)]
    finally:
        await connection.close()


def alter(town: Town, *statements: str) -> None:
    asyncio.run(_execute(town.env["DATABASE_URL"], statements))


async def parked_now(kafka: str) -> int:
    return sum([len(await parked.read(kafka, topic)) for topic in ("reports", "cases", "notices")])


def pids(town: Town) -> dict[str, Any]:
    return {name: service.process and service.process.pid for name, service in town.system.services.items()}


@contextmanager
def reporting(town: Town, reports: list[str]) -> Iterator[None]:
    """Citizens report all the time; `reports` gets the ids that were answered 202."""
    ended = threading.Event()

    def report() -> None:
        while not ended.wait(0.2):
            reports.extend(town.reports(2))

    citizens = threading.Thread(target=report)
    citizens.start()
    try:
        yield
    finally:
        ended.set()
        citizens.join()


@contextmanager
def done(town: Town, do: Sequence[str], undo: Sequence[str]) -> Iterator[None]:
    """What an operator does, and takes back in the end."""
    alter(town, *do)
    try:
        yield
    finally:
        alter(town, *undo)


def read_only(town: Town) -> Any:
    """The whole server takes no writes, in new and in old sessions."""
    setting, reload = "default_transaction_read_only", "select pg_reload_conf()"
    return done(town, (f"alter system set {setting} = on", reload), (f"alter system reset {setting}", reload))


def changed(town: Town) -> Any:
    return done(town, [do for do, _ in CHANGED.values()], [undo for _, undo in CHANGED.values()])


def more_columns(town: Town) -> Any:
    """Every table has columns that today's code does not know, while it runs."""
    tables = asyncio.run(_tables(town.env["DATABASE_URL"]))
    added = "alter table {} add column later_text text, add column later_number int not null default 0"
    dropped = "alter table {} drop column later_text, drop column later_number"
    return done(town, [added.format(table) for table in tables], [dropped.format(table) for table in tables])


def all_are_red_then_reports_come_in(town: Town, reports: list[str]) -> None:
    for name in town.system.services:
        until(lambda name=name: not town.service(name).ready())  # type: ignore[misc]
    so_far = len(reports)
    until(lambda: len(reports) >= so_far + 12)


def all_are_green(town: Town) -> None:
    for name in town.system.services:
        town.ready(name)


def test_no_record_is_blamed_for_what_the_environment_did(town: Town) -> None:
    processes, parked_before = pids(town), asyncio.run(parked_now(town.env["KAFKA_BOOTSTRAP"]))
    reports = [town.report()]
    case = town.case(reports[0])
    with more_columns(town), reporting(town, reports):
        with read_only(town):
            all_are_red_then_reports_come_in(town, reports)
            refused = town.try_act(case["platform"], case, "accept")
        all_are_green(town)
        with changed(town):
            all_are_red_then_reports_come_in(town, reports)
        all_are_green(town)
    town.handle_all(reports)

    assert (503, True) == (refused.status_code, "Retry-After" in refused.headers)
    assert dict.fromkeys(reports, 1) == town.results(reports)
    assert parked_before == asyncio.run(parked_now(town.env["KAFKA_BOOTSTRAP"]))
    assert processes == pids(town)
