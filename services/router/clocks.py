"""Deadlines on four clocks over a working calendar (process.md section 2). Pure; `now` is always an argument.

A day's status comes from the city's own table first, then from the year's published calendar. As long as a year has
none, the statutory holidays and the plain week decide, and the status is provisional. Working time is counted along one
axis: seconds worked since the first day; a deadline is a point on it, found by bisection, so that no loop walks over
nights and holidays.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from schemas.case_event import ClockKind
from services.router.working_days import is_working_day

_CONTINUOUS = {"urgent_hour": 3_600, "natural_day": 86_400}
_WORKING = {"work_hour": 3_600, "work_day": 8 * 3_600}
_FIRST = date(2000, 1, 1)
_DAY = 86_400
_LONGEST_LOOK = 366 * 200
"""Days the axis may grow to; a start beyond it counts without a break."""
_REMEMBERED = 2_000
_VERSIONED = 366 * 35
"""Days that make the calendar's version: to the end of 2034."""


@dataclass(frozen=True, slots=True)
class Clock:
    """So much time of one kind, for example 2 work_hour."""

    kind: ClockKind
    amount: float

    def times(self, factor: float) -> "Clock":
        return Clock(self.kind, self.amount * factor)

    @property
    def seconds(self) -> float:
        """Its length in the seconds that it counts: working ones for work_hour and work_day, all for the others."""
        return (_CONTINUOUS | _WORKING)[self.kind] * self.amount


@dataclass(frozen=True, slots=True)
class Period:
    """Working seconds of a day, from its first to its last day of validity (None: until further notice)."""

    opens: int
    closes: int
    first: date
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Season:
    """A timetable that comes again every year, from the day of `first` to that of `last`, since the year of `first`."""

    first: date
    last: date
    spans: tuple[tuple[int, int], ...]

    def covers(self, day: date) -> bool:
        """Whether `day` lies in it; a season may run over New Year."""
        begins, ends, today = (self.first.month, self.first.day), (self.last.month, self.last.day), (day.month, day.day)
        within = begins <= today <= ends if begins <= ends else today >= begins or today <= ends
        return within and day >= self.first


@dataclass(slots=True)
class WorkingCalendar:
    """A city's working time. Grows its axis when asked for later days; answers never depend on what was asked."""

    periods: Sequence[Period]
    overrides: Mapping[date, bool] = field(default_factory=dict)
    utc_offset: timedelta = timedelta(hours=8)
    seasons: Sequence[Season] = ()
    """They take the place of the periods; of several that cover a day, the last."""
    _known: dict[tuple[datetime, ClockKind, float], datetime] = field(default_factory=dict)
    _days: list[tuple[tuple[int, int], ...]] = field(default_factory=list)
    _worked: list[int] = field(default_factory=lambda: [0])
    _provisional: set[int] = field(default_factory=set)
    _zero: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._zero = datetime(_FIRST.year, _FIRST.month, _FIRST.day, tzinfo=UTC) - self.utc_offset

    @property
    def version(self) -> str:
        """Twelve hex digits that change when the status or the hours of any day until 2034 do."""
        self._reach(_VERSIONED)
        days = [(spans, n in self._provisional) for n, spans in enumerate(self._days[:_VERSIONED])]
        return hashlib.sha256(repr(days).encode()).hexdigest()[:12]

    def seconds_between(self, start: datetime, end: datetime, kind: ClockKind) -> float:
        """How many of the seconds that `kind` counts lie between the two; 0 if `end` is not later."""
        if kind in _CONTINUOUS:
            return max(0.0, (end - start).total_seconds())
        return max(0.0, self._counted(end) - self._counted(start))

    def _counted(self, at: datetime) -> float:
        day, second = self._day_of(at)
        if not self._reach(day):
            return self._worked[-1] + (at - self._zero).total_seconds() - _LONGEST_LOOK * _DAY
        return self._worked[day] + _worked_until(self._days[day], second)

    def _day_of(self, at: datetime) -> tuple[int, float]:
        since = max(0.0, (at - self._zero).total_seconds())
        return int(since // _DAY), since % _DAY

    def deadline(self, start: datetime, clock: Clock) -> datetime:
        """The instant (UTC) at which `clock`, started at `start` (aware), runs out. Never raises for a real date."""
        asked = (start, clock.kind, clock.amount)  # a batch asks the same of one instant again and again
        if (known := self._known.get(asked)) is not None:
            return known
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        found = self._known[asked] = self._deadline(start, clock)
        return found

    def _deadline(self, start: datetime, clock: Clock) -> datetime:
        seconds = clock.seconds
        if clock.kind in _CONTINUOUS:
            return start.astimezone(UTC) + timedelta(seconds=seconds)
        day, second = self._day_of(start)
        if not self._reach(day):
            return start.astimezone(UTC) + timedelta(seconds=seconds)
        target = self._worked[day] + _worked_until(self._days[day], second) + seconds
        while self._worked[-1] < target:
            if not self._reach(len(self._days)):
                return start.astimezone(UTC) + timedelta(seconds=seconds)
        last = max(0, bisect_left(self._worked, target) - 1)
        found = self._zero + timedelta(seconds=last * _DAY + self._instant(last, target - self._worked[last]))
        return max(found, start.astimezone(UTC))  # a clock with nothing left, started in a break, runs out there

    def is_provisional(self, start: datetime, end: datetime, kind: ClockKind = "work_hour") -> bool:
        """Whether a day between the two has no published calendar yet, so that a deadline on `kind` may still move."""
        if kind in _CONTINUOUS:
            return False
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
        self._days.append(self._spans(day) if works else ())
        self._worked.append(self._worked[-1] + sum(closes - opens for opens, closes in self._days[-1]))
        if provisional:
            self._provisional.add(number)

    def _spans(self, day: date) -> tuple[tuple[int, int], ...]:
        season = next((season for season in reversed(self.seasons) if season.covers(day)), None)
        if season is not None:
            return season.spans
        fitting = (p for p in self.periods if p.first <= day and (p.last is None or day <= p.last))
        return tuple(sorted((p.opens, p.closes) for p in fitting))

    def _instant(self, day: int, worked: float) -> float:
        for opens, closes in self._days[day]:
            if worked <= closes - opens:
                return opens + worked
            worked -= closes - opens
        return _DAY


def _worked_until(spans: Sequence[tuple[int, int]], second: float) -> float:
    return sum(min(second, closes) - opens for opens, closes in spans if second > opens)
