"""What every event has, and how a record's bytes become an event again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as why:  # at both ends of the calendar some offsets have no UTC
        raise ValueError("This instant cannot be written in UTC.") from why


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""An aware instant; any offset is read, UTC is kept."""

CategoryCode = Annotated[str, Field(pattern=r"^([CE][0-9]{4}|S[0-9]{2})$")]
DistrictCode = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
CaseNumber = Annotated[str, Field(pattern=r"^[0-9]{19}$")]
PlatformCode = Annotated[str, Field(pattern=r"^P[0-9]{3}$")]


class Fact(BaseModel):
    """A frozen part of an event. Constructing one forbids unknown fields; reading one ignores them."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601")


class Event(Fact):
    """A fact with a type of its own, `kind`, which is `ce_type` on the wire and the name in every log line."""

    kind: ClassVar[str]
    at: Instant


class Place(Fact):
    """Where it is: WGS-84 degrees for machines, words for people, and what the citizen's phone said."""

    lon: float | None = Field(default=None, ge=-180, le=180)
    lat: float | None = Field(default=None, ge=-90, le=90)
    system: Literal["WGS-84"] = "WGS-84"
    raw_lon: float | None = None
    raw_lat: float | None = None
    raw_system: Literal["GCJ-02", "BD-09", "WGS-84"] | None = None
    address: str = ""
    district: DistrictCode | None = None


class Words(Fact):
    """The same public words in the languages of the city pack."""

    zh: str
    en: str


class Sealed(Fact):
    """A libsodium sealed box in base64, and which of the notifier's keys opens it."""

    key_id: str
    box: str


class Named(Fact):
    """A platform as the public sees it."""

    code: PlatformCode
    name: str


class Unknown(ValueError):
    """The type or the body of a record is not one of this topic's; the text is a stable reason."""


def read(kinds: Mapping[str, type[Event]], kind: str, body: bytes) -> Event:
    """The event of type `kind` in `body`. Unknown fields are ignored; what does not fit raises `Unknown`."""
    model = kinds.get(kind)
    if model is None:
        raise Unknown("unknown_type")
    try:
        return model.model_validate_json(body, extra="ignore")
    except ValueError as why:
        raise Unknown("unfit_body") from why


def by_kind(*models: type[Event]) -> dict[str, type[Event]]:
    """The table that `read` takes: type on the wire to model."""
    return {model.kind: model for model in models}
