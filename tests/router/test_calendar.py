"""The city's own calendar: seasons, holidays, make-up days, tables that are wrong, and deadlines that follow it."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.pack import PackError
from services.router.case import Case
from services.router.city import City, read_city
from services.router.city_calendar import read_calendar
from services.router.clocks import Clock, Period, Season, WorkingCalendar
from services.router.commands import Reschedule
from services.router.commands_of_centre import Resume
from tests.router.conftest import CITY, ROOT, SHANGHAI
from tests.router.kernel import (
    CENTRE,
    URGENT,
    WORK_DAY,
    WORK_HOURS,
    accepted,
    after,
    decided,
    dispatched,
    extended,
    in_state,
    on,
    opening,
    paused,
    refusal,
    resumed,
    timers,
)  # fmt: skip

PACK = ROOT / "cities/taiyuan"
HEADER = "kind,first,last,value,note"
MORNING, AFTERNOON = "period,2019-01-01,,08:00-12:00,", "period,2019-01-01,,14:00-18:00,"
SUMMER = "season,2025-05-01,2025-09-30,08:00-12:00;15:00-18:30,夏季"
WINTER = "season,2025-11-15,2026-03-15,08:30-12:00;13:30-17:30,冬季"
JULY = "season,2025-07-01,2025-07-31,07:00-11:00,高温"
OFFSET = timedelta(hours=8)


def pack(folder: Path, rows: Sequence[str]) -> Path:
    """A copy of the city's pack with these rows as its calendar."""
    copy = shutil.copytree(PACK, folder / "pack")
    (copy / "calendar.csv").write_text("\n".join([HEADER, *rows, ""]), "utf-8")
    return copy


def day(text: str) -> datetime:
    """`Thursday 2026-07-02` at midnight; the weekday must be right."""
    weekday, iso = text.split()
    found = datetime.fromisoformat(iso).replace(tzinfo=SHANGHAI)
    assert weekday == f"{found:%A}"
    return found


