"""Migrations on a real PostgreSQL: once only, however many run them; whole or not at all."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from chassis.postgres.migrations import migrate

PATIENCE = 40.0
REVISION = '''"""Trial."""

from alembic import op

revision, down_revision, branch_labels, depends_on = "{revision}", {after}, None, None


def upgrade() -> None:
    for statement in {statements!r}:
        op.execute(statement)
'''


class Trial:
    """A schema and a folder of revisions of one test's own."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.schema = f"migrate_{uuid.uuid4().hex[:8]}"

    def revise(self, number: int, *statements: str) -> None:
        after = repr(f"{number - 1:04}") if number > 1 else "None"
        text = REVISION.format(
            revision=f"{number:04}", after=after, statements=[s.format(s=self.schema) for s in statements]
        )
        (self.folder / f"{number:04}_trial.py").write_text(text, "utf-8")

    def migrate(self) -> str:
        return migrate(self.url, self.schema, self.folder)

    def ask(self, sql: str) -> list[Any]:
        async def answer() -> list[Any]:
            connection = await asyncpg.connect(self.url)
            try:
                return [row[0] for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(answer())

    def tables(self) -> list[str]:
        return self.ask(f"select tablename::text from pg_tables where schemaname = '{self.schema}' order by 1")


@pytest.fixture
def trial(database_url: str, tmp_path: Path) -> Trial:
    made = Trial(database_url, tmp_path)
    made.ask(f"create schema {made.schema}")
    return made


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def test_what_is_missing_is_run_in_its_order_and_nothing_twice(trial: Trial) -> None:
    trial.revise(1, "create table {s}.ran (revision text)", "insert into {s}.ran values ('1')")
    first = trial.migrate()
    trial.revise(2, "insert into {s}.ran values ('2')")
    trial.revise(3, "insert into {s}.ran values ('3')")
    second, third = trial.migrate(), trial.migrate()

    assert ("0001", "0003", "0003") == (first, second, third)
    assert ["1", "2", "3"] == trial.ask(f"select revision from {trial.schema}.ran")
    assert ["alembic_version", "ran"] == trial.tables()


def test_two_at_once_end_well_and_migrate_once_only(trial: Trial, threads: ThreadPoolExecutor) -> None:
    trial.ask(f"create table {trial.schema}.gate ()")
    trial.revise(
        1, "lock table {s}.gate", "create table {s}.ran (revision text)", "insert into {s}.ran values ('1')"
    )  # whoever migrates is held up at the gate, and everybody else behind it

    both: list[Future[str]] = asyncio.run(_with_gate_closed(trial, lambda: threads.submit(trial.migrate)))
    wait(both, PATIENCE)

    assert ["0001", "0001"] == [future.result(0) for future in both]
    assert ["1"] == trial.ask(f"select revision from {trial.schema}.ran")


async def _with_gate_closed(trial: Trial, start: Callable[[], "Future[str]"]) -> list["Future[str]"]:
    """Starts two, and opens the gate once both wait for something."""
    keeper = await asyncpg.connect(trial.url)
    watcher = await asyncpg.connect(trial.url)
    try:
        async with keeper.transaction():
            await keeper.execute(f"lock table {trial.schema}.gate")
            both = [start(), start()]
            async with asyncio.timeout(PATIENCE):
                while 2 > await watcher.fetchval(
                    "select count(*) from pg_stat_activity"
                    " where wait_event_type = 'Lock' and datname = current_database()"
                ):
                    await asyncio.sleep(0.02)
    finally:
        await keeper.close()
        await watcher.close()
    return both


def test_a_revision_that_fails_leaves_nothing_behind_and_can_be_mended(trial: Trial) -> None:
    trial.revise(1, "create table {s}.one (number int)")
    trial.revise(2, "create table {s}.two (number int)", "select 1 / 0")
    with pytest.raises(DBAPIError, match="division by zero"):
        trial.migrate()
    left = trial.tables()
    trial.revise(2, "create table {s}.two (number int)", "select 1 / 1 as mended")

    assert ("0002", []) == (trial.migrate(), left)
    assert ["alembic_version", "one", "two"] == trial.tables()


def test_a_migration_whose_session_is_cut_off_ends_and_leaves_nothing_behind(
    trial: Trial, threads: ThreadPoolExecutor
) -> None:
    trial.revise(1, "create table {s}.one (number int)", "select pg_sleep(63)")
    cut = threads.submit(trial.migrate)
    deadline = time.monotonic() + PATIENCE
    while [True] != trial.ask(
        "select bool_or(pg_terminate_backend(pid, 5000)) from pg_stat_activity where query = 'select pg_sleep(63)'"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(DBAPIError):
        cut.result(PATIENCE)

    assert [] == trial.tables()


def test_what_was_migrated_before_stays_when_a_later_revision_fails(trial: Trial) -> None:
    trial.revise(1, "create table {s}.one (number int)")
    trial.migrate()
    trial.revise(2, "drop table {s}.one", "select 1 / 0")
    with pytest.raises(DBAPIError, match="division by zero"):
        trial.migrate()

    assert ["alembic_version", "one"] == trial.tables()
    assert ["0001"] == trial.ask(f"select version_num from {trial.schema}.alembic_version")
