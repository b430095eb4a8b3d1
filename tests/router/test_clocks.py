"""Deadlines as tables: every worked example of process.md section 2, and what lies beyond the calendar."""

import time
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.router.city import City
from services.router.clocks import Clock, ClockKind, Period, WorkingCalendar
from tests.router.conftest import CITY, SHANGHAI

FRIDAY, SATURDAY, SUNDAY, MONDAY = (datetime(2026, 11, day, tzinfo=SHANGHAI) for day in (20, 21, 22, 23))


def on(day: datetime, clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return day + timedelta(hours=int(hours), minutes=int(minutes))


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
        (datetime(2020, 9, 30, 17, tzinfo=SHANGHAI), "work_day", 1, datetime(2020, 10, 9, 17, tzinfo=SHANGHAI)),
        (datetime(2020, 9, 26, 9, tzinfo=SHANGHAI), "work_hour", 1, datetime(2020, 9, 27, 9, tzinfo=SHANGHAI)),
        (datetime(2026, 12, 31, 17, tzinfo=SHANGHAI), "work_day", 1, datetime(2027, 1, 1, 17, tzinfo=SHANGHAI)),
    ],
)
def test_a_clock_runs_out_where_the_process_says(
    city: City, start: datetime, kind: ClockKind, amount: float, deadline: datetime
) -> None:
    assert deadline == city.calendar.deadline(start, Clock(kind, amount))


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


@settings(deadline=None)
@given(
    start=st.integers(-36_000, 36_000).map(lambda hours: MONDAY + timedelta(hours=hours * 30)),
    kind=st.sampled_from(["urgent_hour", "work_hour", "work_day", "natural_day"]),
    amount=st.floats(0.1, 200),
)
def test_no_hour_of_any_year_breaks_a_clock_or_makes_it_run_backwards(
    start: datetime, kind: ClockKind, amount: float
) -> None:
    deadline = CITY.calendar.deadline(start, Clock(kind, amount))

    assert start < deadline <= CITY.calendar.deadline(start, Clock(kind, amount + 1))


def test_twenty_thousand_deadlines_take_less_than_a_few_seconds(city: City) -> None:
    start = time.process_time()
    for minute in range(20_000):
        city.calendar.deadline(MONDAY + timedelta(minutes=minute), Clock("work_day", 5))

    assert time.process_time() - start < 5