Line = tuple[str, str, Clock, str, str]
AN_HOUR, A_DAY = Clock("work_hour", 1), Clock("work_day", 1)
TABLES: Sequence[tuple[str, list[str], Sequence[Line]]] = [
    ("a summer that comes again every year", [SUMMER], [
        ("Thursday 2026-04-30", "12:30", AN_HOUR, "Thursday 2026-04-30", "15:00"),
        ("Wednesday 2026-05-06", "12:30", AN_HOUR, "Wednesday 2026-05-06", "16:00"),
        ("Thursday 2026-07-02", "18:00", AN_HOUR, "Friday 2026-07-03", "08:30"),
        ("Wednesday 2026-09-30", "12:30", AN_HOUR, "Wednesday 2026-09-30", "16:00"),
        ("Wednesday 2026-09-30", "17:30", A_DAY, "Thursday 2026-10-08", "17:00"),
        ("Thursday 2026-10-08", "12:30", AN_HOUR, "Thursday 2026-10-08", "15:00"),
        ("Thursday 2024-07-04", "12:30", AN_HOUR, "Thursday 2024-07-04", "15:00"),  # before its first year
        ("Thursday 2030-07-04", "12:30", AN_HOUR, "Thursday 2030-07-04", "16:00"),
    ]),
    ("a winter that runs over New Year", [WINTER], [
        ("Friday 2025-11-14", "12:15", AN_HOUR, "Friday 2025-11-14", "15:00"),
        ("Wednesday 2025-12-31", "12:15", AN_HOUR, "Wednesday 2025-12-31", "14:30"),
        ("Wednesday 2025-12-31", "17:00", AN_HOUR, "Sunday 2026-01-04", "09:00"),  # a make-up day
        ("Monday 2026-01-05", "12:15", AN_HOUR, "Monday 2026-01-05", "14:30"),
        ("Monday 2026-03-16", "12:15", AN_HOUR, "Monday 2026-03-16", "15:00"),
        ("Tuesday 2026-11-17", "12:15", AN_HOUR, "Tuesday 2026-11-17", "14:30"),
        ("Monday 2025-01-06", "12:15", AN_HOUR, "Monday 2025-01-06", "15:00"),  # before its first year
    ]),
    ("of two seasons on a day the last row", [SUMMER, JULY], [
        ("Thursday 2026-07-02", "10:30", AN_HOUR, "Friday 2026-07-03", "07:30"),
        ("Monday 2026-08-03", "12:30", AN_HOUR, "Monday 2026-08-03", "16:00"),
    ]),
    ("the other way round too", [JULY, SUMMER], [
        ("Thursday 2026-07-02", "12:30", AN_HOUR, "Thursday 2026-07-02", "16:00"),
    ]),
    ("a Saturday that is worked", ["workday,2026-11-28,,,"], [
        ("Friday 2026-11-27", "17:00", A_DAY, "Saturday 2026-11-28", "17:00"),
    ]),
    ("days off with a working day between them", ["holiday,2026-11-30,,,", "holiday,2026-12-02,,,"], [
        ("Friday 2026-11-27", "17:00", A_DAY, "Tuesday 2026-12-01", "17:00"),
        ("Friday 2026-11-27", "17:00", Clock("work_day", 2), "Thursday 2026-12-03", "17:00"),
        ("Friday 2026-11-27", "17:00", Clock("natural_day", 4), "Tuesday 2026-12-01", "17:00"),
        ("Sunday 2026-11-29", "23:30", Clock("urgent_hour", 2), "Monday 2026-11-30", "01:30"),
    ]),
    ("days off in a year that the library does not know", ["holiday,2027-01-01,2027-01-03,,"], [
        ("Thursday 2026-12-31", "17:00", A_DAY, "Monday 2027-01-04", "17:00"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "lines"), [pytest.param(*table[1:], id=table[0]) for table in TABLES])
def test_the_hours_of_a_day_are_those_of_the_table(tmp_path: Path, rows: list[str], lines: Sequence[Line]) -> None:
    calendar = read_calendar(pack(tmp_path, [MORNING, AFTERNOON, *rows]), OFFSET)
    found = [calendar.deadline(on(day(when), hour), clock) for when, hour, clock, _, _ in lines]

    assert [on(day(when), hour) for _, _, _, when, hour in lines] == found


def test_hours_may_change_for_good(tmp_path: Path) -> None:
    ended = [f"period,2019-01-01,2025-12-31,{hours}," for hours in ("08:00-12:00", "14:00-18:00")]
    calendar = read_calendar(pack(tmp_path, [*ended, "period,2026-01-01,,09:00-17:00,"]), OFFSET)
    before, after_it = on(day("Wednesday 2025-12-31"), "12:30"), on(day("Monday 2026-01-05"), "12:30")

    assert on(day("Wednesday 2025-12-31"), "15:00") == calendar.deadline(before, Clock("work_hour", 1))
    assert on(day("Monday 2026-01-05"), "13:30") == calendar.deadline(after_it, Clock("work_hour", 1))


@pytest.mark.parametrize(
    ("rows", "line", "why"),
    [
        ([MORNING, "period,2026-01-01,,11:00-15:00,"], 3, "overlaps another period"),
        ([MORNING, AFTERNOON, "period,2026-05-01,2026-09-30,08:00-12:00,"], 4, "overlaps another period"),
        ([MORNING, "period,2030-01-01,,11:59-13:00,"], 3, "overlaps another period"),
        ([MORNING, "season,2026-05-01,,08:00-12:00,"], 3, "a season needs its last day"),
        ([MORNING, "season,2026-05-01,2026-09-30,,"], 3, "a season needs hours that do not overlap"),
        ([MORNING, "season,2026-05-01,2026-09-30,08:00-12:00;11:00-14:00,"], 3, "a season needs hours that do not"),
        ([MORNING, "season,2026-09-30,2026-05-01,08:00-12:00,"], 3, "last is before first"),
        ([MORNING, "holiday,2026-10-08,2026-10-01,,"], 3, "last is before first"),
        ([MORNING, "period,2026-01-01,,12:00-08:00,"], 3, "a period must close after it opens"),
        ([MORNING, "period,2026-01-01,,morning,"], 3, "value must be like 08:00-12:00"),
        ([MORNING, "period,2026-01-01,,,"], 3, "value must be like 08:00-12:00"),
        ([MORNING, "feast,2026-01-01,,,"], 3, "kind"),
        ([MORNING, "holiday,2026-02-30,,,"], 3, "first"),
        ([MORNING, "holiday,2026-10-01,,,", "workday,2026-10-01,,,"], 4, "2026-10-01 is named already in line 3"),
        ([MORNING, "workday,2026-10-01,,,", "holiday,2026-10-01,,,"], 4, "2026-10-01 is named already in line 3"),
        ([MORNING, "holiday,2026-10-01,2026-10-08,,", AFTERNOON, "workday,2026-10-08,,,"], 5, "2026-10-08 is named"),
        ([MORNING, "holiday,2026-10-01,2026-10-03,,", "holiday,2026-10-03,2026-10-04,,"], 4, "2026-10-03 is named"),
        ([MORNING, "holiday,2026-10-01,,,", "holiday,2026-10-01,,,"], 4, "2026-10-01 is named already in line 3"),
        ([MORNING, "holiday,2026-02-03,,"], 3, "4 cells, must be 5"),
    ],
)  # fmt: skip
def test_a_table_that_is_wrong_stops_the_start_with_file_and_line(
    tmp_path: Path, rows: list[str], line: int, why: str
) -> None:
    with pytest.raises(PackError, match=rf"calendar\.csv line {line}: .*{why}"):
        read_city(pack(tmp_path, rows))


def test_a_table_without_hours_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"calendar\.csv: has no period"):
        read_city(pack(tmp_path, ["holiday,2026-10-01,2026-10-08,,"]))


def test_periods_that_touch_or_follow_each_other_do_not_overlap(tmp_path: Path) -> None:
    rows = [MORNING, "period,2026-01-01,,12:00-13:00,", "period,2019-01-01,2025-12-31,12:00-14:00,", AFTERNOON]

    assert 4 == len(read_calendar(pack(tmp_path, rows), OFFSET).periods)


def test_a_city_without_a_holiday_of_its_own_has_those_of_the_country(tmp_path: Path) -> None:
    plain = read_city(pack(tmp_path, [MORNING, AFTERNOON])).calendar

    assert day("Thursday 2026-10-08") + timedelta(hours=17) == plain.deadline(
        day("Wednesday 2026-09-30") + timedelta(hours=17), Clock("work_day", 1)
    )


@pytest.mark.parametrize(
    ("start", "end", "provisional"),
    [
        ("Monday 2026-11-23", "Thursday 2026-12-31", False),
        ("Monday 2026-11-23", "Friday 2027-01-01", True),
        ("Friday 2027-01-01", "Friday 2027-01-01", True),
        ("Tuesday 2030-01-01", "Friday 2030-01-04", True),
    ],
)
def test_what_reaches_beyond_the_published_years_is_provisional(start: str, end: str, provisional: bool) -> None:
    assert provisional == CITY.calendar.is_provisional(on(day(start), "17:00"), on(day(end), "17:00"))


def test_days_that_the_city_has_named_are_not_provisional() -> None:
    named = other_city({date(2027, 1, 1): False, date(2027, 1, 2): False, date(2027, 1, 3): False}).calendar
    thursday_1700 = on(day("Thursday 2026-12-31"), "17:00")

    assert not named.is_provisional(thursday_1700, on(day("Sunday 2027-01-03"), "17:00"))
    assert named.is_provisional(thursday_1700, on(day("Monday 2027-01-04"), "17:00"))


ALL_DAYS = {date(2000, 1, 1) + timedelta(days=n): n % 7 < 5 for n in range(366 * 36)}
HOURS = (Period(8 * 3600, 12 * 3600, date(2000, 1, 1)), Period(14 * 3600, 18 * 3600, date(2000, 1, 1)))
ITSELF = WorkingCalendar(HOURS, ALL_DAYS).version


@settings(max_examples=30)
@given(which=st.dates(date(2000, 1, 1), date(2034, 12, 31)))
def test_the_version_changes_with_the_status_of_any_day(which: date) -> None:
    assert ITSELF != WorkingCalendar(HOURS, ALL_DAYS | {which: not ALL_DAYS[which]}).version


@settings(max_examples=20)
@given(which=st.dates(date(2000, 1, 1), date(2034, 12, 31)).filter(lambda found: ALL_DAYS[found]))
def test_the_version_changes_with_the_hours_of_any_working_day(which: date) -> None:
    longer = WorkingCalendar((*HOURS, Period(19 * 3600, 20 * 3600, which, which)), ALL_DAYS)

    assert ITSELF != longer.version


def test_the_version_changes_when_a_provisional_day_is_confirmed() -> None:
    friday = date(2027, 1, 1)

    assert CITY.calendar.version != other_city({friday: True}).calendar.version


def test_the_version_stays_when_every_day_stays() -> None:
    asked_before = WorkingCalendar(HOURS, ALL_DAYS)
    asked_before.deadline(day("Friday 2049-01-01"), Clock("work_day", 1))
    spans = ((8 * 3600, 12 * 3600), (14 * 3600, 18 * 3600))
    told_otherwise = WorkingCalendar(tuple(reversed(HOURS)), ALL_DAYS)
    by_season = WorkingCalendar(HOURS, ALL_DAYS, seasons=[Season(date(2001, 5, 1), date(2001, 9, 30), spans)])

    assert {ITSELF} == {
        WorkingCalendar(HOURS, ALL_DAYS).version, asked_before.version, told_otherwise.version, by_season.version,
        WorkingCalendar(HOURS, ALL_DAYS | {date(2035, 3, 1): not ALL_DAYS[date(2035, 3, 1)]}).version,
    }  # fmt: skip


def other_city(days: dict[date, bool]) -> City:
    """The city after these days were announced to be, or not to be, working days."""
    known = {**CITY.calendar.overrides, **days}
    return replace(CITY, calendar=WorkingCalendar(CITY.calendar.periods, known))


NEW_YEAR = {date(2027, 1, 1) + timedelta(days=n): n >= 4 for n in range(8)}
"""Friday to Monday off, the rest of the week worked. Without a notice only Friday is a holiday."""
LATER = other_city(NEW_YEAR)
THURSDAY_1000, THURSDAY_1700 = (on(day("Thursday 2026-12-31"), hour) for hour in ("10:00", "17:00"))
THURSDAY_2330 = on(day("Thursday 2026-12-31"), "23:30")
FRIDAY_0900 = on(day("Friday 2027-01-01"), "09:00")
MONDAY_0900, MONDAY_1100, MONDAY_1700 = (on(day("Monday 2027-01-04"), hour) for hour in ("09:00", "11:00", "17:00"))
TUESDAY_0900, TUESDAY_1100, TUESDAY_1700 = (on(day("Tuesday 2027-01-05"), hour) for hour in ("09:00", "11:00", "17:00"))
WEDNESDAY_1700 = on(day("Wednesday 2027-01-06"), "17:00")


RESCHEDULED: Sequence[tuple[str, Case, datetime, datetime, datetime, datetime]] = [
    # name, case; accept_by and deadline before; both after
    ("a day's work", dispatched(WORK_DAY, THURSDAY_1700), MONDAY_0900, MONDAY_1700, TUESDAY_0900, TUESDAY_1700),
    ("some hours' work", dispatched(WORK_HOURS, THURSDAY_1700), MONDAY_0900, MONDAY_1100, TUESDAY_0900, TUESDAY_1100),
    ("accepted: it need not be accepted again", accepted(WORK_DAY, THURSDAY_1700), MONDAY_0900, MONDAY_1700,
     MONDAY_0900, TUESDAY_1700),
    ("extended: both limits run on the new calendar", extended(accepted(WORK_DAY, THURSDAY_1700), THURSDAY_1700),
     MONDAY_0900, TUESDAY_1700, MONDAY_0900, WEDNESDAY_1700),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "accept_by", "deadline", "then_accept_by", "then_deadline"),
    [pytest.param(*row[1:], id=row[0]) for row in RESCHEDULED],
)
def test_a_calendar_that_knows_more_days_moves_what_runs_by_an_event(
    case: Case, accept_by: datetime, deadline: datetime, then_accept_by: datetime, then_deadline: datetime
) -> None:
    events = decided(case, Reschedule(), THURSDAY_2330, LATER)
    moved = after(case, Reschedule(), THURSDAY_2330, LATER)

    assert (accept_by, deadline, True) == (case.accept_by, case.deadline, case.provisional)
    assert ["case.rescheduled"] == [event.kind for event in events]
    assert (then_accept_by, then_deadline, False) == (moved.accept_by, moved.deadline, moved.provisional)
    assert case.original_deadline == moved.original_deadline
    assert "still_right" == refusal(moved, Reschedule(), THURSDAY_2330, LATER)


