"""The part of the city pack that intake needs: categories, districts, word lists, replies. Checked at start."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import shapely
from ahocorasick_rs import AhoCorasick

from chassis.http.bodies import barred_characters
from chassis.pack import PackError, Row, read_table, read_words, version_of
from schemas.events import Words as PublicWords
from services.intake.place import Districts
from services.intake.screening import Words, normalise

STAGES = ("上报", "立案", "派遣", "处置", "反馈", "结案")


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
class Said:
    """What a citizen is told about an event, with placeholders, and the outward stage it leads to."""

    stage: str
    words: PublicWords


@dataclass(frozen=True, slots=True)
class City:
    """One city, frozen at start. `barred` says whether a text has characters that are not allowed."""

    version: str
    categories: Mapping[str, Category]
    districts: Districts
    words: Words
    replies: Mapping[str, Said]
    barred: Callable[[str], bool] = barred_characters


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


def read_city(folder: Path) -> City:
    """Reads the pack in `folder`. Raises `PackError` with file and line of what is wrong."""
    kinds = [row for name in ("components.csv", "events.csv") for row in read_table(folder / name, KindRow, "code")]
    items = read_table(folder / "special_items.csv", ItemRow, "code")
    found = [Category(k.code, k.name, k.class_code, k.class_name, k.clock, k.amount) for k in kinds]
    found += [Category(i.code, i.name, "S", "专项", i.clock, i.amount) for i in items]
    return City(
        version=version_of(folder),
        categories={category.code: category for category in found},
        districts=_districts(folder / "districts.geojson"),
        words=Words(_finder(folder / "words.txt"), _finder(folder / "adverts.txt")),
        replies=_replies(folder),
    )


def _finder(path: Path) -> AhoCorasick:
    return AhoCorasick([word for line in read_words(path) if (word := normalise(line))])


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
    except (OSError, ValueError, KeyError, TypeError, shapely.errors.GEOSException) as why:
        raise PackError(f"{path.name}: is not a collection of districts ({type(why).__name__}: {why})") from why
    for code, shape in shapes:
        if not shape.is_valid or shape.is_empty:
            raise PackError(f"{path.name}: the polygon of {code} is not valid")
    return Districts(shapes)
