"""Repetitions pass in an environment that refuses everything new: they are no evidence against a good record."""

from collections.abc import Sequence
from typing import Any

import pytest

from chassis.kafka.batch import Batch
from chassis.kafka.parking import Aside
from chassis.kafka.suspects import TRIES
from chassis.postgres.pool import Connection
from chassis.postgres.written import tables_written
from tests.chassis.test_fence import Owner, positions, records
from tests.chassis.trial import Trial

ADD = "insert into {name}.seen (id, times) select unnest($1::int[]), 1 on conflict do nothing"
UNSEEN = "select n from unnest($1::int[]) n where not exists (select from {name}.seen where id = n)"
BREAKS = {
    "a check": (
        "alter table {name}.seen add constraint closed check (id < 10) not valid",
        "alter table {name}.seen drop constraint closed",
    ),
    "a foreign key": (
        "create table {name}.towns (id int primary key);"
        "alter table {name}.seen add constraint closed foreign key (id) references {name}.towns not valid",
        "alter table {name}.seen drop constraint closed",
    ),
    "a check at the commit": (
        "create table {name}.towns (id int primary key);"
        "alter table {name}.seen add constraint closed foreign key (id) references {name}.towns"
        " deferrable initially deferred not valid",
        "alter table {name}.seen drop constraint closed",
    ),
    "a trigger": (
        "create function {name}.refuse() returns trigger language plpgsql as"
        " $$ begin raise exception using errcode = '23514'; end $$;"
        "create trigger closed after insert on {name}.seen for each row execute function {name}.refuse()",
        "drop trigger closed on {name}.seen",
    ),
}
"""What refuses every new row, and how it is taken back."""


class Keeper(Owner):
    """A consumer that keeps each number once: by looking first, or by leaving it to the database."""

    looks_first = False

    def __post_init__(self) -> None:
        super().__post_init__()
        parking: Any = self.parked
        trial = self.trial
        self.batch = Batch(trial.source, trial.database, trial.read, self._keep, parking, self._ends)

    async def _keep(self, connection: Connection, pairs: Sequence[tuple[Any, int]]) -> Sequence[Aside]:
        numbers = [number for _, number in pairs]
        if self.looks_first:
            rows = await connection.fetch(UNSEEN.format(name=self.trial.name), numbers)
            numbers = [row["n"] for row in rows]
        if numbers:
            await connection.execute(ADD.format(name=self.trial.name), numbers)
        return []


@pytest.mark.parametrize(
    ("what", "looks_first"),
    [
        ("a check", True),
        ("a foreign key", False),
        ("a check at the commit", True),
        ("a trigger", False),
    ],
)
async def test_what_refuses_all_that_is_new_parks_no_good_record_while_repetitions_pass(
    trial: Trial, what: str, looks_first: bool
) -> None:
    broken, healed = (sql.format(name=trial.name) for sql in BREAKS[what])
    keeper = Keeper(trial)
    keeper.looks_first = looks_first
    await keeper.settle(*records(trial, 0, [1, 2, 3]))
    await trial.database.execute(broken)
    good = records(trial, 0, [10, 1, 2, 11, 3], first=3)
    for n in range(TRIES + 1):
        await keeper.settle(*good, *records(trial, 1, [1, 2, 3], first=3 * n))
    refused = await trial.rows(), len(keeper.parked.asides)
    await trial.database.execute(healed)
    await keeper.settle(*good)

    assert ({1: 1, 2: 1, 3: 1}, 0) == refused
    assert {1: 1, 2: 1, 3: 1, 10: 1, 11: 1} == await trial.rows()
    assert [] == keeper.parked.asides


async def test_among_repetitions_one_new_record_is_evidence_enough(trial: Trial) -> None:
    keeper = Keeper(trial)
    await keeper.settle(*records(trial, 0, [1, 2]))
    await trial.database.execute(f"alter table {trial.name}.seen add constraint small check (id < 100)")
    bad = records(trial, 0, [100, 1, 2], first=2)
    for n in range(TRIES):
        await keeper.settle(*bad, *records(trial, 1, [1, 2, 20 + n], first=3 * n))

    assert [("spoiled", 2)] == [(aside.reason, aside.record.offset) for aside in keeper.parked.asides]
    assert {0: 5, 1: 3 * TRIES} == await positions(trial)


async def test_rows_that_are_locked_kept_as_they_are_or_rolled_back_are_not_written(trial: Trial) -> None:
    seen = f"{trial.name}.seen"
    found = []
    for sql in (
        f"insert into {seen} (id, times) values (1, 1)",
        f"insert into {seen} (id, times) values (1, 1) on conflict do nothing",
        f"select from {seen} for update",
        f"update {seen} set times = 2 where id = 9",
        f"with w as (update {seen} set times = 2 where id = 1) select",
        f"delete from {seen}",
    ):
        async with trial.database.transaction() as connection, tables_written(connection, trial.name) as written:
            await connection.execute(sql)
        found.append(written)

    assert [{"insert seen"}, set(), set(), set(), {"update seen"}, set()] == found
