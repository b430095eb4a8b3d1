"""Rounds of the clock on a real ledger: each step fires once, whoever races, and never for a case that moved on."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from prometheus_client import REGISTRY

from schemas.ids import case_id_of
from services.router import ledger_reads
from services.router.act import Ask, Door, act
from services.router.commands import Return
from services.router.rounds import make_round
from services.router.rounds_overdue import Overdue
from tests.router.conftest import hour, report
from tests.router.desk import (
    BLOCKED_DRAIN,
    POTHOLE,
    another,
    beside,
    brought_to,
    case_of,
    disputed,
    later,
    reported,
    taken,
)
from tests.router.http import CENTRE, DRAINS, STRANGER, Caller

CASE = case_id_of(report(1).report_id)
STEPS = ["warning", "due", "twice", "thrice"]


async def rung(door: Door, number: int = 1) -> list[tuple[str, str]]:
    """Stage and step of every escalation by the clock, in order."""
    lines = await ledger_reads.history(door.database, case_id_of(report(number).report_id))
    return [
        (x["body"]["stage"], x["body"]["step"]) for x in lines if x["event"] == "case.escalated" and x["body"]["step"]
    ]


async def all_rounds(*doors: Door) -> None:
    """Rounds of all of them at once, until nothing is due."""
    while sum(await asyncio.gather(*(make_round(door) for door in doors))):
        continue


async def timers(door: Door) -> list[tuple[Any, ...]]:
    rows = await door.database.fetch("select stage, generation, step from router.timers order by stage, case_id")
    return [tuple(row) for row in rows]


async def give_back(door: Door, number: int = 1) -> None:
    async with door.database.transaction() as connection:
        back = Return("platform:P016", "P016", 1, "not_ours", "不在管辖范围")
        await act(connection, door, [Ask(case_id_of(report(number).report_id), back)], door.now())


async def test_nothing_fires_early(door: Door) -> None:
    await reported(door, 1)
    later(door, minutes=95)

    assert await make_round(door) == 0


async def test_every_step_of_both_stages_fires_once_however_many_rounds_race(door: Door) -> None:
    await reported(door, *range(1, 40))
    later(door, days=30)
    await all_rounds(door, door, door, door)

    assert [
        (stage, step) for stage in ("accept", "handle") for step in ("due", "thrice", "twice", "warning")
    ] == sorted(await rung(door))
    assert [] == await timers(door)


async def test_rounds_of_two_processes_fire_each_step_of_each_case_once(
    door: Door, service_url: Callable[[str], str]
) -> None:
    other = another(door, service_url("router"))
    await other.database.open()
    await reported(door, *range(1, 20))
    for _ in range(6):
        later(door, hours=1)
        await all_rounds(door, other, other)
    later(door, days=3)
    await all_rounds(door, other)
    await other.database.close()

    for number in range(1, 20):
        fired = await rung(door, number)
        assert [STEPS, STEPS] == [[step for of, step in fired if of == stage] for stage in ("accept", "handle")]


async def test_steps_that_came_due_while_nobody_was_there_fire_once_in_their_order(
    door: Door, service_url: Callable[[str], str]
) -> None:
    await reported(door, 1)
    later(door, minutes=100)
    await all_rounds(door)
    before = await rung(door)
    later(door, days=10)
    again = another(door, service_url("router"))  # the process that is started in place of the first one
    await again.database.open()
    await all_rounds(again)
    await again.database.close()
    fired = await rung(door)

    assert {("accept", "warning"), ("handle", "warning")} == set(before)
    assert [STEPS, STEPS] == [[step for of, step in fired if of == stage] for stage in ("accept", "handle")]
    lines = await ledger_reads.history(door.database, CASE)
    assert list(range(1, len(lines) + 1)) == [line["seq"] for line in lines]


async def test_how_late_the_clock_is_shows_while_no_round_is_made_and_ends_with_a_round(door: Door) -> None:
    overdue = Overdue(door.database, door.now)
    await reported(door, 1)
    early = await measured(overdue)
    later(door, days=1)
    late = await measured(overdue)
    await all_rounds(door)
    after = await measured(overdue)
    overdue.lose()

    assert (0, True, 0) == (early, late > 3600, after)
    assert shown_of_timers() is None


def shown_of_timers() -> float | None:
    return REGISTRY.get_sample_value("router_timer_overdue_seconds", {"schema": "router"})


async def measured(overdue: Overdue) -> float:
    await overdue.measure()
    shown = shown_of_timers()
    assert shown is not None
    return shown


async def test_a_clock_that_was_set_back_fires_nothing_a_second_time(door: Door) -> None:
    await reported(door, 1)
    later(door, minutes=100)
    await all_rounds(door)
    later(door, minutes=-90)
    early = await make_round(door)
    later(door, minutes=90)
    again = await make_round(door)
    later(door, minutes=20)
    await all_rounds(door)

    assert (0, 0) == (early, again)
    assert [("accept", "due"), ("accept", "warning"), ("handle", "due"), ("handle", "warning")] == sorted(
        await rung(door)
    )


async def test_the_centres_own_clocks_of_filing_and_checking_fire_each_step_once(
    door: Door, call: Caller, service_url: Callable[[str], str]
) -> None:
    other = another(door, service_url("router"))
    await other.database.open()
    await brought_to(door, call, "held", 1)
    await brought_to(door, call, "handled", 2)
    await brought_to(door, call, "bounced", 3)
    await call.done("ssp_platform_P002", case_of(3), "return", generation=2, reason="not_ours", note="不在管辖范围")
    waiting = await timers(door)
    moments: dict[str, datetime] = {}
    for _ in range(73):
        later(door, hours=1)
        await all_rounds(door, other)
        for step in STEPS:
            if ("check", step) in await rung(door, 2):
                moments.setdefault(step, hour(door).at)
    await other.database.close()

    assert [("check", 1, "warning"), ("reply", 0, "warning"), ("reply", 2, "warning")] == sorted(waiting)
    assert [("reply", step) for step in STEPS] == await rung(door, 1) == await rung(door, 3)
    assert [("check", step) for step in STEPS] == await rung(door, 2)
    # Handled at 10:00: 2 work_hour are over at 12:00, 80 % of them at 11:36, twice at 16:00, thrice at 18:00.
    assert [12, 12, 16, 18] == [moments[step].hour for step in STEPS]
    assert [] == await timers(door)


async def test_a_dispute_that_nobody_answers_is_pressed_for_and_an_answer_ends_that(door: Door, call: Caller) -> None:
    await brought_to(door, call, "closed")
    await taken(door, disputed(door, 1))
    await call.done(DRAINS, str(CASE), "handle", generation=2, text="再次疏通")
    await taken(door, disputed(door, 1), seq=1)
    later(door, days=1)
    await all_rounds(door)
    pressed = await rung(door)
    await call.done(CENTRE, str(CASE), "refuse", generation=2, request="dispute", reason="现场已核实完成")
    later(door, days=10)
    await all_rounds(door)

    assert [("reply", "warning"), ("reply", "due")] == pressed == await rung(door)


async def test_a_suspension_ends_once_however_many_rounds_race(
    door: Door, call: Caller, service_url: Callable[[str], str]
) -> None:
    other = another(door, service_url("router"))
    await other.database.open()
    for number in range(1, 12):
        await brought_to(door, call, "suspended", number)
    standing_still = await timers(door)
    later(door, days=3, hours=2)
    await asyncio.gather(*(make_round(d) for d in (door, other, door, other)))
    await all_rounds(door, other)
    await other.database.close()

    assert [("handle", 1, "resume")] * 11 == standing_still
    for number in range(1, 12):
        events = [line["event"] for line in (await call.case(case_of(number)))["history"]]
        assert ("accepted", 1) == ((await call.case(case_of(number)))["state"], events.count("case.resumed"))


async def test_what_was_due_before_an_act_takes_effect_before_it_and_a_timer_that_comes_later_counts_nothing(
    door: Door,
) -> None:
    await reported(door, 1)
    later(door, hours=3)
    await give_back(door)
    await make_round(door)
    due = [("accept", "warning"), ("handle", "warning"), ("accept", "due"), ("handle", "due")]
    lines = await ledger_reads.history(door.database, CASE)

    assert due == await rung(door)
    assert ["case.escalated"] * 4 + ["case.returned", "case.dispatched"] == [line["event"] for line in lines][3:]
    assert [("accept", 2, "warning"), ("handle", 2, "warning")] == await timers(door)


async def test_ten_days_of_outage_followed_by_an_acceptance_leave_no_step_out(door: Door, call: Caller) -> None:
    await brought_to(door, call, "dispatched")
    seen = f'"{(await call.case(str(CASE)))["seq"]}"'
    later(door, days=10)
    accepted = await call.act(DRAINS, str(CASE), "accept", seen=seen, generation=1)
    fired = await rung(door)

    assert (200, "accepted", "red") == (accepted.status_code, accepted.json()["state"], accepted.json()["light"])
    assert [STEPS, STEPS] == [[step for of, step in fired if of == stage] for stage in ("accept", "handle")]
    assert "case.accepted" == (await ledger_reads.history(door.database, CASE))[-1]["event"]


async def test_a_refused_act_lets_happen_what_was_due_and_that_of_a_stranger_does_not(door: Door, call: Caller) -> None:
    await brought_to(door, call, "dispatched")
    later(door, days=10)
    strange = await call.act(STRANGER, str(CASE), "accept", generation=1)
    nothing = await rung(door)
    refused = await call.act(DRAINS, str(CASE), "extend", generation=1, reason="weather", note="大雪")

    assert (404, [], 409) == (strange.status_code, nothing, refused.status_code)
    assert 8 == len(await rung(door))
    assert [] == await timers(door)


async def test_a_report_that_joins_after_an_outage_comes_after_what_was_due(door: Door) -> None:
    await reported(door, 1, category=POTHOLE)
    later(door, hours=23)
    await reported(door, 2, category=POTHOLE, place=beside(1))
    lines = await ledger_reads.history(door.database, CASE)

    assert [*["case.escalated"] * 5, "case.joined"] == [line["event"] for line in lines][3:]


async def test_what_joins_while_a_step_is_due_moves_no_clock(door: Door) -> None:
    await reported(door, 1, category=POTHOLE)
    before = await door.database.fetch("select * from router.timers order by stage")
    later(door, hours=1)
    await reported(door, 2, category=POTHOLE, place=beside(1))

    assert before == await door.database.fetch("select * from router.timers order by stage")


async def test_an_extension_moves_the_steps_that_have_not_fired(door: Door, call: Caller) -> None:
    await brought_to(door, call, "requesting")  # due at 16:00, with a warning at 15:12
    later(door, hours=5, minutes=30)
    await all_rounds(door)
    await call.done(CENTRE, str(CASE), "approve", generation=1, request="extension")  # due on Wednesday at 10:00
    later(door, hours=1)
    early = await make_round(door)
    later(door, hours=18)
    await all_rounds(door)

    assert 0 == early
    assert [("handle", "warning"), ("handle", "due")] == await rung(door)
    assert [("handle", 1, "twice")] == await timers(door)


async def test_an_act_and_a_round_that_meet_both_end(door: Door) -> None:
    await reported(door, *range(1, 30), category=BLOCKED_DRAIN)
    later(door, hours=3)
    await asyncio.gather(*(give_back(door, n) for n in range(1, 30)), *(make_round(door) for _ in range(3)))
    rows = await door.database.fetch("select distinct generation from router.cases")

    assert [2] == [row["generation"] for row in rows]


async def test_more_than_one_round_holds_is_rung_in_the_order_in_which_it_was_due(door: Door) -> None:
    await reported(door, *range(250, 450))
    later(door, minutes=1)
    await reported(door, *range(450, 500))
    later(door, hours=1, minutes=36)
    first = await make_round(door)
    late = [await rung(door, number) for number in range(450, 500)]
    await all_rounds(door)

    assert 200 <= first <= 400
    assert [[]] * 50 == late
    assert [2] * 50 == [len(await rung(door, number)) for number in range(450, 500)]
