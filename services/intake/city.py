"""The part of the city pack that intake needs: categories, districts, word lists, replies. Checked at start."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import shapely
from shapely.errors import ShapelyError

from chassis.pack import PackError, Row, read_table, read_words, version_of
from schemas.events import Words as PublicWords
from services.intake.place import Districts
from services.intake.screening import Words
from services.intake.timeline import STAGES, Said


@dataclass(frozen=True, slots=True)
class Category:
    """A kind of problem as the catalogue lists it; `clock` and `amount` are its limit for handling."""

    code: str
    name: str
    class_code: str
    class_name: str
    clock: str
    amount: int


@dataclass(frozen=True, slots=True)
class City:
    """One city, frozen at start. `offset` is its difference from UTC, `receipt_lifetime` how long a photo may wait."""

    version: str
    categories: Mapping[str, Category]
    districts: Districts
    words: Words
    replies: Mapping[str, Said]
    offset: timezone
    receipt_lifetime: timedelta


class KindRow(Row):
    code: str
    class_code: str
    class_name: str
    name: str
    clock: str
    amount: int
    basis: str
    tiers: str | None


class ItemRow(Row):
    code: str
    name: str
    clock: str
    amount: int
    reward_fen_min: int
    reward_fen_max: int
    basis: str


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
    kinds = [row for name in ("components.csv", "events.csv") for row in read_table(folder / name, KindRow, "code")]
    items = read_table(folder / "special_items.csv", ItemRow, "code")
    policy = _policy(folder)
    found = [Category(k.code, k.name, k.class_code, k.class_name, k.clock, k.amount) for k in kinds]
    found += [Category(i.code, i.name, "S", "专项", i.clock, i.amount) for i in items]
    return City(
        version=version_of(folder),
        categories={category.code: category for category in found},
        districts=_districts(folder / "districts.geojson"),
        words=Words(read_words(folder / "words.txt"), read_words(folder / "adverts.txt")),
        replies=_replies(folder),
        offset=_offset(policy["utc_offset"]),
        receipt_lifetime=timedelta(hours=_hours(policy["receipt_hours"])),
    )


def _policy(folder: Path) -> dict[str, PolicyRow]:
    rows = {row.name: row for row in read_table(folder / "policy.csv", PolicyRow, "name")}
    for name in ("utc_offset", "receipt_hours"):
        if name not in rows:
            raise PackError(f"policy.csv: {name} is missing")
    return rows


def _offset(row: "PolicyRow") -> timezone:
    try:
        return timezone(datetime.strptime(row.value, "%z").utcoffset() or timedelta())
    except ValueError as why:
        raise row.wrong("policy.csv", "value: not an offset such as +08:00") from why


def _hours(row: "PolicyRow") -> int:
    if not row.value.isdecimal() or not 0 < int(row.value) <= 168:
        raise row.wrong("policy.csv", "value: 1 to 168 hours")
    return int(row.value)


def _replies(folder: Path) -> dict[str, Said]:
    rows = read_table(folder / "replies.csv", ReplyRow, "event")
    for row in rows:
        if row.stage not in STAGES:
            raise row.wrong("replies.csv", f"stage {row.stage} is none of {', '.join(STAGES)}")
    return {row.event: Said(row.stage, PublicWords(zh=row.zh, en=row.en)) for row in rows}


def _districts(path: Path) -> Districts:
    try:
        features = json.loads(path.read_text("utf-8"))["features"]
        shapes = [(str(f["properties"]["gb2260"]), shapely.from_geojson(json.dumps(f["geometry"]))) for f in features]
    except (OSError, ValueError, KeyError, TypeError, ShapelyError) as why:
        raise PackError(f"{path.name}: is not a collection of districts ({type(why).__name__}: {why})") from why
    for code, shape in shapes:
        if not shape.is_valid or shape.is_empty:
            raise PackError(f"{path.name}: the polygon of {code} is not valid")
    return Districts(dict(shapes))
