"""What the router needs of the city pack: read once at start, checked row by row, then frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import Literal

from chassis.pack import PackError, Row, read_table, split_list, version_of
from services.router.clocks import Clock, ClockKind, Period, WorkingCalendar
from services.router.platform_choice import DISTRICT, Rule, Rules
from services.router.same_problem import Nearness

_DROPPED = Clock("work_day", 1)


class _Platform(Row):
    code: str
    name: str
    kind: Literal["district", "zone", "department", "utility", "enterprise"]
    group: str
    district: str | None
    basis: str | None


class _Rule(Row):
    rule: str
    category: str
    district: str
    owner: str
    platform: str
    fallback: str | None
    note: str | None


class _Category(Row):
    code: str
    class_code: str
    class_name: str
    name: str
    clock: ClockKind
    amount: int
    basis: str | None
    tiers: str | None


class _SpecialItem(Row):
    code: str
    name: str
    clock: ClockKind
    amount: int
    reward_fen_min: int
    reward_fen_max: int
    basis: str | None


class _Day(Row):
    kind: Literal["period", "holiday", "workday"]
    first: date
    last: date | None
    value: str | None
    note: str | None


class _Policy(Row):
    name: str
    value: str
    note: str | None


@dataclass(frozen=True, slots=True)
class City:
    """One city's platforms, rules, clocks and limits."""

    version: str
    platforms: Mapping[str, str]
    """Code to name, in the pack's order."""
    rules: Rules
    clocks: Mapping[str, Clock]
    """Category to the clock of its handling."""
    category_names: Mapping[str, str]
    calendar: WorkingCalendar
    accept_clock: Clock
    most_returns: int
    dispute_window: timedelta
    near: Nearness
    photo_categories: tuple[str, ...]
    receipt_lifetime: timedelta

    def handle_clock(self, category: str | None) -> Clock:
        """How long handling may take; a category that a later pack has dropped gets one work_day."""
        return self.clocks.get(category or "", _DROPPED)

    def needs_after_photo(self, category: str) -> bool:
        """Whether handling a case of this category must be shown by a photo."""
        return any(_fits(pattern, category) for pattern in self.photo_categories)


def read_city(folder: Path) -> City:
    """The pack in `folder`. Raises `PackError`, which names file and line of what is wrong."""
    policies = {row.name: row for row in read_table(folder / "policy.csv", _Policy, "name")}
    platforms = read_table(folder / "platforms.csv", _Platform, "code")
    categories: list[_Category | _SpecialItem] = [
        *read_table(folder / "components.csv", _Category, "code"),
        *read_table(folder / "events.csv", _Category, "code"),
        *read_table(folder / "special_items.csv", _SpecialItem, "code"),
    ]
    names = {row.code: row.name for row in platforms}
    return City(
        version=version_of(folder),
        platforms=names,
        rules=Rules(
            _rules(folder, names),
            {row.district: row.code for row in platforms if row.district and row.kind == "district"},
        ),
        clocks={row.code: Clock(row.clock, row.amount) for row in categories},
        category_names={row.code: row.name for row in categories},
        calendar=_calendar(folder, _offset(_policy(policies, "utc_offset"))),
        accept_clock=_clock(_policy(policies, "accept_clock")),
        most_returns=int(_number(_policy(policies, "most_returns"))),
        dispute_window=timedelta(days=_number(_policy(policies, "dispute_window_days"))),
        near=Nearness(
            _number(_policy(policies, "join_distance_m")), timedelta(hours=_number(_policy(policies, "join_hours")))
        ),
        photo_categories=split_list(_policy(policies, "after_photo").value),
        receipt_lifetime=timedelta(hours=_number(_policy(policies, "receipt_hours"))),
    )


def _rules(folder: Path, platforms: Mapping[str, str]) -> tuple[Rule, ...]:
    rules = []
    for row in read_table(folder / "rules.csv", _Rule, "rule"):
        chain = (row.platform, *split_list(row.fallback or ""))
        if unknown := [code for code in chain if code != DISTRICT and code not in platforms]:
            raise row.wrong("rules.csv", f"platform {unknown[0]} is not in platforms.csv")
        rules.append(Rule(row.rule, row.category, row.district, row.owner, chain))
    if (rules[-1].category, rules[-1].district, rules[-1].owner) != ("*", "*", "*"):
        raise PackError("rules.csv: the last rule must fit every case (*, *, *)")
    return tuple(rules)


def _calendar(folder: Path, utc_offset: timedelta) -> WorkingCalendar:
    periods, overrides = [], {}
    for row in read_table(folder / "calendar.csv", _Day):
        if row.kind == "period":
            opens, closes = _span(row)
            periods.append(Period(opens, closes, row.first, row.last))
            continue
        for number in range(((row.last or row.first) - row.first).days + 1):
            overrides[row.first + timedelta(days=number)] = row.kind == "workday"
    if not periods:
        raise PackError("calendar.csv: has no period")
    return WorkingCalendar(periods, overrides, utc_offset)


def _span(row: _Day) -> tuple[int, int]:
    try:
        opens, closes = (time.fromisoformat(part) for part in (row.value or "").split("-"))
    except ValueError as why:
        raise row.wrong("calendar.csv", "value must be like 08:00-12:00") from why
    if opens >= closes:
        raise row.wrong("calendar.csv", "a period must close after it opens")
    return opens.hour * 3600 + opens.minute * 60, closes.hour * 3600 + closes.minute * 60


def _policy(policies: Mapping[str, _Policy], name: str) -> _Policy:
    if name not in policies:
        raise PackError(f"policy.csv: {name} is missing")
    return policies[name]


def _number(row: _Policy) -> float:
    try:
        return float(row.value)
    except ValueError as why:
        raise row.wrong("policy.csv", f"{row.name} must be a number") from why


def _clock(row: _Policy) -> Clock:
    match row.value.split():
        case [amount, ("urgent_hour" | "work_hour" | "work_day" | "natural_day") as kind]:
            return Clock(kind, float(amount))
    raise row.wrong("policy.csv", f"{row.name} must be like '2 work_hour'")


def _offset(row: _Policy) -> timedelta:
    sign, (hours, _, minutes) = row.value[:1], row.value[1:].partition(":")
    if sign not in ("+", "-") or not (hours + minutes).isdigit():
        raise row.wrong("policy.csv", "utc_offset must be like +08:00")
    return timedelta(hours=int(hours), minutes=int(minutes)) * (1 if sign == "+" else -1)


def _fits(pattern: str, category: str) -> bool:
    return category.startswith(pattern[:-1]) if pattern.endswith("*") else category == pattern
