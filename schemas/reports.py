"""Topic `reports`, written by intake, key report_id: what a citizen said, as it left the door."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.events import CategoryCode, Event, Fact, Instant, Place, Sealed, by_kind


class Finding(Fact):
    """One thing that screening found: a stable code and, where it helps a person, the word or kind it met."""

    code: Literal["word", "advert", "personal_data", "photo_missing", "fraud_sign"]
    detail: str = ""


class Photo(Fact):
    """A photo as stored: its receipt, the SHA-256 of its bytes (hex), its size in pixels."""

    media_id: str
    sha256: str
    width: int = Field(default=0, ge=0)
    height: int = Field(default=0, ge=0)


class ReportReceived(Event):
    """A report was taken at the door. Text is masked; contact and original words travel sealed or not at all.

    `body_digest` is the SHA-256 of the citizen's body as understood, so that the same idempotency key with other
    words is seen. `request_digest` knows each photo by its bytes instead of its `media_id`, so that sending a photo
    again makes no other request; it is empty in events of the version before. `findings` empty means that the report
    may be shown in public; it is filed either way.
    """

    kind: ClassVar[str] = "report.received"
    report_id: UUID
    app: str
    reporter_ref: str
    text: str
    category: CategoryCode | None = None
    place: Place
    media: tuple[Photo, ...] = ()
    observed_at: Instant | None = None
    findings: tuple[Finding, ...] = ()
    contact: Sealed | None = None
    original_text: Sealed | None = None
    body_digest: str
    request_digest: str = ""
    city_version: str


class ReportDisputed(Event):
    """The reporter says that what was closed is not done."""

    kind: ClassVar[str] = "report.disputed"
    report_id: UUID
    app: str
    text: str
    media: tuple[Photo, ...] = ()
    request_digest: str = ""
    """As of `ReportReceived`."""


class ReportRated(Event):
    """The reporter's mark for the handling, 1 (poor) to 5 (good)."""

    kind: ClassVar[str] = "report.rated"
    report_id: UUID
    app: str
    stars: int = Field(ge=1, le=5)
    text: str = ""
    request_digest: str = ""
    """As of `ReportReceived`."""


MOST_ADDITIONS = 10
"""To one report."""


class ReportSupplemented(Event):
    """The reporter says or shows more about an open report. `findings` as of a report."""

    kind: ClassVar[str] = "report.supplemented"
    report_id: UUID
    app: str
    text: str = ""
    media: tuple[Photo, ...] = ()
    findings: tuple[Finding, ...] = ()
    request_digest: str = ""
    """As of `ReportReceived`."""


ReportEvent = ReportReceived | ReportDisputed | ReportRated | ReportSupplemented
KINDS = by_kind(ReportReceived, ReportDisputed, ReportRated, ReportSupplemented)
