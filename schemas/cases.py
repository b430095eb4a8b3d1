"""Topic `cases`, written by the router, key case_id: every change of a case, `seq` 1, 2, 3 … without a gap.

Kept for ever, therefore without any contact: reporters are named by report_id alone.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.case_event import Actor as Actor
from schemas.case_event import CaseEvent as CaseEvent
from schemas.case_event import ClockKind as ClockKind
from schemas.case_event import Limit as Limit
from schemas.case_event import Request as Request
from schemas.case_event import Stage as Stage
from schemas.case_event import Step as Step
from schemas.case_moves import CaseCorrected as CaseCorrected
from schemas.case_moves import CaseDisputed as CaseDisputed
from schemas.case_moves import CaseDisputeRefused as CaseDisputeRefused
from schemas.case_moves import CaseEscalated as CaseEscalated
from schemas.case_moves import CaseExtended as CaseExtended
from schemas.case_moves import CaseLinked as CaseLinked
from schemas.case_moves import CaseRated as CaseRated
from schemas.case_moves import CaseRequested as CaseRequested
from schemas.case_moves import CaseRequestRefused as CaseRequestRefused
from schemas.case_moves import CaseRescheduled as CaseRescheduled
from schemas.case_moves import CaseResumed as CaseResumed
from schemas.case_moves import CaseSupplemented as CaseSupplemented
from schemas.case_moves import CaseSuspended as CaseSuspended
from schemas.case_moves import CaseUnlinked as CaseUnlinked
from schemas.case_moves import CaseVoided as CaseVoided
from schemas.events import CaseNumber, CategoryCode, DistrictCode, Instant, Named, Place, PlatformCode, by_kind


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
    """Another citizen reported the same problem; every reporter of the case hears its result.

    `findings`: why whoever checks the handling must look at this report first (`joined_after_handling`).
    """

    kind: ClassVar[str] = "case.joined"
    report_id: UUID
    text: str = ""
    media: tuple[str, ...] = ()
    category: CategoryCode | None = None
    place: Place | None = None
    findings: tuple[str, ...] = ()


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
    """Given to one platform. `rule` chose it; `candidates` are the platforms in order, the taken one among them.

    `limit` is what `deadline` was made of; `provisional`: a day before it has no published calendar yet. `final`: the
    centre arbitrated, the platform may not return it.
    """

    kind: ClassVar[str] = "case.dispatched"
    generation: int = Field(ge=1)
    platform: Named
    rule: str
    candidates: tuple[PlatformCode, ...]
    accept_by: Instant
    deadline: Instant
    city_version: str
    owner: str | None = None
    limit: Limit | None = None
    provisional: bool = False
    final: bool = False


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


class CaseHandled(CaseEvent):
    """The platform says that it is done, with words and photos; not yet checked.

    `findings` say why the centre must look. `spent_s`: seconds of the limit's own clock since the dispatch, suspensions
    apart.
    """

    kind: ClassVar[str] = "case.handled"
    generation: int = Field(ge=1)
    platform: Named
    text: str
    media: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    spent_s: int | None = Field(default=None, ge=0)


class CaseReworked(CaseEvent):
    """Handled but found not done: the same platform again, counted. A `case.dispatched` follows."""

    kind: ClassVar[str] = "case.reworked"
    generation: int = Field(ge=1)
    reason: str


class CaseClosed(CaseEvent):
    """Nothing more will be done. `reply` and `media` are what the citizens are told and shown.

    `forced`: the centre ended it without a handling, for `reason`.
    """

    kind: ClassVar[str] = "case.closed"
    outcome: Literal["closed", "closed_undone"] = "closed"
    reply: str
    media: tuple[str, ...] = ()
    forced: bool = False
    reason: str = ""


class CaseReopened(CaseEvent):
    """A closed case lives again after a dispute, whose photos are `media`. A `case.dispatched` follows."""

    kind: ClassVar[str] = "case.reopened"
    report_id: UUID
    reason: str
    media: tuple[str, ...] = ()


KINDS = by_kind(
    CaseOpened, CaseJoined, CaseHeld, CaseDeclined, CaseFiled, CaseDispatched, CaseAccepted, CaseReturned,
    CaseExtended, CaseSuspended, CaseResumed, CaseEscalated, CaseHandled, CaseReworked, CaseClosed, CaseReopened,
    CaseRequested, CaseRequestRefused, CaseRescheduled, CaseUnlinked, CaseLinked, CaseDisputed, CaseDisputeRefused,
    CaseVoided, CaseRated, CaseCorrected, CaseSupplemented,
)  # fmt: skip
