"""Deadlines on four clocks over a working calendar (process.md section 2). Pure; `now` is always an argument.

A day's status comes from the city's own table first, then from the library of public holidays, then from the plain
week, and is then provisional. Working time is counted along one axis: seconds worked since the first day; a deadline
is a point on it, found by bisection, so that no loop walks over nights and holidays.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import chinese_calendar

ClockKind = Literal["urgent_hour", "work_hour", "work_day", "natural_day"]
_CONTINUOUS = {"urgent_hour": 3_600, "natural_day": 86_400}
_WORKING = {"work_hour": 3_600, "work_day": 8 * 3_600}
_FIRST = date(2000, 1, 1)
_DAY = 86_400
_LONGEST_LOOK = 366 * 200
"""Days the axis may grow to; a start beyond it counts without a break."""


@dataclass(frozen=True, slots=True)
class Clock:
    """So much time of one kind, for example 2 work_hour."""

    kind: ClockKind
    amount: float

    def times(self, factor: float) -> "Clock":
        return Clock(self.kind, self.amount * factor)


@dataclass(frozen=True, slots=True)
class Period:
    """Working seconds of a day, from its first to its last day of validity (None: until further notice)."""

    opens: int
    closes: int
    first: date
    last: date | None = None


def is_working_day(day: date, overrides: Mapping[date, bool]) -> tuple[bool, bool]:
    """Whether people work on `day`, and whether that is provisional because no calendar of its year is known."""
    if day in overrides:
        return overrides[day], False
    try:
        return bool(chinese_calendar.is_workday(day)), False  # type: ignore[no-untyped-call]
    except RuntimeError:  # what the library raises outside the years it knows
        return day.weekday() < 5, True


@dataclass(slots=True)
class WorkingCalendar:
    """A city's working time. Grows its axis when asked for later days; answers never depend on what was asked."""

    periods: Sequence[Period]
    overrides: Mapping[date, bool] = field(default_factory=dict)
    utc_offset: timedelta = timedelta(hours=8)
    _days: list[tuple[tuple[int, int], ...]] = field(default_factory=list)
    _worked: list[int] = field(default_factory=lambda: [0])
    _provisional: set[int] = field(default_factory=set)
    _zero: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._zero = datetime(_FIRST.year, _FIRST.month, _FIRST.day, tzinfo=UTC) - self.utc_offset

    def deadline(self, start: datetime, clock: Clock) -> datetime:
        """The instant (UTC) at which `clock`, started at `start` (aware), runs out. Never raises for a real date."""
        if clock.kind in _CONTINUOUS:
            return start.astimezone(UTC) + timedelta(seconds=_CONTINUOUS[clock.kind] * clock.amount)
        seconds = _WORKING[clock.kind] * clock.amount
        since = max(0.0, (start - self._zero).total_seconds())
        day, second = int(since // _DAY), since % _DAY
        if not self._reach(day):
            return start.astimezone(UTC) + timedelta(seconds=seconds)
        target = self._worked[day] + _worked_until(self._days[day], second) + seconds
        while self._worked[-1] < target:
            if not self._reach(len(self._days)):
                return start.astimezone(UTC) + timedelta(seconds=seconds)
        last = max(0, bisect_left(self._worked, target) - 1)
        return self._zero + timedelta(seconds=last * _DAY + self._instant(last, target - self._worked[last]))

    def is_provisional(self, start: datetime, end: datetime) -> bool:
        """Whether a day between the two has no published calendar yet, so that the deadline may still move."""
        first = max(0, (start - self._zero).days)
        last = (end - self._zero).days
        return self._reach(last) and any(day in self._provisional for day in range(first, last + 1))

    def local_date(self, at: datetime) -> date:
        """The city's calendar day at `at`."""
        return (at.astimezone(UTC) + self.utc_offset).date()

    def _reach(self, day: int) -> bool:
        if day >= _LONGEST_LOOK:
            return False
        while len(self._days) <= day:
            self._add(len(self._days))
        return True

    def _add(self, number: int) -> None:
        day = _FIRST + timedelta(days=number)
        works, provisional = is_working_day(day, self.overrides)
        spans = sorted(
            (p.opens, p.closes) for p in self.periods if p.first <= day and (p.last is None or day <= p.last)
        )
        self._days.append(tuple(spans) if works else ())
        self._worked.append(self._worked[-1] + sum(closes - opens for opens, closes in self._days[-1]))
        if provisional:
            self._provisional.add(number)

    def _instant(self, day: int, worked: float) -> float:
        for opens, closes in self._days[day]:
            if worked <= closes - opens:
                return opens + worked
            worked -= closes - opens
        return _DAY


def _worked_until(spans: Sequence[tuple[int, int]], second: float) -> float:
    return sum(min(second, closes) - opens for opens, closes in spans if second > opens)
