"""A failing record without a witness waits until an operator decides, and the decision is for this record alone."""

from chassis.kafka.suspects import TRIES
from chassis.postgres import failing
from chassis.postgres.failing import Decision, Place
from tests.chassis.test_fence import Owner, positions, records
from tests.chassis.trial import Trial

LI = Decision("li", "the photo's date is broken")


def place(trial: Trial, offset: int, partition: int = 0) -> Place:
    return Place(trial.name, trial.name, partition, offset)


async def decided(trial: Trial, offset: int, decision: Decision = LI) -> Decision | None:
    async with trial.database.connection() as connection:
        return await failing.decide(connection, place(trial, offset), decision)


async def waiting(trial: Trial) -> list[tuple[int, int, str, int]]:
    async with trial.database.connection() as connection:
        return await failing.waiting(connection, trial.name, trial.name)


async def noted(trial: Trial, offset: int, attempts: int = TRIES) -> Decision | None:
    async with trial.database.connection() as connection:
        return await failing.note(connection, place(trial, offset), "KeyError", attempts)


async def test_an_operator_parks_the_record_that_fails_and_no_other(trial: Trial) -> None:
    trial.broken = frozenset({1, 2})
    owner, bad = Owner(trial), records(trial, 0, [1, 2, 3])
    early = [(await owner.settle(*bad[:2]), owner.batch.suspects.told(), await decided(trial, 0)) for _ in range(2)]
    await owner.settle(*bad[:2])
    others = [await decided(trial, offset) for offset in (1, 2)]
    told, rows = owner.batch.suspects.told(), await waiting(trial)
    first, again = await decided(trial, 0), await decided(trial, 0, Decision("wang", "no"))
    for _ in range(TRIES):
        await owner.settle(*bad[:2])
    parked = [(aside.reason, aside.detail, aside.record.offset) for aside in owner.parked.asides]

    assert [None, None] == [decision for _, _, decision in early]
    assert "partition 0 waits at offset 0 (KeyError, 2 attempts)" == early[1][1]
    assert f"python -m stack parked aside {trial.name}.group 0 0 --by NAME --reason WHY" in str(told)
    assert ([None, None], [(0, 0, "KeyError", TRIES)]) == (others, rows)
    assert (LI, LI) == (first, again)
    assert [("by_operator", "li: the photo's date is broken", 0)] == parked
    assert [(0, 1, "KeyError", TRIES)] == await waiting(trial)
    assert {0: 1} == await positions(trial)


async def test_a_record_that_passes_after_all_is_worked_and_its_decision_is_gone(trial: Trial) -> None:
    trial.broken = frozenset({1})
    owner, one = Owner(trial), records(trial, 0, [1])
    for _ in range(TRIES):
        await owner.settle(*one)
    await decided(trial, 0)
    trial.broken = frozenset()
    await owner.settle(*one)

    assert ({1: 1}, []) == (await trial.rows(), owner.parked.asides)
    assert [] == await trial.database.fetch(f"select from {trial.name}.failing")


async def test_a_new_owner_of_the_partition_carries_the_decision_out(trial: Trial) -> None:
    trial.broken = frozenset({1})
    owner, heir, one = Owner(trial), Owner(trial), records(trial, 0, [1])
    for _ in range(TRIES):
        await owner.settle(*one)
    await decided(trial, 0)
    for _ in range(TRIES):
        await heir.settle(*one)
    await owner.settle(*one)

    assert (1, []) == (len(heir.parked.asides), owner.parked.asides)


async def test_a_decision_does_not_pass_to_the_next_record_nor_back_to_a_settled_one(trial: Trial) -> None:
    await noted(trial, 5)
    decided_5 = await decided(trial, 5), await noted(trial, 5)
    next_one = await noted(trial, 6), await noted(trial, 5)
    await trial.database.execute(f"insert into {trial.name}.positions values ('{trial.name}', 0, 6)")
    stale = await decided(trial, 5), await noted(trial, 5), await waiting(trial)

    assert (LI, LI) == decided_5
    assert (None, None) == next_one
    assert (None, None, []) == stale
