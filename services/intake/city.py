"""The part of the city pack that intake needs: categories, districts, word lists, replies. Checked at start."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal, TypeVar

import shapely
from pydantic import TypeAdapter
from shapely.errors import ShapelyError

from chassis.pack import PackError, Row, read_table, read_words, version_of
from chassis.public_numbers import read_public_numbers
from schemas import cases, notices, reports
from schemas.events import CategoryCode, DistrictCode
from schemas.events import Words as PublicWords
from services.intake.place import Districts
from services.intake.screening import Words
from services.intake.timeline import STAGES, Said

FIELDS = ("case_number", "platform", "deadline", "until", "reason", "reply")
"""What a reply may name in braces."""
_TOLD = {*reports.KINDS, *cases.KINDS, *notices.KINDS}
_FILLED = re.compile(rf"\{{(?:{'|'.join(FIELDS)})\}}")
_IN_BRACES = re.compile(r"[{}][^{}]*\}?")
_DISTRICT_CODE = TypeAdapter(DistrictCode)
ClockKind = Literal["urgent_hour", "work_hour", "work_day", "natural_day"]


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of problem as the catalogue lists it; `clock` and `amount` are its limit for handling."""

    code: str
    name: str
    class_code: str
    class_name: str
    clock: ClockKind
    amount: int


@dataclass(frozen=True, slots=True)
class City:
    """One city, frozen at start. `offset` is its difference from UTC, `receipt_lifetime` how long a photo may wait,
    `dispute_window` how long after its reply a result may be disputed, `public_numbers` whom everybody may call."""

    version: str
    categories: Mapping[str, Category]
    districts: Districts
    words: Words
    replies: Mapping[str, Said]
    offset: timezone
    receipt_lifetime: timedelta
    dispute_window: timedelta
    public_numbers: frozenset[str]


class KindRow(Row):
    code: CategoryCode
    class_code: str
    class_name: str
    name: str
    clock: ClockKind
    amount: int
    basis: str
    tiers: str | None


class ItemRow(Row):
    code: CategoryCode
    name: str
    clock: ClockKind
    amount: int
    reward_fen_min: int
    reward_fen_max: int
    basis: str


R = TypeVar("R", KindRow, ItemRow)


class ReplyRow(Row):
    event: str
    stage: str
    zh: str
    en: str


class PolicyRow(Row):
    name: str
    value: str
    note: str | None


def read_city(folder: Path) -> City:
    """Reads the pack in `folder`. Raises `PackError` with file and line of what is wrong."""
    policy = _policy(folder)
    return City(
        version=version_of(folder),
        categories={category.code: category for category in _categories(folder)},
        districts=_districts(folder / "districts.geojson"),
        words=Words(read_words(folder / "words.txt"), read_words(folder / "adverts.txt")),
        replies=_replies(folder),
        offset=_offset(policy["utc_offset"]),
        receipt_lifetime=timedelta(hours=_number(policy["receipt_hours"], 168, "hours")),
        dispute_window=timedelta(days=_number(policy["dispute_window_days"], 366, "days")),
        public_numbers=read_public_numbers(folder),
    )


def _categories(folder: Path) -> list[Category]:
    kinds = [*_rows(folder, "components.csv", KindRow, "C"), *_rows(folder, "events.csv", KindRow, "E")]
    items = _rows(folder, "special_items.csv", ItemRow, "S")
    found = [Category(k.code, k.name, k.class_code, k.class_name, k.clock, k.amount) for k in kinds]
    return found + [Category(i.code, i.name, "S", "专项", i.clock, i.amount) for i in items]


def _rows(folder: Path, name: str, model: type[R], letter: str) -> tuple[R, ...]:
    rows = read_table(folder / name, model, "code")
    for row in rows:
        if not row.code.startswith(letter):
            raise row.wrong(name, f"code {row.code} does not begin with {letter}")
    return rows


def _policy(folder: Path) -> dict[str, PolicyRow]:
    rows = {row.name: row for row in read_table(folder / "policy.csv", PolicyRow, "name")}
    for name in ("utc_offset", "receipt_hours", "dispute_window_days"):
        if name not in rows:
            raise PackError(f"policy.csv: {name} is missing")
    return rows


def _offset(row: "PolicyRow") -> timezone:
    try:
        return timezone(datetime.strptime(row.value, "%z").utcoffset() or timedelta())
    except ValueError as why:
        raise row.wrong("policy.csv", "value: not an offset such as +08:00") from why


def _number(row: "PolicyRow", most: int, unit: str) -> int:
    if not row.value.isdecimal() or not 0 < int(row.value) <= most:
        raise row.wrong("policy.csv", f"value: 1 to {most} {unit}")
    return int(row.value)


def _replies(folder: Path) -> dict[str, Said]:
    rows = read_table(folder / "replies.csv", ReplyRow, "event")
    for row in rows:
        if row.stage not in STAGES:
            raise row.wrong("replies.csv", f"stage {row.stage} is none of {', '.join(STAGES)}")
        if row.event not in _TOLD:
            raise row.wrong("replies.csv", f"event {row.event} never happens")
        if stray := _IN_BRACES.search(_FILLED.sub("", f"{row.zh}\n{row.en}")):
            raise row.wrong("replies.csv", f"{stray.group()} is none of {', '.join(FIELDS)}")
    return {row.event: Said(row.stage, PublicWords(zh=row.zh, en=row.en)) for row in rows}


def _districts(path: Path) -> Districts:
    try:
        features = json.loads(path.read_text("utf-8-sig"))["features"]
        shapes = [
            (_DISTRICT_CODE.validate_python(f["properties"]["gb2260"]), shapely.from_geojson(json.dumps(f["geometry"])))
            for f in features
        ]
    except (OSError, ValueError, KeyError, TypeError, ShapelyError) as why:
        raise PackError(f"{path.name}: is not a collection of districts ({type(why).__name__}: {why})") from why
    for code, shape in shapes:
        if not shape.is_valid or not shape.area:
            raise PackError(f"{path.name}: the polygon of {code} is not valid")
    if not shapes or len(dict(shapes)) < len(shapes):
        raise PackError(f"{path.name}: has no district, or one twice")
    return Districts(dict(shapes))
