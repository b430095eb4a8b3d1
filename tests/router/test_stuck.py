"""A case that cannot be worked delays only itself: all other timers take effect, and its own when it can be again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from chassis.postgres.halving import MAX_FAILURES
from chassis.postgres.pool import Unavailable
from chassis.setbacks import LONGEST_WAIT, Setbacks
from services.router.act import Door
from services.router.rounds import MAX_AGAIN, make_round, ring_due_timers
from tests.router.conftest import Lines, hour
from tests.router.desk import case_of, later, reported
from tests.router.test_rounds import STEPS, rung

SET_ASIDE = "update router.cases set body = '{}' || body where case_id = any($1::uuid[])"
"""Stored like this, our own code raises when it reads the case."""
BRING_BACK = "update router.cases set body = substr(body, 3) where case_id = any($1::uuid[])"
REFUSE = """create function router.refuse() returns trigger language plpgsql as $$ begin
    raise exception 'no more of %', new.body using errcode = '23514'; end $$"""

Break = Callable[[Door, list[str]], Awaitable[None]]


async def break_rows(door: Door, case_ids: list[str]) -> None:
    """PostgreSQL refuses every further line of history of these cases with a violated constraint."""
    them = ", ".join(f"'{case_id}'" for case_id in case_ids)
    await door.database.execute(REFUSE)
    await door.database.execute(
        f"""create trigger refuse before insert on router.history for each row when (new.case_id in ({them}))
            execute function router.refuse()"""
    )


async def break_code(door: Door, case_ids: list[str]) -> None:
    await door.database.execute(SET_ASIDE, case_ids)


async def mend(door: Door, case_ids: list[str]) -> None:
    await door.database.execute("drop function if exists router.refuse() cascade")
    await door.database.execute(BRING_BACK.replace("where", "where body like '{}%' and"), case_ids)


@pytest.fixture(autouse=True)
async def whole_again(door: Door) -> AsyncIterator[None]:
    """The schema is the next test's as well."""
    yield
    await door.database.execute("drop function if exists router.refuse() cascade")


def shown() -> float | None:
    return REGISTRY.get_sample_value("router_timers_stuck")


async def fired(door: Door, *numbers: int) -> list[int]:
    """For each report's case, how many steps have taken effect."""
    return [len(await rung(door, number)) for number in numbers]


@pytest.mark.parametrize("broken", [break_rows, break_code])
async def test_a_case_that_cannot_be_worked_delays_only_itself_and_fires_once_when_it_can_be(
    broken: Break, door: Door, lines: Lines
) -> None:
    stuck: Setbacks[UUID] = Setbacks()
    await reported(door, *range(1, 8))
    await broken(door, [case_of(3)])
    before = await door.database.fetch("select at from router.timers where case_id = $1 order by stage", case_of(3))
    later(door, days=10)
    await make_round(door, stuck)
    others, gauge = await fired(door, 1, 2, 3, 4, 5, 6, 7), shown()
    told = [line for line in lines if line["event"] == "timers.stuck"]
    await make_round(door, stuck)  # too early for another try
    later(door, seconds=1)
    await make_round(door, stuck)
    after = await door.database.fetch("select at from router.timers where case_id = $1 order by stage", case_of(3))
    await mend(door, [case_of(3)])
    later(door, seconds=1)
    await make_round(door, stuck)  # two seconds after the second failure
    early = await fired(door, 3)
    later(door, seconds=1)
    await make_round(door, stuck)
    await make_round(door, stuck)

    assert ([8, 8, 0, 8, 8, 8, 8], 1) == (others, gauge)
    assert before == after
    assert [(1, [case_of(3)], 1)] == [(line["cases"], line["case_ids"], line["again_in_s"]) for line in told]
    assert "井盖" not in str(told)
    assert [0] == early
    assert [STEPS, STEPS] == [
        [step for of, step in await rung(door, 3) if of == stage] for stage in ("accept", "handle")
    ]
    assert [8] * 7 == await fired(door, *range(1, 8))
    assert (0, 0) == (shown(), len(stuck))


async def test_more_stuck_cases_than_a_round_holds_starve_nobody_and_each_fires_in_the_end(door: Door) -> None:
    stuck: Setbacks[UUID] = Setbacks()
    await reported(door, *range(1, 13))
    await break_code(door, [case_of(n) for n in range(1, 13)])
    later(door, minutes=1)
    await reported(door, 13, 14)
    later(door, days=10)
    for _ in range(8):  # each looks at two cases; those that are stuck have come due first
        await make_round(door, stuck, limit=4)
    others = await fired(door, 13, 14)
    later(door, days=1)
    again = await make_round(door, stuck, limit=4)  # all may be tried again
    await mend(door, [case_of(n) for n in range(1, 13)])
    later(door, seconds=LONGEST_WAIT.total_seconds())
    first = await make_round(door, stuck, limit=4)
    while await make_round(door, stuck, limit=4):
        continue

    assert ([8, 8], 0, 2 * MAX_AGAIN) == (others, again, first)
    assert [8] * 14 == await fired(door, *range(1, 15))


async def test_a_bug_that_meets_every_case_blames_a_few_and_rings_all_of_them_once_it_is_gone(
    door: Door, lines: Lines
) -> None:
    stuck: Setbacks[UUID] = Setbacks()
    numbers = range(1, MAX_FAILURES + 11)
    await reported(door, *numbers)
    await break_code(door, [case_of(n) for n in numbers])
    later(door, days=10)
    lines.clear()
    rounds = [await make_round(door, stuck), len(stuck), await make_round(door, stuck), len(stuck)]
    told = [line for line in lines if line["log_level"] == "error"]
    await mend(door, [case_of(n) for n in numbers])
    later(door, days=1)
    while await make_round(door, stuck):
        continue

    assert [0, MAX_FAILURES, 0, MAX_FAILURES + 10] == rounds
    assert [MAX_FAILURES, 10] == [line["cases"] for line in told]
    assert [8] * len(numbers) == await fired(door, *numbers)


async def test_what_the_environment_causes_is_waited_out_and_blames_no_case(door: Door) -> None:
    stuck: Setbacks[UUID] = Setbacks()
    await reported(door, 1, 2)
    later(door, days=10)
    await door.database.execute("alter table router.history rename column hash to hashed")
    try:
        with pytest.raises(Unavailable):
            await make_round(door, stuck)
    finally:
        await door.database.execute("alter table router.history rename column hashed to hash")
    blamed = len(stuck)
    while await make_round(door, stuck):
        continue

    assert (0, [8, 8]) == (blamed, await fired(door, 1, 2))


async def test_the_part_of_the_process_that_makes_rounds_survives_a_case_that_breaks_it(door: Door) -> None:
    stopping = asyncio.Event()
    await reported(door, 1, 2)
    await break_code(door, [case_of(1)])
    later(door, days=10)
    ringing = asyncio.create_task(ring_due_timers(door, stopping))
    async with asyncio.timeout(15):
        while await fired(door, 2) != [8]:
            await asyncio.sleep(0.01)
        await mend(door, [case_of(1)])
        hour(door).at += timedelta(seconds=2)
        while await fired(door, 1) != [8]:
            await asyncio.sleep(0.01)
    stopping.set()
    await ringing

    assert [8, 8] == await fired(door, 1, 2)
