"""Deadlines as tables, with every worked example of process.md section 2, and as laws: walking by the minute agrees."""

from datetime import date, datetime, timedelta
from functools import cache

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.case_event import ClockKind
from services.router.city import City
from services.router.clocks import Clock, Period, WorkingCalendar
from services.router.working_days import is_working_day, statutory_holidays
from tests.router.conftest import CITY, SHANGHAI
from tests.router.kernel import FRIDAY, MONDAY, SATURDAY, SUNDAY, on

MINUTE, MILLISECOND = timedelta(minutes=1), timedelta(milliseconds=1)
WORKING: list[ClockKind] = ["work_hour", "work_day"]
KINDS: list[ClockKind] = [*WORKING, "urgent_hour", "natural_day"]


@pytest.mark.parametrize(
    ("start", "kind", "amount", "deadline"),
    [
        (on(FRIDAY, "17:00"), "work_hour", 4, on(MONDAY, "11:00")),
        (on(FRIDAY, "17:00"), "work_day", 1, on(MONDAY, "17:00")),
        (on(SATURDAY, "10:00"), "work_day", 1, on(MONDAY, "18:00")),
        (on(FRIDAY, "23:30"), "urgent_hour", 2, on(SATURDAY, "01:30")),
        (on(FRIDAY, "17:00"), "natural_day", 2, on(SUNDAY, "17:00")),
        (on(FRIDAY, "12:30"), "work_hour", 1, on(FRIDAY, "15:00")),
        (on(FRIDAY, "08:00"), "work_hour", 4, on(FRIDAY, "12:00")),  # ends at the break, not after it
        (on(FRIDAY, "14:00"), "work_hour", 4, on(FRIDAY, "18:00")),
        (on(FRIDAY, "12:00"), "work_hour", 1, on(FRIDAY, "15:00")),  # a start at the break is the next opening
        (on(FRIDAY, "18:00"), "work_hour", 1, on(MONDAY, "09:00")),
        (on(FRIDAY, "00:00"), "work_hour", 1, on(FRIDAY, "09:00")),
        (on(SATURDAY, "10:00"), "work_hour", 0, on(SATURDAY, "10:00")),  # nothing is left of it
        (on(FRIDAY, "12:30"), "work_hour", 0, on(FRIDAY, "12:30")),
        (datetime(2020, 9, 30, 17, tzinfo=SHANGHAI), "work_day", 1, datetime(2020, 10, 9, 17, tzinfo=SHANGHAI)),
        (datetime(2020, 9, 26, 9, tzinfo=SHANGHAI), "work_hour", 1, datetime(2020, 9, 27, 9, tzinfo=SHANGHAI)),
        (datetime(2026, 12, 31, 17, tzinfo=SHANGHAI), "work_day", 1, datetime(2027, 1, 4, 17, tzinfo=SHANGHAI)),
        (datetime(2027, 2, 4, 17, tzinfo=SHANGHAI), "work_day", 1, datetime(2027, 2, 9, 17, tzinfo=SHANGHAI)),
        (datetime(2027, 9, 14, 17, tzinfo=SHANGHAI), "work_hour", 2, datetime(2027, 9, 16, 9, tzinfo=SHANGHAI)),
    ],
)
def test_a_clock_runs_out_where_the_process_says(
    city: City, start: datetime, kind: ClockKind, amount: float, deadline: datetime
) -> None:
    assert deadline == city.calendar.deadline(start, Clock(kind, amount))


@pytest.mark.parametrize(
    ("start", "end", "kind", "hours"),
    [
        (on(FRIDAY, "17:00"), on(MONDAY, "11:00"), "work_hour", 4),
        (on(FRIDAY, "17:00"), on(MONDAY, "17:00"), "work_day", 8),
        (on(FRIDAY, "18:00"), on(MONDAY, "08:00"), "work_hour", 0),
        (on(SATURDAY, "10:00"), on(SUNDAY, "10:00"), "work_day", 0),
        (on(FRIDAY, "11:00"), on(FRIDAY, "15:00"), "work_hour", 2),
        (on(FRIDAY, "23:30"), on(SATURDAY, "01:30"), "urgent_hour", 2),
        (on(FRIDAY, "17:00"), on(SUNDAY, "17:00"), "natural_day", 48),
        (on(MONDAY, "11:00"), on(FRIDAY, "17:00"), "work_hour", 0),  # the end comes first
        (on(MONDAY, "11:00"), on(FRIDAY, "17:00"), "urgent_hour", 0),
    ],
)
def test_between_two_instants_a_clock_counts_its_own_time(
    city: City, start: datetime, end: datetime, kind: ClockKind, hours: float
) -> None:
    assert hours * 3600 == city.calendar.seconds_between(start, end, kind)


