"""A calendar that has changed: open deadlines are made anew by an event each, once, and only where they move."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

import orjson
from prometheus_client import REGISTRY

from services.router import ledger_calendar
from services.router.act import Door
from services.router.clocks import WorkingCalendar
from services.router.rounds import make_round
from services.router.rounds_calendar import Walk, follow_calendar, reschedule_all
from tests.router.conftest import CITY, SHANGHAI, hour
from tests.router.desk import BLOCKED_DRAIN, POTHOLE, another, brought_to, case_of, later, reported, standing
from tests.router.http import CENTRE, ROADS, Caller
from tests.router.test_stuck import break_code, mend

WEDNESDAY, THURSDAY = date(2026, 11, 25), date(2026, 11, 26)


def in_a_city_with(door: Door, days: Mapping[date, bool]) -> Door:
    """The door of a process whose pack says of these days whether people work."""
    known = CITY.calendar
    overrides = {**known.overrides, **days}
    calendar = WorkingCalendar(known.periods, overrides, known.utc_offset, known.seasons)
    return replace(door, city=replace(door.city, calendar=calendar))


async def rescheduled(door: Door) -> list[str]:
    """The cases that were rescheduled, as it lies in the outbox, in its order."""
    rows = await door.database.fetch("select key, headers from router.outbox order by id")
    return [row["key"].decode() for row in rows if orjson.loads(row["headers"])["ce_type"] == "case.rescheduled"]


async def follow_until(door: Door, provisional: int) -> None:
    """Runs the part of the service that follows the calendar until it shows so many provisional deadlines."""
    stopping = asyncio.Event()
    following = asyncio.create_task(follow_calendar(door, stopping))
    async with asyncio.timeout(10):
        while REGISTRY.get_sample_value("router_provisional_deadlines") != provisional:
            await asyncio.sleep(0.01)
    stopping.set()
    await following


async def deadlines(call: Caller, *numbers: int) -> list[str]:
    return [(await call.case(case_of(number)))["deadline"] for number in numbers]


async def test_a_new_holiday_moves_the_deadlines_behind_it_once_and_no_other(door: Door, call: Caller) -> None:
    await reported(door, 1, category=POTHOLE)  # due on Wednesday at 10:00
    await reported(door, 2, category=POTHOLE)  # extended, due on Thursday at 10:00
    await call.done(ROADS, case_of(2), "accept", generation=1)
    await call.done(ROADS, case_of(2), "extend", generation=1, reason="weather", note="大雪")
    await call.done(CENTRE, case_of(2), "approve", generation=1, request="extension")
    await reported(door, 3)  # by the hour
    await reported(door, 4, category=BLOCKED_DRAIN)  # due on Tuesday at 16:00
    await brought_to(door, call, "held", 5)
    await brought_to(door, call, "handled", 6)
    assert await reschedule_all(door)
    assert [] == await rescheduled(door)
    before = await deadlines(call, 3, 4, 6)

    holiday = in_a_city_with(door, {WEDNESDAY: False})
    assert await reschedule_all(holiday)
    moved = await rescheduled(door)
    after = await standing(door)
    assert await reschedule_all(holiday)

    assert sorted([case_of(1), case_of(2)]) == sorted(moved)
    assert ["2026-11-26T10:00:00+08:00", "2026-11-27T10:00:00+08:00"] == await deadlines(call, 1, 2)
    assert before == await deadlines(call, 3, 4, 6)
    assert (moved, after) == (await rescheduled(door), await standing(door))
    assert holiday.city.calendar.version == await ledger_calendar.followed(door.database)
    last = (await call.case(case_of(1)))["history"][-1]
    assert ("case.rescheduled", "clock") == (last["event"], last["by"])


async def test_the_steps_the_figures_and_the_lists_follow_the_new_deadline(door: Door, call: Caller) -> None:
    await reported(door, 1, category=POTHOLE)
    await call.done(ROADS, case_of(1), "accept", generation=1)
    holiday = in_a_city_with(door, {WEDNESDAY: False})
    await reschedule_all(holiday)
    later(door, days=1, hours=1)
    rung = await make_round(holiday)
    overdue = await call.items(CENTRE, "/v1/overdue")
    due = [
        len(await call.items(CENTRE, "/v1/accountability", since=since, until=until))
        for since, until in (("2026-11-25", "2026-11-26"), ("2026-11-26", "2026-11-27"))
    ]

    assert (0, [], [0, 1]) == (rung, overdue, due)
    later(door, days=1)
    assert 1 == await make_round(holiday)
    assert [case_of(1)] == [item["case_id"] for item in await call.items(CENTRE, "/v1/overdue")]


async def test_a_make_up_day_brings_deadlines_forward_and_a_revoked_holiday_back(door: Door, call: Caller) -> None:
    hour(door).at = datetime(2026, 11, 27, 17, tzinfo=SHANGHAI)  # a Friday
    await reported(door, 1, category=POTHOLE)
    await reschedule_all(door)
    first = await deadlines(call, 1)
    await reschedule_all(in_a_city_with(door, {date(2026, 11, 28): True}))
    second = await deadlines(call, 1)
    await reschedule_all(door)

    assert (["2026-11-30T17:00:00+08:00"], ["2026-11-28T17:00:00+08:00"]) == (first, second)
    assert first == await deadlines(call, 1)
    assert [case_of(1)] * 2 == await rescheduled(door)


async def test_a_suspended_case_is_left_alone_and_resumes_by_the_new_calendar(door: Door, call: Caller) -> None:
    await brought_to(door, call, "suspended")  # four working hours are left
    holiday = in_a_city_with(door, {WEDNESDAY: False, THURSDAY: False})
    await reschedule_all(holiday)
    moved = await rescheduled(door)
    hour(door).at = hour(door).at.replace(day=27, hour=17)
    await make_round(holiday)  # late: the suspension ended at 10:00 all the same

    assert [] == moved
    assert ["2026-11-27T16:00:00+08:00"] == await deadlines(call, 1)


async def test_two_processes_that_follow_a_new_calendar_at_once_move_each_deadline_once(
    door: Door, call: Caller, service_url: Callable[[str], str]
) -> None:
    numbers = range(1, 231)  # more than are moved in one transaction
    await reported(door, *numbers, category=POTHOLE)
    await reschedule_all(door)
    holiday = in_a_city_with(door, {WEDNESDAY: False})
    other = another(holiday, service_url("router"))
    await other.database.open()
    assert [True, True, True] == await asyncio.gather(*(reschedule_all(d) for d in (holiday, other, holiday)))
    await other.database.close()

    assert sorted(case_of(n) for n in numbers) == sorted(await rescheduled(door))
    assert {"2026-11-26T10:00:00+08:00"} == set(await deadlines(call, 1, 115, 230))


async def test_what_was_cut_short_is_done_again_from_the_beginning_and_moves_only_the_rest(
    door: Door, call: Caller
) -> None:
    await reported(door, 1, category=POTHOLE)
    await reschedule_all(door)
    holiday = in_a_city_with(door, {WEDNESDAY: False})
    await reschedule_all(holiday)
    await ledger_calendar.follow(door.database, door.city.calendar.version)  # as if the end had not been reached
    await reported(door, 2, category=POTHOLE)
    await reschedule_all(holiday)

    assert [case_of(1), case_of(2)] == await rescheduled(door)


async def test_a_case_that_fails_by_itself_is_moved_later_and_the_others_at_once(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, 3, category=POTHOLE)
    await reschedule_all(door)
    await break_code(door, [case_of(2)])
    holiday, walk = in_a_city_with(door, {WEDNESDAY: False}), Walk()
    first = await reschedule_all(holiday, walk)
    moved = await rescheduled(door)
    shown = REGISTRY.get_sample_value("router_reschedules_stuck")
    early = await reschedule_all(holiday, walk)
    await mend(door, [case_of(2)])
    later(door, seconds=1)
    second = await reschedule_all(holiday, walk)

    assert (False, 1, False, True) == (first, shown, early, second)
    assert sorted([case_of(1), case_of(3)]) == sorted(moved)
    assert [*moved, case_of(2)] == await rescheduled(door)
    assert holiday.city.calendar.version == await ledger_calendar.followed(door.database)
    assert 0 == REGISTRY.get_sample_value("router_reschedules_stuck")


async def test_deadlines_beyond_the_published_calendar_are_counted_until_it_is_published(
    door: Door, call: Caller
) -> None:
    hour(door).at = datetime(2026, 12, 30, 17, tzinfo=SHANGHAI)  # a Wednesday
    await reported(door, 1, category=POTHOLE)  # due on Thursday
    await reported(door, 2, category="C0219")  # five working days: into January
    counted = await ledger_calendar.provisional(door.database)
    provisional = [(await call.case(case_of(n)))["deadline_provisional"] for n in (1, 2)]
    before = await deadlines(call, 1, 2)
    await follow_until(door, 1)
    days = [date(2027, 1, 1) + timedelta(days=n) for n in range(31)]
    await follow_until(in_a_city_with(door, {day: day.weekday() < 5 and day.day > 4 for day in days}), 0)

    assert (1, [False, True]) == (counted, provisional)
    assert ([case_of(2)], 0) == (await rescheduled(door), await ledger_calendar.provisional(door.database))
    # Without a notice New Year's Day is a holiday by law; the notice makes the Monday after it a day off as well.
    assert [before[0], "2027-01-08T17:00:00+08:00"] == await deadlines(call, 1, 2)
    assert "2027-01-07T17:00:00+08:00" == before[1]
