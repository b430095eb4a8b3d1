"""What an app may say in a report, and everything that can be wrong with it, field by field."""

import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from schemas.events import Instant, Place
from schemas.reports import Photo
from services.intake.coordinates import System
from services.intake.place import Districts, place
from services.intake.receipt import cite_all
from services.intake.screening import mask

MOST_PHOTOS = 9
FUTURE = timedelta(minutes=10)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_PHONE = re.compile(r"\+?[0-9]{5,15}", re.ASCII)
_DATED = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)
_REASONS = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_type": "not_text",
    "string_too_long": "too_long",
    "string_too_short": "empty",
    "too_long": "too_many",
    "float_type": "not_a_number",
    "finite_number": "not_a_number",
    "literal_error": "system_unknown",
    "list_type": "not_a_list",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "timezone_aware": "without_offset",
}
_DETAILS = {
    "category_unknown": "No category of this city has this code; see GET /v1/categories.",
    "outside_city": "The point lies outside the city.",
    "lon_lat_swapped": "lon and lat seem to be swapped.",
    "in_the_future": "This instant has not come yet.",
    "media_forged": "Not a media_id that was given out here.",
    "media_not_yours": "This photo was sent by another app.",
    "media_expired": "The photo waited too long; send it again.",
    "media_twice": "This photo stands here already.",
}


def _clean(text: str) -> str:
    if _CONTROL.search(text):
        raise PydanticCustomError("control_characters", "Control characters are not text.")
    if _BIDI.search(text):
        raise PydanticCustomError("bidi_characters", "Marks that turn the direction of writing are refused.")
    return text.strip()


def _not_empty(text: str) -> str:
    if not text:
        raise PydanticCustomError("empty", "Say something.")
    return text


def _opaque(ref: str) -> str:
    if mask(ref)[1]:
        raise PydanticCustomError("contact_in_ref", "A contact belongs into reporter.phone, where it is sealed.")
    return ref


def _phone(number: str) -> str:
    if not _PHONE.fullmatch(number):
        raise PydanticCustomError("phone_unfit", "Only digits, 5 to 15, with a leading + if you like.")
    return number


def _dated(said: Any) -> Any:
    if not isinstance(said, str) or not _DATED.match(said):  # a bare number would pass as seconds since 1970
        raise PydanticCustomError("not_an_instant", "An instant of this century, like 2026-11-24T08:30:00+08:00.")
    return said


class Claim(BaseModel):
    """A part of the body; unknown fields are refused, so that a misspelt one is not lost in silence."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ClaimedPlace(Claim):
    """A point in the declared system, degrees."""

    lon: float = Field(allow_inf_nan=False)
    lat: float = Field(allow_inf_nan=False)
    system: System
    address: Annotated[str, Field(max_length=200), AfterValidator(_clean)] = ""


class Reporter(Claim):
    """The app's own opaque id of the citizen, and a phone, if the citizen wants to be told by SMS."""

    ref: Annotated[
        str, Field(max_length=128), AfterValidator(_clean), AfterValidator(_not_empty), AfterValidator(_opaque)
    ]
    phone: Annotated[str, AfterValidator(_phone)] | None = None


class Report(Claim):
    """The body of `POST /v1/reports`."""

    text: Annotated[str, Field(max_length=2000), AfterValidator(_clean), AfterValidator(_not_empty)]
    category: str | None = None
    place: ClaimedPlace
    media: Annotated[list[str], Field(max_length=MOST_PHOTOS)] = []
    observed_at: Annotated[Instant, Field(strict=False), BeforeValidator(_dated)] | None = None
    reporter: Reporter


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field: its path as the app wrote it, a stable reason, a sentence."""

    field: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """A report that cannot be taken; nothing of it was kept."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a report is held against: the city's categories and districts, and the receipts of photos."""

    categories: Collection[str]
    districts: Districts
    receipt_key: bytes
    receipt_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Understood:
    """A report that can be taken: as claimed, with its place and its photos."""

    claimed: Report
    place: Place
    photos: tuple[Photo, ...]


def understand(claimed: Any, app: str, at: datetime, terms: Terms) -> Understood | Unfit:
    """The report in `claimed` (the JSON value of the body), or all that is wrong with it."""
    try:
        report = Report.model_validate(claimed)
    except ValidationError as why:
        return Unfit(tuple(_fault(error) for error in why.errors(include_url=False, include_input=False)))
    placed = place(report.place.lon, report.place.lat, report.place.system, report.place.address, terms.districts)
    photos = cite_all(terms.receipt_key, report.media, app, at, terms.receipt_lifetime)
    faults = [*_wrong_about(report, at, terms), *(_named(f"media.{i}", p) for i, p in enumerate(photos) if _bad(p))]
    if isinstance(placed, str):
        faults.append(_named("place", placed))
    elif not faults:
        return Understood(report, placed, tuple(p for p in photos if isinstance(p, Photo)))
    return Unfit(tuple(faults))


def digest(report: Report, key: bytes) -> str:
    """The fingerprint of a body as understood. Keyed, because a phone could be guessed from a bare hash."""
    return hmac.new(key, b"body\n" + report.model_dump_json().encode(), hashlib.sha256).hexdigest()


def _wrong_about(report: Report, at: datetime, terms: Terms) -> list[Fault]:
    faults = []
    if report.category is not None and report.category not in terms.categories:
        faults.append(_named("category", "category_unknown"))
    if report.observed_at is not None and report.observed_at > at + FUTURE:
        faults.append(_named("observed_at", "in_the_future"))
    twice = {m for m in report.media if report.media.count(m) > 1}
    return faults + [_named(f"media.{report.media.index(m)}", "media_twice") for m in sorted(twice)]


def _bad(photo: Photo | str) -> bool:
    return isinstance(photo, str)


def _named(field: str, reason: Any) -> Fault:
    return Fault(field, reason, _DETAILS[reason])


def _fault(error: Any) -> Fault:
    kind = error["type"]
    if kind.startswith("datetime"):
        kind = "not_an_instant"
    return Fault(".".join(map(str, error["loc"])) or "body", _REASONS.get(kind, kind), error["msg"])
