"""The side moves of a case: its clock extended, suspended, moved; requests, disputes, links, voiding, rating."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.case_event import CaseEvent, Request, Stage, Step
from schemas.events import CategoryCode, DistrictCode, Instant, Named, Place

Corrected = Literal["category", "district", "place"]


class CaseExtended(CaseEvent):
    """The centre granted one original limit more, before the deadline was over."""

    kind: ClassVar[str] = "case.extended"
    generation: int = Field(ge=1)
    deadline: Instant
    reason: str
    provisional: bool = False


class CaseSuspended(CaseEvent):
    """The clock stands still until `until`; then `left` of the limit's clock is left (null: not known)."""

    kind: ClassVar[str] = "case.suspended"
    generation: int = Field(ge=1)
    until: Instant
    reason: str
    left: float | None = Field(default=None, ge=0)


class CaseResumed(CaseEvent):
    """The clock runs again, towards a new deadline: since `since` (null: since `at`), when the suspension was over."""

    kind: ClassVar[str] = "case.resumed"
    generation: int = Field(ge=1)
    deadline: Instant
    provisional: bool = False
    since: Instant | None = None


class CaseEscalated(CaseEvent):
    """Pressed for: by the clock, at a step of a stage, or by the centre (`stage` and `step` null, `reason` given).

    `due_at` is when the step was due; after an outage it lies before `at`, when it took effect.
    """

    kind: ClassVar[str] = "case.escalated"
    generation: int = Field(ge=0)
    stage: Stage | None = None
    step: Step | None = None
    deadline: Instant | None = None
    reason: str = ""
    due_at: Instant | None = None


class CaseRequested(CaseEvent):
    """The platform asks the centre for more time, or for the clock to stand still until `until`. Nothing has moved."""

    kind: ClassVar[str] = "case.requested"
    generation: int = Field(ge=1)
    platform: Named
    request: Request
    reason: str
    note: str = ""
    until: Instant | None = None


class CaseRequestRefused(CaseEvent):
    """The centre does not grant what the platform asked for; the deadline stands, and no extension is used up."""

    kind: ClassVar[str] = "case.request_refused"
    generation: int = Field(ge=1)
    request: Request
    reason: str


class CaseRescheduled(CaseEvent):
    """The working calendar of the time ahead has changed, and the deadlines with it."""

    kind: ClassVar[str] = "case.rescheduled"
    generation: int = Field(ge=1)
    accept_by: Instant
    deadline: Instant
    provisional: bool = False


class CaseCorrected(CaseEvent):
    """The centre put right what was wrong (`changed`); `category`, `district` and `place` are right from now on.

    The case number stays. A `case.dispatched` follows where the rules name another platform or a new clock starts.
    """

    kind: ClassVar[str] = "case.corrected"
    generation: int = Field(ge=0)
    changed: tuple[Corrected, ...]
    category: CategoryCode
    district: DistrictCode
    place: Place
    reason: str


class CaseSupplemented(CaseEvent):
    """A reporter of the open case said or showed more. `screened` is what screening found in it.

    `findings`: why whoever checks the handling must look at it first (`supplemented_after_handling`).
    """

    kind: ClassVar[str] = "case.supplemented"
    report_id: UUID
    text: str = ""
    media: tuple[str, ...] = ()
    screened: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


class CaseUnlinked(CaseEvent):
    """The report is about another problem after all: it opens the case `moved_to` and takes its photos (`media`)."""

    kind: ClassVar[str] = "case.unlinked"
    report_id: UUID
    moved_to: UUID
    reason: str = ""
    media: tuple[str, ...] = ()


class CaseLinked(CaseEvent):
    """The same problem as the case `linked_to`, which its reports have joined. This one ends here."""

    kind: ClassVar[str] = "case.linked"
    linked_to: UUID
    reason: str = ""


class CaseDisputed(CaseEvent):
    """A reporter says once more that it is not done. The case stays closed until the centre has decided."""

    kind: ClassVar[str] = "case.disputed"
    report_id: UUID
    reason: str
    media: tuple[str, ...] = ()


class CaseDisputeRefused(CaseEvent):
    """The centre stands by the closing; `reply` is what the reporters who disputed it are told."""

    kind: ClassVar[str] = "case.dispute_refused"
    report_ids: tuple[UUID, ...]
    reply: str


class CaseVoided(CaseEvent):
    """It should never have been filed: it counts nowhere. `reply` is what the citizens are told."""

    kind: ClassVar[str] = "case.voided"
    reason: str
    reply: str


class CaseRated(CaseEvent):
    """A reporter's mark for the handling, 1 (poor) to 5 (good). The last one of a reporter counts."""

    kind: ClassVar[str] = "case.rated"
    report_id: UUID
    stars: int = Field(ge=1, le=5)
    text: str = ""
