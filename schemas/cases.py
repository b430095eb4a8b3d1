"""Topic `cases`, written by the router, key case_id: every change of a case, `seq` 1, 2, 3 … without a gap.

Kept for ever, therefore without any contact: reporters are named by report_id alone.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.events import CaseNumber, CategoryCode, DistrictCode, Event, Instant, Named, Place, PlatformCode, by_kind

Stage = Literal["accept", "handle", "check", "reply"]
Step = Literal["warning", "due", "twice", "thrice"]
Actor = str
"""Who did it: `router`, `clock`, `report:<report_id>`, `platform:<code>`, `centre:<client>`."""


class CaseEvent(Event):
    """What all events of a case share."""

    case_id: UUID
    seq: int = Field(ge=1)
    by: Actor


class CaseOpened(CaseEvent):
    """A report became a case of its own."""

    kind: ClassVar[str] = "case.opened"
    report_id: UUID
    category: CategoryCode | None
    place: Place
    text: str
    media: tuple[str, ...] = ()
    city_version: str


class CaseJoined(CaseEvent):
    """Another citizen reported the same problem; every reporter of the case hears its result."""

    kind: ClassVar[str] = "case.joined"
    report_id: UUID
    text: str = ""
    media: tuple[str, ...] = ()


class CaseHeld(CaseEvent):
    """The case waits for a person, and why."""

    kind: ClassVar[str] = "case.held"
    reason: str


class CaseDeclined(CaseEvent):
    """The city does not take it; `reply` is what the citizen is told."""

    kind: ClassVar[str] = "case.declined"
    reason: str
    reply: str


class CaseFiled(CaseEvent):
    """The city took it as its business and gave it its number, category and district for good."""

    kind: ClassVar[str] = "case.filed"
    case_number: CaseNumber
    category: CategoryCode
    district: DistrictCode


class CaseDispatched(CaseEvent):
    """Given to one platform. `rule` chose it; `candidates` are the platforms in order, the taken one among them."""

    kind: ClassVar[str] = "case.dispatched"
    generation: int = Field(ge=1)
    platform: Named
    rule: str
    candidates: tuple[PlatformCode, ...]
    accept_by: Instant
    deadline: Instant
    city_version: str


class CaseAccepted(CaseEvent):
    """The platform took it."""

    kind: ClassVar[str] = "case.accepted"
    generation: int = Field(ge=1)
    platform: Named


class CaseReturned(CaseEvent):
    """The platform says that it is not theirs."""

    kind: ClassVar[str] = "case.returned"
    generation: int = Field(ge=1)
    platform: Named
    reason: str
    note: str = ""


class CaseExtended(CaseEvent):
    """The deadline moved, before it was over."""

    kind: ClassVar[str] = "case.extended"
    generation: int = Field(ge=1)
    deadline: Instant
    reason: str


class CaseSuspended(CaseEvent):
    """The clock stands still until `until`."""

    kind: ClassVar[str] = "case.suspended"
    generation: int = Field(ge=1)
    until: Instant
    reason: str


class CaseResumed(CaseEvent):
    """The clock runs again, towards a new deadline."""

    kind: ClassVar[str] = "case.resumed"
    generation: int = Field(ge=1)
    deadline: Instant


class CaseEscalated(CaseEvent):
    """Pressed for: by the clock, at a step of a stage, or by the centre (`stage` and `step` null, `reason` given)."""

    kind: ClassVar[str] = "case.escalated"
    generation: int = Field(ge=0)
    stage: Stage | None = None
    step: Step | None = None
    deadline: Instant | None = None
    reason: str = ""


class CaseHandled(CaseEvent):
    """The platform says that it is done, with words and photos; not yet checked."""

    kind: ClassVar[str] = "case.handled"
    generation: int = Field(ge=1)
    platform: Named
    text: str
    media: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


class CaseReworked(CaseEvent):
    """Handled but found not done: the same platform again, counted. A `case.dispatched` follows."""

    kind: ClassVar[str] = "case.reworked"
    generation: int = Field(ge=1)
    reason: str


class CaseClosed(CaseEvent):
    """Nothing more will be done. `reply` and `media` are what the citizens are told and shown."""

    kind: ClassVar[str] = "case.closed"
    outcome: Literal["closed", "closed_undone"] = "closed"
    reply: str
    media: tuple[str, ...] = ()


class CaseReopened(CaseEvent):
    """A closed case lives again after a dispute. A `case.dispatched` follows."""

    kind: ClassVar[str] = "case.reopened"
    report_id: UUID
    reason: str


KINDS = by_kind(
    CaseOpened, CaseJoined, CaseHeld, CaseDeclined, CaseFiled, CaseDispatched, CaseAccepted, CaseReturned,
    CaseExtended, CaseSuspended, CaseResumed, CaseEscalated, CaseHandled, CaseReworked, CaseClosed, CaseReopened,
)  # fmt: skip