def test_a_deadline_beyond_the_published_calendar_is_provisional(city: City) -> None:
    start = datetime(2026, 12, 31, 17, tzinfo=SHANGHAI)
    within = city.calendar.deadline(on(FRIDAY, "17:00"), Clock("work_day", 5))
    beyond = city.calendar.deadline(start, Clock("work_day", 5))

    assert not city.calendar.is_provisional(on(FRIDAY, "17:00"), within)
    assert city.calendar.is_provisional(start, beyond)


def test_the_citys_own_table_goes_before_the_library() -> None:
    always = (Period(0, 86_400, date(2000, 1, 1)),)
    closed = WorkingCalendar(always, {date(2026, 11, 23): False})

    assert on(MONDAY, "24:30") == closed.deadline(on(FRIDAY, "23:30"), Clock("work_hour", 1))


UNPUBLISHED = {
    date(year, month, day)
    for year, days in {
        2027: "1/1 2/5 2/6 2/7 2/8 4/5 5/1 5/2 6/9 9/15 10/1 10/2 10/3",
        2028: "1/1 1/25 1/26 1/27 1/28 4/4 5/1 5/2 5/28 10/1 10/2 10/3",
        2029: "1/1 2/12 2/13 2/14 2/15 4/4 5/1 5/2 6/16 9/22 10/1 10/2 10/3",
    }.items()
    for month, day in (map(int, text.split("/")) for text in days.split())
}
"""The statutory holidays, taken by hand from the perpetual calendar: New Year's Eve to the third day of the first lunar
month, Qingming, the fifth of the fifth, the fifteenth of the eighth."""


@cache
def is_open_on(day: date) -> bool:
    """Looked up plainly: the published calendar, else Monday to Friday without the statutory holidays."""
    try:
        return bool(chinese_calendar.is_workday(day))  # type: ignore[no-untyped-call]
    except NotImplementedError:
        return day.weekday() < 5 and day not in UNPUBLISHED


@pytest.mark.parametrize("year", [2027, 2028, 2029])
def test_statutory_holidays_apply_without_a_notice_and_are_provisional(year: int) -> None:
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    found = {day: is_working_day(day, {}) for day in days}

    assert {day for day in UNPUBLISHED if day.year == year} == statutory_holidays(year)
    assert {day: (is_open_on(day), True) for day in days} == found


@pytest.mark.parametrize("year", range(2008, 2027))
def test_what_the_law_gives_was_free_in_every_published_year(year: int) -> None:
    assert set() == {day for day in statutory_holidays(year) if is_working_day(day, {})[0]}


def test_the_citys_table_goes_before_the_law() -> None:
    new_year = date(2027, 1, 1)

    assert ((False, True), (True, False)) == (is_working_day(new_year, {}), is_working_day(new_year, {new_year: True}))


def is_open(at: datetime) -> bool:
    """Whether people work in the minute that begins at `at`."""
    local = at.astimezone(SHANGHAI)
    return is_open_on(local.date()) and local.hour in (8, 9, 10, 11, 14, 15, 16, 17)


def walked(start: datetime, minutes: int) -> datetime:
    """Where so many minutes of work end, found by walking."""
    at = start
    while minutes:
        minutes -= is_open(at)
        at += MINUTE
    return at


FIRST_HOURS = datetime(2019, 1, 1, tzinfo=SHANGHAI)
"""Since when the pack says when people work; the library knows the days to the end of 2026."""
any_minute = st.integers(0, 10 * 366 * 24 * 60).map(lambda n: FIRST_HOURS + n * MINUTE)
any_instant = st.timedeltas(timedelta(0), timedelta(days=3_660)).map(lambda since: FIRST_HOURS + since)
any_clock = st.builds(Clock, st.sampled_from(KINDS), st.floats(0.01, 60))
any_working_clock = st.builds(Clock, st.sampled_from(WORKING), st.floats(0.01, 60))


