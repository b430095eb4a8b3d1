"""`calendar.csv` becomes the city's working calendar: opening hours, seasons, holidays and make-up days."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import combinations, pairwise
from pathlib import Path

from chassis.pack import PackError, read_table, split_list
from services.router.city_rows import DayRow, span_of
from services.router.clocks import Period, Season, WorkingCalendar

_FOR_EVER = date.max


def read_calendar(folder: Path, utc_offset: timedelta) -> WorkingCalendar:
    """The calendar. `PackError` for hours that overlap, a season without hours, days that end before they begin, and a
    day that two rows of `holiday` or `workday` name."""
    rows = read_table(folder / "calendar.csv", DayRow)
    for row in rows:
        if row.last is not None and row.last < row.first:
            raise row.wrong("calendar.csv", "last is before first")
    periods = [(row, Period(*span_of(row, row.value or ""), row.first, row.last)) for row in rows if _is(row, "period")]
    if not periods:
        raise PackError("calendar.csv: has no period")
    _bar_overlap(periods)
    overrides = _named_days(rows)
    seasons = [_season(row) for row in rows if _is(row, "season")]
    return WorkingCalendar([period for _, period in periods], overrides, utc_offset, seasons)


def _is(row: DayRow, kind: str) -> bool:
    return row.kind == kind


def _named_days(rows: Sequence[DayRow]) -> dict[date, bool]:
    """Each day that the table names, and whether people work on it."""
    named: dict[date, DayRow] = {}
    for row in rows:
        if row.kind not in ("holiday", "workday"):
            continue
        for n in range(((row.last or row.first) - row.first).days + 1):
            day = row.first + timedelta(days=n)
            if day in named:
                raise row.wrong("calendar.csv", f"{day} is named already in line {named[day].line}; name it once")
            named[day] = row
    return {day: row.kind == "workday" for day, row in named.items()}


def _season(row: DayRow) -> Season:
    """From `first`'s year on, every year between the two days of the year: these hours and no others."""
    if row.last is None:
        raise row.wrong("calendar.csv", "a season needs its last day")
    spans = sorted(span_of(row, part) for part in split_list(row.value or ""))
    if not spans or any(one[1] > other[0] for one, other in pairwise(spans)):
        raise row.wrong("calendar.csv", "a season needs hours that do not overlap, like 08:00-12:00;15:00-18:30")
    return Season(row.first, row.last, tuple(spans))


def _bar_overlap(periods: Sequence[tuple[DayRow, Period]]) -> None:
    for (_, one), (row, other) in combinations(periods, 2):
        share_a_day = one.first <= (other.last or _FOR_EVER) and other.first <= (one.last or _FOR_EVER)
        if share_a_day and one.opens < other.closes and other.opens < one.closes:
            raise row.wrong("calendar.csv", "overlaps another period; end that one, or make this one a season")
