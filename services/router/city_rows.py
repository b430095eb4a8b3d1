"""The tables of the city pack that the router reads, row by row, and how single cells are understood."""

import re
from collections.abc import Collection, Mapping
from datetime import date, time, timedelta
from typing import Literal

from chassis.pack import PackError, Row, split_list
from schemas.case_event import ClockKind
from services.router.clocks import Clock

_OFFSET = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])")
ReasonedAct = Literal["decline", "return", "extend", "suspend", "force_close", "void"]


class PlatformRow(Row):
    code: str
    name: str
    kind: Literal["district", "zone", "department", "utility", "enterprise"]
    group: str
    district: str | None
    basis: str | None


class RuleRow(Row):
    rule: str
    category: str
    district: str
    owner: str
    platform: str
    fallback: str | None
    note: str | None


class CategoryRow(Row):
    code: str
    class_code: str
    class_name: str
    name: str
    clock: ClockKind
    amount: int
    basis: str | None
    tiers: str | None


class SpecialItemRow(Row):
    code: str
    name: str
    clock: ClockKind
    amount: int
    reward_fen_min: int
    reward_fen_max: int
    basis: str | None


class DayRow(Row):
    kind: Literal["period", "season", "holiday", "workday"]
    first: date
    last: date | None
    value: str | None
    note: str | None


class ReasonRow(Row):
    act: ReasonedAct
    code: str
    zh: str
    en: str


class SynonymRow(Row):
    code: str
    words: str


class PolicyRow(Row):
    name: str
    value: str
    note: str | None


class Policies:
    """The rows of `policy.csv` by name; what is missing or unfit is a `PackError`."""

    def __init__(self, rows: tuple[PolicyRow, ...]) -> None:
        self._rows: Mapping[str, PolicyRow] = {row.name: row for row in rows}

    def text(self, name: str) -> str:
        return self._row(name).value

    def number(self, name: str, least: float = 0) -> float:
        row = self._row(name)
        try:
            found = float(row.value)
        except ValueError as why:
            raise row.wrong("policy.csv", f"{name} must be a number") from why
        if not least <= found < 1e9:
            raise row.wrong("policy.csv", f"{name} must be a number from {least:g}")
        return found

    def clock(self, name: str) -> Clock:
        row = self._row(name)
        match row.value.split():
            case [amount, ("urgent_hour" | "work_hour" | "work_day" | "natural_day") as kind] if _positive(amount):
                return Clock(kind, float(amount))
        raise row.wrong("policy.csv", f"{name} must be like '2 work_hour'")

    def offset(self, name: str) -> timedelta:
        row = self._row(name)
        found = _OFFSET.fullmatch(row.value)
        if found is None:
            raise row.wrong("policy.csv", f"{name} must be like +08:00")
        return timedelta(hours=int(found[2]), minutes=int(found[3])) * (1 if found[1] == "+" else -1)

    def shares(self, name: str) -> tuple[tuple[str, float], ...]:
        """`E05*=1;*=0.1`: patterns of categories, each with a share from 0 to 1."""
        row = self._row(name)
        found = []
        for part in row.value.split(";"):
            pattern, _, share = part.strip().partition("=")
            if not pattern or not _positive(share, zero=True) or float(share) > 1:
                raise row.wrong("policy.csv", f"{name} must be like 'E05*=1;*=0.1'")
            found.append((pattern, float(share)))
        return tuple(found)

    def some_of(self, name: str, allowed: Collection[str]) -> frozenset[str]:
        """`category;place`: some of the allowed words; none if the pack has no such row."""
        if name not in self._rows:
            return frozenset()
        found = frozenset(split_list(self._rows[name].value))
        if strays := sorted(found - set(allowed)):
            raise self._rows[name].wrong("policy.csv", f"{strays[0]} is none of {', '.join(allowed)}")
        return found

    def _row(self, name: str) -> PolicyRow:
        if name not in self._rows:
            raise PackError(f"policy.csv: {name} is missing")
        return self._rows[name]


def span_of(row: DayRow, text: str) -> tuple[int, int]:
    """`08:00-12:00` as seconds of the day."""
    try:
        opens, closes = (time.fromisoformat(part) for part in text.split("-"))
    except ValueError as why:
        raise row.wrong("calendar.csv", "value must be like 08:00-12:00") from why
    if opens >= closes:
        raise row.wrong("calendar.csv", "a period must close after it opens")
    return opens.hour * 3600 + opens.minute * 60, closes.hour * 3600 + closes.minute * 60


def _positive(text: str, *, zero: bool = False) -> bool:
    digits = text.replace(".", "", 1)
    return digits.isascii() and digits.isdigit() and (zero or float(text) > 0)