@settings(max_examples=200)
@given(start=any_minute, minutes=st.integers(1, 8 * 60 * 6))
def test_a_deadline_is_where_walking_by_the_minute_ends(start: datetime, minutes: int) -> None:
    end = walked(start, minutes)

    assert [end, end] == [
        CITY.calendar.deadline(start, Clock("work_hour", minutes / 60)),
        CITY.calendar.deadline(start, Clock("work_day", minutes / 60 / 8)),
    ]


@settings(max_examples=100)
@given(start=any_minute, minutes=st.integers(0, 20 * 24 * 60))
def test_the_time_worked_between_is_what_walking_by_the_minute_counts(start: datetime, minutes: int) -> None:
    counted = sum(is_open(start + n * MINUTE) for n in range(minutes))

    assert counted * 60 == CITY.calendar.seconds_between(start, start + minutes * MINUTE, "work_hour")


@given(start=any_instant, clock=any_clock)
def test_up_to_its_deadline_a_clock_counts_exactly_its_own_length(start: datetime, clock: Clock) -> None:
    deadline = CITY.calendar.deadline(start, clock)

    assert abs(CITY.calendar.seconds_between(start, deadline, clock.kind) - clock.seconds) < 0.001


@given(start=any_instant, clock=any_working_clock)
def test_no_working_deadline_lies_in_a_break(start: datetime, clock: Clock) -> None:
    deadline = CITY.calendar.deadline(start, clock)

    assert is_open(deadline - MILLISECOND)
    assert start < deadline


@given(start=any_instant, clock=any_clock, more=st.floats(0, 60))
def test_half_a_clock_and_then_the_other_half_is_the_whole_clock(start: datetime, clock: Clock, more: float) -> None:
    halfway = CITY.calendar.deadline(start, clock)
    by_parts = CITY.calendar.deadline(halfway, Clock(clock.kind, more))
    at_once = CITY.calendar.deadline(start, Clock(clock.kind, clock.amount + more))

    assert abs(by_parts - at_once) <= MILLISECOND


@given(start=any_instant, later=st.timedeltas(timedelta(0), timedelta(days=40)), clock=any_clock)
def test_who_starts_later_or_has_longer_ends_later(start: datetime, later: timedelta, clock: Clock) -> None:
    deadline = CITY.calendar.deadline(start, clock)

    assert deadline - MILLISECOND <= CITY.calendar.deadline(start + later, clock)
    assert deadline < CITY.calendar.deadline(start, clock.times(1.01))


@given(instants=st.lists(any_instant, min_size=3, max_size=3).map(sorted), kind=st.sampled_from(KINDS))
def test_time_worked_adds_up(instants: list[datetime], kind: ClockKind) -> None:
    first, second, third = instants
    parts = CITY.calendar.seconds_between(first, second, kind) + CITY.calendar.seconds_between(second, third, kind)

    assert abs(parts - CITY.calendar.seconds_between(first, third, kind)) < 0.001


@given(
    start=st.integers(-36_000, 36_000).map(lambda hours: MONDAY + timedelta(hours=hours * 30)),
    kind=st.sampled_from(KINDS),
    amount=st.floats(0.1, 200),
)
def test_no_hour_of_any_year_breaks_a_clock_or_makes_it_run_backwards(
    start: datetime, kind: ClockKind, amount: float
) -> None:
    deadline = CITY.calendar.deadline(start, Clock(kind, amount))

    assert start < deadline <= CITY.calendar.deadline(start, Clock(kind, amount + 1))


@settings(max_examples=10)
@given(starts=st.lists(any_instant, min_size=2, max_size=6), clock=any_clock)
def test_an_answer_does_not_depend_on_what_was_asked_before(starts: list[datetime], clock: Clock) -> None:
    calendar = WorkingCalendar(CITY.calendar.periods, CITY.calendar.overrides)
    answers = [calendar.deadline(start, clock) for start in starts]

    assert answers == [calendar.deadline(start, clock) for start in starts]
    assert answers == [CITY.calendar.deadline(start, clock) for start in starts]
