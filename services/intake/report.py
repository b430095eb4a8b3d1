"""What an app may say in a report, and everything that can be wrong with it, field by field."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from chassis.personal import mask
from schemas.coordinates import System
from schemas.events import Instant, Place
from schemas.reports import Photo
from services.intake.claim import MOST_PHOTOS, Claim, Fault, Unfit, clean, faults_of, named, not_empty
from services.intake.phone import canonical
from services.intake.place import Districts, place
from services.intake.receipt import cite_all

MAX_AHEAD = timedelta(days=1)
"""How far a phone's clock may be ahead of ours, its time zone included."""
_HEX = re.compile(r"[0-9a-f-]{24,128}", re.ASCII | re.IGNORECASE)
"""With a letter in it, a random id, in which a row of digits means nothing."""
_DATED = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)


def _opaque(ref: str) -> str:
    is_random = _HEX.fullmatch(ref) and any(letter.isalpha() for letter in ref)
    if not is_random and mask(ref)[1]:
        raise PydanticCustomError(
            "contact_in_ref", "This looks like a contact. It belongs in reporter.phone, where it is sealed."
        )
    return ref


def _phone(number: str) -> str:
    found = canonical(number)
    if found is None:
        raise PydanticCustomError(
            "phone_unfit", "A mobile number, a landline with its area code, or + and the country."
        )
    return found


def _dated(value: Any) -> Any:
    said = clean(value)
    if not isinstance(said, str) or not _DATED.match(said):  # a bare number would pass as seconds since 1970
        raise PydanticCustomError("not_an_instant", "An instant of this century, like 2026-11-24T08:30:00+08:00.")
    return said


class ClaimedPlace(Claim):
    """A point in the declared system, degrees."""

    lon: float = Field(allow_inf_nan=False)
    lat: float = Field(allow_inf_nan=False)
    system: System
    address: Annotated[str, Field(max_length=200), BeforeValidator(clean)] = ""


class Reporter(Claim):
    """The app's own opaque id of the citizen, and a phone, if the citizen wants to be told by SMS."""

    ref: Annotated[
        str, Field(max_length=128), BeforeValidator(clean), AfterValidator(not_empty), AfterValidator(_opaque)
    ]
    phone: Annotated[str, AfterValidator(_phone)] | None = None


class Report(Claim):
    """The body of `POST /v1/reports`."""

    text: Annotated[str, Field(max_length=2000), BeforeValidator(clean), AfterValidator(not_empty)]
    category: Annotated[str | None, BeforeValidator(clean)] = None
    place: ClaimedPlace
    media: list[str] = Field(default_factory=list, max_length=MOST_PHOTOS)
    observed_at: Annotated[Instant, Field(strict=False), BeforeValidator(_dated)] | None = None
    reporter: Reporter


@dataclass(frozen=True, slots=True)
class Terms:
    """What a report is held against: the city's categories, districts and public telephone numbers, and the receipts
    of photos."""

    categories: Collection[str]
    districts: Districts
    receipt_key: bytes
    receipt_lifetime: timedelta
    public_numbers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Understood:
    """A report that can be taken: as claimed, with its place, its photos, and when it was seen: a phone whose clock is
    ahead saw it at the latest when the report came."""

    claimed: Report
    place: Place
    photos: tuple[Photo, ...]
    observed_at: datetime | None


def understand(claimed: Any, app: str, at: datetime, terms: Terms) -> Understood | Unfit:
    """The report in `claimed` (the JSON value of the body), or all that is wrong with it."""
    try:
        report = Report.model_validate(claimed)
    except ValidationError as why:
        return Unfit(faults_of(why))
    placed = place(report.place.lon, report.place.lat, report.place.system, report.place.address, terms.districts)
    photos, uncitable = cite_all(terms.receipt_key, report.media, app, at, terms.receipt_lifetime)
    faults = [*_wrong_about(report, at, terms), *uncitable]
    if isinstance(placed, str):
        faults.append(named("place", placed))
    elif not faults:
        return Understood(report, placed, photos, min(report.observed_at, at) if report.observed_at else None)
    return Unfit(tuple(faults), for_now=True)


def _wrong_about(report: Report, at: datetime, terms: Terms) -> list[Fault]:
    faults = []
    if report.category is not None and report.category not in terms.categories:
        faults.append(named("category", "category_unknown"))
    if report.observed_at is not None and report.observed_at > at + MAX_AHEAD:
        faults.append(named("observed_at", "in_the_future"))
    return faults