STAYS: Sequence[tuple[str, Case, City, str]] = [
    ("the same calendar", dispatched(WORK_DAY, THURSDAY_1700), CITY, "still_right"),
    ("over before the days that have changed", dispatched(WORK_HOURS, THURSDAY_1000), LATER, "still_right"),
    ("accepted and extended: when it had to be accepted does not follow the deadline",
     extended(accepted(URGENT, THURSDAY_1700), THURSDAY_1700), CITY, "still_right"),
    ("extended after a pause", extended(resumed(paused(accepted(WORK_DAY, THURSDAY_1000), THURSDAY_1700, MONDAY_0900),
     MONDAY_0900), MONDAY_0900), CITY, "still_right"),
    ("without a break: no calendar can move it", accepted(URGENT, THURSDAY_2330), LATER, "still_right"),
    ("it stands still", paused(accepted(WORK_DAY, THURSDAY_1700), THURSDAY_1700, MONDAY_0900), LATER,
     "not_while_suspended"),
    ("nobody has it", in_state("held", THURSDAY_1700), LATER, "not_while_held"),
    ("it has ended", in_state("closed", THURSDAY_1700), LATER, "not_while_closed"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "city", "reason"), [pytest.param(*row[1:], id=row[0]) for row in STAYS])
def test_what_is_right_or_does_not_run_is_not_moved(case: Case, city: City, reason: str) -> None:
    assert reason == refusal(case, Reschedule(), THURSDAY_2330, city)


