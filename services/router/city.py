"""What the router needs of the city pack: read once at start, checked row by row, then frozen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import get_args

from chassis.pack import PackError, read_table, split_list, version_of
from chassis.public_numbers import read_public_numbers
from schemas.case_moves import Corrected
from services.router.city_calendar import read_calendar
from services.router.city_rows import (
    CategoryRow,
    PlatformRow,
    Policies,
    PolicyRow,
    ReasonRow,
    SpecialItemRow,
    SynonymRow,
)
from services.router.city_rules import read_rules
from services.router.clocks import Clock, WorkingCalendar
from services.router.platform_choice import Rules, fits
from services.router.same_problem import Nearness

_DROPPED = Clock("work_day", 1)


@dataclass(frozen=True, slots=True)
class Filing:
    """Which reports file themselves, and what screening found that holds one all the same."""

    self_filing: tuple[str, ...]
    hold_findings: frozenset[str]


@dataclass(frozen=True, slots=True)
class Checking:
    """What is asked of a handling, and which of them the centre looks at."""

    photo_categories: tuple[str, ...]
    shares: tuple[tuple[str, float], ...]
    photo_far_m: float
    text_reuse: timedelta
    receipt_lifetime: timedelta

    def needs_after_photo(self, category: str) -> bool:
        """Whether handling a case of this category must be shown by a photo."""
        return any(fits(pattern, category) for pattern in self.photo_categories)

    def share(self, category: str) -> float:
        """The share of handlings of this category that the centre checks whatever they look like."""
        return next((share for pattern, share in self.shares if fits(pattern, category)), 0.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """The centre's own clocks, and how often and how long a platform may be given more time."""

    accept: Clock
    check: Clock
    reply: Clock
    most_returns: int
    most_extensions: int
    longest_suspension: timedelta
    dispute_window: timedelta
    restarting: frozenset[str] = frozenset()
    """What, once corrected, starts a new clock at the same platform: category, district, place."""


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
    district_names: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]]
    """Category to what citizens say for it, its name first."""
    reasons: Mapping[tuple[str, str], str]
    """(act, code) to the words of a reason."""
    calendar: WorkingCalendar
    limits: Limits
    near: Nearness
    filing: Filing
    checking: Checking
    public_numbers: frozenset[str]
    """Digits of the telephone numbers that everybody may read."""

    def handle_clock(self, category: str | None) -> Clock:
        """How long handling may take; a category that a later pack has dropped gets one work_day."""
        return self.clocks.get(category or "", _DROPPED)

    def codes(self, act: str) -> tuple[str, ...]:
        """The reasons that may be given for `act`, in the pack's order."""
        return tuple(code for of, code in self.reasons if of == act)


def read_city(folder: Path) -> City:
    """The pack in `folder`. Raises `PackError`, which names file and line of what is wrong."""
    policies = Policies(read_table(folder / "policy.csv", PolicyRow, "name"))
    platforms = read_table(folder / "platforms.csv", PlatformRow, "code")
    categories = _categories(folder)
    names = {row.code: row.name for row in platforms}
    at_home = {row.district: row.code for row in platforms if row.district and row.kind == "district"}
    return City(
        version=version_of(folder),
        platforms=names,
        rules=read_rules(folder, names, [row.code for row in categories], at_home),
        clocks={row.code: Clock(row.clock, row.amount) for row in categories},
        category_names={row.code: row.name for row in categories},
        district_names=_district_names(folder),
        synonyms=_synonyms(folder, categories),
        reasons=_reasons(folder),
        calendar=read_calendar(folder, policies.offset("utc_offset")),
        limits=_limits(policies),
        near=Nearness(policies.number("join_distance_m"), timedelta(hours=policies.number("join_hours"))),
        filing=Filing(split_list(policies.text("self_filing")), frozenset(split_list(policies.text("hold_findings")))),
        checking=_checking(policies),
        public_numbers=read_public_numbers(folder),
    )


def _categories(folder: Path) -> list[CategoryRow | SpecialItemRow]:
    return [
        *read_table(folder / "components.csv", CategoryRow, "code"),
        *read_table(folder / "events.csv", CategoryRow, "code"),
        *read_table(folder / "special_items.csv", SpecialItemRow, "code"),
    ]


def _limits(policies: Policies) -> Limits:
    return Limits(
        accept=policies.clock("accept_clock"),
        check=policies.clock("check_clock"),
        reply=policies.clock("reply_clock"),
        most_returns=int(policies.number("most_returns", 1)),
        most_extensions=int(policies.number("most_extensions")),
        longest_suspension=timedelta(days=policies.number("longest_suspension_days")),
        dispute_window=timedelta(days=policies.number("dispute_window_days")),
        restarting=policies.some_of("correction_restarts_clock", get_args(Corrected)),
    )


def _checking(policies: Policies) -> Checking:
    return Checking(
        photo_categories=split_list(policies.text("after_photo")),
        shares=policies.shares("check_share"),
        photo_far_m=policies.number("photo_far_m"),
        text_reuse=timedelta(days=policies.number("text_reuse_days")),
        receipt_lifetime=timedelta(hours=policies.number("receipt_hours")),
    )


def _reasons(folder: Path) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for row in read_table(folder / "reasons.csv", ReasonRow):
        if (row.act, row.code) in found:
            raise row.wrong("reasons.csv", f"{row.act} has the reason {row.code} already")
        found[row.act, row.code] = row.zh
    if missing := {"decline", "return", "extend", "suspend", "force_close", "void"} - {act for act, _ in found}:
        raise PackError(f"reasons.csv: no reason for {', '.join(sorted(missing))}")
    return found


def _synonyms(folder: Path, categories: list[CategoryRow | SpecialItemRow]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {row.code: (row.name,) for row in categories}
    for row in read_table(folder / "synonyms.csv", SynonymRow, "code"):
        if row.code not in found:
            raise row.wrong("synonyms.csv", f"category {row.code} is in none of the catalogues")
        found[row.code] += split_list(row.words)
    return found


def _district_names(folder: Path) -> dict[str, str]:
    try:
        features = json.loads((folder / "districts.geojson").read_text("utf-8-sig"))["features"]
        return {feature["properties"]["gb2260"]: feature["properties"]["name"] for feature in features}
    except (OSError, ValueError, KeyError, TypeError) as why:
        raise PackError(f"districts.geojson: cannot be read ({type(why).__name__})") from why
