"""A case as its events have made it; `evolve` is the only way it changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from schemas import cases as ev
from schemas.events import Named, Place

State = Literal[
    "opened", "held", "filed", "dispatched", "accepted", "suspended", "handled", "closed", "declined", "void", "linked"
]  # fmt: skip
CaseEvent = (
    ev.CaseOpened | ev.CaseJoined | ev.CaseHeld | ev.CaseDeclined | ev.CaseFiled | ev.CaseDispatched
    | ev.CaseAccepted | ev.CaseReturned | ev.CaseExtended | ev.CaseSuspended | ev.CaseResumed | ev.CaseEscalated
    | ev.CaseHandled | ev.CaseReworked | ev.CaseClosed | ev.CaseReopened | ev.CaseRequested | ev.CaseRequestRefused
    | ev.CaseRescheduled | ev.CaseUnlinked | ev.CaseLinked | ev.CaseDisputed | ev.CaseDisputeRefused | ev.CaseVoided
    | ev.CaseRated | ev.CaseCorrected | ev.CaseSupplemented
)  # fmt: skip
Events = tuple[CaseEvent, ...]
"""What one decision leads to, in order and numbered."""


@dataclass(frozen=True)
class Requested:
    """What a platform has asked of the centre and not been answered yet; `reason` is a code of the pack."""

    request: ev.Request
    reason: str
    note: str
    at: datetime
    until: datetime | None = None


@dataclass(frozen=True)
class Counted:
    """Under what a dispatch was counted until a correction."""

    until: datetime
    category: str
    district: str


@dataclass(frozen=True)
class Heard:
    """What a reporter said of a case that there was already, and the finding that it is for whoever checks."""

    at: datetime
    report_id: UUID
    text: str
    media: tuple[str, ...]
    finding: str = ""


@dataclass(frozen=True)
class Case:
    """One problem in the street. `opened` and `filed` without a platform waiting are passed through in one decision."""

    case_id: UUID
    seq: int
    state: State
    opened_at: datetime
    changed_at: datetime
    category: str | None
    place: Place
    text: str
    media: tuple[str, ...]
    reports: tuple[UUID, ...]
    """In the order in which they came; the first one opened the case."""
    city_version: str
    waits_for: str = ""
    """Why a person must look: set while held, filed without a platform, handled and not closed, or disputed."""
    waits_since: datetime | None = None
    case_number: str | None = None
    district: str | None = None
    owner: str | None = None
    platform: Named | None = None
    generation: int = 0
    rule: str = ""
    candidates: tuple[str, ...] = ()
    final: bool = False
    """The centre arbitrated: the platform may not return it."""
    dispatched_at: datetime | None = None
    accept_by: datetime | None = None
    deadline: datetime | None = None
    original_deadline: datetime | None = None
    """The deadline of the first dispatch; nothing moves it."""
    provisional: bool = False
    """A day before the deadline has no published calendar yet."""
    limit: ev.Limit | None = None
    """What the deadline of this generation was made of; None in cases older than this field."""
    clock_from: datetime | None = None
    """Since when the handle clock runs without a stop: the dispatch or the last resumption."""
    allowed: float | None = None
    """Of the limit's clock, what lies between `clock_from` and the deadline."""
    spent: float = 0.0
    """Of the limit's clock, what earlier runs of this generation took."""
    fired: tuple[tuple[ev.Stage, ev.Step], ...] = ()
    """Steps of this generation's timers that have taken effect."""
    returned_by: tuple[str, ...] = ()
    held_by: tuple[str, ...] = ()
    """Every platform that ever had the case; nobody else may know that it exists."""
    extensions: int = 0
    """Granted to this platform."""
    extended_before: int = 0
    """Of those, in earlier generations."""
    requested: Requested | None = None
    suspended_until: datetime | None = None
    reworks: int = 0
    reopened: int = 0
    disputed_by: tuple[UUID, ...] = ()
    """Reports whose dispute waits for the centre."""
    escalations: int = 0
    handling: str = ""
    handling_media: tuple[str, ...] = ()
    handled_at: datetime | None = None
    spent_s: int | None = None
    findings: tuple[str, ...] = ()
    heard_since: tuple[Heard, ...] = ()
    """What reporters said while the last handling waited for its check; whoever handled it did not know of it."""
    additions: tuple[Heard, ...] = ()
    """What reporters added, in order; their photos are among `media`."""
    was: tuple[Counted, ...] = ()
    """Under what this generation was counted before it was corrected, in order."""
    said: tuple[str, ...] = ()
    """Words of earlier handlings."""
    shown: tuple[str, ...] = ()
    """SHA-256 of every photo that earlier handlings showed."""
    shown_media: tuple[str, ...] = ()
    """The receipts of those that carry a likeness; cases handled before there were such receipts have none."""
    reply: str = ""
    reply_media: tuple[str, ...] = ()
    closed_at: datetime | None = None
    forced: bool = False
    linked_to: UUID | None = None
    ratings: tuple[tuple[UUID, int], ...] = ()
