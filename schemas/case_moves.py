"""The side moves of a case: requests and their answers, disputes, links, a moved calendar, voiding, rating."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from schemas.case_event import CaseEvent, Request
from schemas.events import Instant, Named


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


class CaseUnlinked(CaseEvent):
    """The report is about another problem after all; it opens the case `moved_to`."""

    kind: ClassVar[str] = "case.unlinked"
    report_id: UUID
    moved_to: UUID
    reason: str = ""


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
