"""A body becomes a report, or a list of what is wrong with it: every field at once, each with a stable reason."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from schemas.events import Place
from schemas.reports import Photo
from services.intake.city import City
from services.intake.place import Located, locate
from services.intake.receipt import cited
from services.intake.screening import is_phone

MOST_PHOTOS = 9
LONGEST_TEXT = 2000
FUTURE = timedelta(hours=1)
OLDEST = timedelta(days=365)

Number = Annotated[float, Field(allow_inf_nan=False, ge=-180, le=180)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PlaceBody(_Body):
    """A point as the phone gave it and the system that it declares."""

    lon: Number
    lat: Number
    system: Literal["GCJ-02", "BD-09", "WGS-84"]
    address: str = Field(default="", max_length=200)


class ReporterBody(_Body):
    """The app's own opaque name for the citizen; a phone, if the result is to be sent there."""

    ref: str = Field(min_length=1, max_length=128)
    phone: str | None = None


class ReportBody(_Body):
    """What an app sends."""

    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    category: str | None = None
    place: PlaceBody
    media: tuple[str, ...] = Field(default=(), max_length=MOST_PHOTOS, strict=False)
    observed_at: AwareDatetime | None = Field(default=None, strict=False)
    reporter: ReporterBody


@dataclass(frozen=True, slots=True)
class Wrong:
    """One field that is not fit, as the client wrote its name, a stable reason, and a sentence."""

    field: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a citizen said, understood: placed, photos checked, digest taken; nothing screened or sealed yet."""

    text: str
    category: str | None
    place: Place
    media: tuple[Photo, ...]
    observed_at: datetime | None
    reporter_ref: str
    phone: str | None
    digest: str


_REASONS = {
    "missing": ("missing", "This field is needed."),
    "extra_forbidden": ("unknown_field", "This field is not known here."),
    "string_too_long": ("too_long", "This text is too long."),
    "string_too_short": ("empty", "This text must not be empty."),
    "too_long": ("too_many", "There are too many of these."),
    "finite_number": ("not_finite", "This is not a finite number."),
    "greater_than_equal": ("out_of_range", "This number is out of range."),
    "less_than_equal": ("out_of_range", "This number is out of range."),
    "timezone_aware": ("offset_missing", "Give the instant with its offset from UTC."),
    "datetime_from_date_parsing": ("instant_unreadable", "Give an ISO 8601 instant with offset."),
    "datetime_parsing": ("instant_unreadable", "Give an ISO 8601 instant with offset."),
    "literal_error": ("system_unknown", "One of GCJ-02, BD-09, WGS-84."),
}


def read_report(body: Any, app: str, key: bytes, at: datetime, city: City) -> Report | tuple[Wrong, ...]:
    """The report in a JSON value, sent by `app` at `at`; or everything that is wrong with it.

    `key` is the secret under which media receipts are signed and the digest is taken.
    """
    if not isinstance(body, dict):
        return (Wrong("body", "not_an_object", "Send a JSON object."),)
    try:
        said = ReportBody.model_validate(body)
    except ValidationError as why:
        return tuple(_wrong(error) for error in why.errors(include_url=False, include_input=False))
    located = locate((said.place.lon, said.place.lat), said.place.system, city.districts)
    photos, wrong = _photos(said.media, app, key, at)
    wrong += _unfit(said, at, city)
    if isinstance(located, str):
        wrong.append(Wrong("place", located, _PLACE_WORDS[located]))
    if wrong or isinstance(located, str):
        return tuple(wrong)
    return Report(
        text=said.text,
        category=said.category,
        place=_place(said.place, located),
        media=photos,
        observed_at=said.observed_at,
        reporter_ref=said.reporter.ref,
        phone=said.reporter.phone,
        # Keyed, because a plain hash over known words would give the phone number away to whoever tries them all.
        digest=hmac.digest(key, orjson.dumps(body, option=orjson.OPT_SORT_KEYS), "sha256").hex(),
    )


_PLACE_WORDS = {
    "outside_city": "This point lies outside the city. Is its system the one declared?",
    "lon_lat_swapped": "This point lies in the city only with lon and lat exchanged.",
}


def _wrong(error: Any) -> Wrong:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    reason, detail = _REASONS.get(error["type"], ("wrong_type", error["msg"]))
    return Wrong(field[:100], reason, detail)


def _place(said: PlaceBody, located: Located) -> Place:
    return Place(
        lon=located.lon, lat=located.lat, raw_lon=said.lon, raw_lat=said.lat, raw_system=said.system,
        address=said.address, district=located.district,
    )  # fmt: skip


def _photos(media: tuple[str, ...], app: str, key: bytes, at: datetime) -> tuple[tuple[Photo, ...], list[Wrong]]:
    photos, wrong = [], []
    for n, media_id in enumerate(media):
        sha256, reason = cited(media_id, app, key, at)
        if sha256 is None:
            wrong.append(Wrong(f"media[{n}]", str(reason), "Upload the photo again and cite the new media_id."))
        else:
            photos.append(Photo(media_id=media_id, sha256=sha256))
    return tuple(photos), wrong


def _unfit(said: ReportBody, at: datetime, city: City) -> list[Wrong]:
    words = {"text": said.text, "place.address": said.place.address, "reporter.ref": said.reporter.ref}
    wrong = [
        Wrong(
            field, "characters_not_allowed", "Control characters, lone surrogates and direction marks are not allowed."
        )
        for field, text in words.items()
        if city.barred(text)
    ]
    if not said.text.strip():
        wrong.append(Wrong("text", "empty", "This text must not be empty."))
    if said.category is not None and said.category not in city.categories:
        wrong.append(Wrong("category", "category_unknown", "GET /v1/categories lists them."))
    if is_phone(said.reporter.ref):
        wrong.append(Wrong("reporter.ref", "contact_in_ref", "A phone number belongs into reporter.phone."))
    if said.reporter.phone is not None and not is_phone(said.reporter.phone):
        wrong.append(Wrong("reporter.phone", "phone_unreadable", "A mainland mobile number, 11 digits."))
    if said.observed_at is not None and not at - OLDEST <= said.observed_at <= at + FUTURE:
        wrong.append(Wrong("observed_at", "instant_out_of_range", "Within the last year and not in the future."))
    return wrong