def test_a_clock_that_stood_still_runs_on_by_the_new_calendar() -> None:
    case = paused(accepted(WORK_DAY, THURSDAY_1000), THURSDAY_1700, MONDAY_0900)
    seven_hours_later = after(case, Resume(CENTRE), FRIDAY_0900, LATER)

    assert TUESDAY_1100 == seven_hours_later.deadline


def test_the_timers_follow_the_new_calendar() -> None:
    case = dispatched(WORK_DAY, THURSDAY_1700)
    moved = after(case, Reschedule(), THURSDAY_2330, LATER)

    assert on(day("Monday 2027-01-04"), "15:24") == timers(case)["handle"].at
    assert on(day("Tuesday 2027-01-05"), "15:24") == timers(moved, LATER)["handle"].at


def test_the_break_of_2020_that_was_lengthened_while_it_ran_moves_what_was_due_after_it() -> None:
    announced = other_city({date(2020, 1, 31): True, date(2020, 2, 1): True})
    case = after(None, opening(WORK_DAY), on(day("Thursday 2020-01-23"), "17:00"), announced)
    moved = after(case, Reschedule(), on(day("Monday 2020-01-27"), "10:00"))

    assert on(day("Friday 2020-01-31"), "17:00") == case.deadline
    assert on(day("Monday 2020-02-03"), "17:00") == moved.deadline
