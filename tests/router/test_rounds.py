"""Rounds of the clock on a real ledger: each step fires once, whoever races, and never for a case that moved on."""

import asyncio
from datetime import timedelta

from schemas.ids import case_id_of
from services.router import ledger_reads
from services.router.act import Ask, Door, act
from services.router.commands import Return
from services.router.consumers import on_batch, read
from services.router.rounds import make_round
from tests.router.conftest import hour, record_of, report

CASE = case_id_of(report(1).report_id)


async def reported(door: Door, *numbers: int) -> None:
    async with door.database.transaction() as connection:
        await on_batch(connection, door, [(r, read(r)) for r in (record_of(report(n), n) for n in numbers)])


async def escalations(door: Door) -> list[tuple[str, str]]:
    lines = await ledger_reads.history(door.database, CASE)
    return [(line["body"]["stage"], line["body"]["step"]) for line in lines if line["event"] == "case.escalated"]


async def test_nothing_fires_early(door: Door) -> None:
    await reported(door, 1)
    hour(door).at += timedelta(minutes=95)

    assert await make_round(door) == 0


async def test_every_step_of_both_stages_fires_once_however_many_rounds_race(door: Door) -> None:
    await reported(door, *range(1, 40))
    hour(door).at += timedelta(days=30)
    while sum(await asyncio.gather(*(make_round(door) for _ in range(4)))):
        continue
    fired = await escalations(door)
    waiting = await door.database.fetch("select 1 from router.timers")

    assert [
        (stage, step) for stage in ("accept", "handle") for step in ("due", "thrice", "twice", "warning")
    ] == sorted(fired)
    assert waiting == []


async def test_a_timer_of_a_case_that_moved_on_counts_nothing(door: Door) -> None:
    await reported(door, 1)
    hour(door).at += timedelta(hours=3)
    async with door.database.transaction() as connection:
        back = Return("platform:P016", "P016", 1, "not_ours", "不在管辖范围")
        await act(connection, door, [Ask(CASE, back)], door.now())
    await make_round(door)
    timers = await door.database.fetch("select generation, step from router.timers where case_id = $1", CASE)

    assert await escalations(door) == []
    assert [(2, "warning"), (2, "warning")] == [(row["generation"], row["step"]) for row in timers]


async def test_an_act_and_a_round_that_meet_both_end(door: Door) -> None:
    await reported(door, *range(1, 30))
    hour(door).at += timedelta(hours=3)

    async def give_back(number: int) -> None:
        async with door.database.transaction() as connection:
            case_id = case_id_of(report(number).report_id)
            back = Return("platform:P016", "P016", 1, "not_ours", "不在管辖范围")
            await act(connection, door, [Ask(case_id, back)], door.now())

    await asyncio.gather(*(give_back(n) for n in range(1, 30)), *(make_round(door) for _ in range(3)))
    rows = await door.database.fetch("select distinct generation from router.cases")

    assert [2] == [row["generation"] for row in rows]
