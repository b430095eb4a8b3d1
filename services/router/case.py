"""A case is the fold of its events: `evolve` is the only way it changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never
from uuid import UUID

from schemas import cases as ev
from schemas.events import Named, Place
from services.router.closing import sha256_of

State = Literal[
    "opened", "held", "filed", "dispatched", "accepted", "suspended", "handled", "closed", "declined"
]  # fmt: skip
CaseEvent = (
    ev.CaseOpened | ev.CaseJoined | ev.CaseHeld | ev.CaseDeclined | ev.CaseFiled | ev.CaseDispatched
    | ev.CaseAccepted | ev.CaseReturned | ev.CaseExtended | ev.CaseSuspended | ev.CaseResumed | ev.CaseEscalated
    | ev.CaseHandled | ev.CaseReworked | ev.CaseClosed | ev.CaseReopened
)  # fmt: skip


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
    city_version: str
    waits_for: str = ""
    """Why a person must look: set while held, filed without a platform, or handled with findings."""
    case_number: str | None = None
    district: str | None = None
    platform: Named | None = None
    generation: int = 0
    rule: str = ""
    candidates: tuple[str, ...] = ()
    dispatched_at: datetime | None = None
    accept_by: datetime | None = None
    deadline: datetime | None = None
    clock_from: datetime | None = None
    """From when the handle clock counts: the dispatch, the deadline before an extension, or the resumption."""
    fired: tuple[tuple[ev.Stage, ev.Step], ...] = ()
    """Steps of this generation's timers that have taken effect."""
    returned_by: tuple[str, ...] = ()
    held_by: tuple[str, ...] = ()
    """Every platform that ever had the case; nobody else may know that it exists."""
    extensions: int = 0
    suspended_until: datetime | None = None
    reworks: int = 0
    escalations: int = 0
    handling: str = ""
    handling_media: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """Words of earlier handlings."""
    shown: tuple[str, ...] = ()
    """SHA-256 of every photo that earlier handlings showed."""
    reply: str = ""
    reply_media: tuple[str, ...] = ()
    closed_at: datetime | None = None


def evolve(case: Case | None, event: CaseEvent) -> Case:
    """The case after `event`. Only `case.opened` makes one out of nothing."""
    if isinstance(event, ev.CaseOpened):
        return _opened(event)
    if case is None:
        raise ValueError(f"{event.kind} before case.opened")
    return _changed(_with(case, seq=event.seq, changed_at=event.at), event)


def _with(case: Case, **changes: Any) -> Case:
    """The case with other values in some fields; `dataclasses.replace` takes eight times as long for 40 fields."""
    other = object.__new__(Case)
    other.__dict__.update(case.__dict__, **changes)
    return other


def _opened(event: ev.CaseOpened) -> Case:
    return Case(
        event.case_id, event.seq, "opened", event.at, event.at, event.category, event.place, event.text, event.media,
        (event.report_id,), event.city_version, district=event.place.district,
    )  # fmt: skip


def _changed(case: Case, event: CaseEvent) -> Case:  # noqa: C901  one arm for each event is the point
    match event:
        case ev.CaseJoined(report_id=report_id, media=media):
            return _with(case, reports=(*case.reports, report_id), media=(*case.media, *media))
        case ev.CaseHeld(reason=reason):
            return _with(case, state="held", waits_for=reason)
        case ev.CaseDeclined(reply=reply):
            return _with(case, state="declined", waits_for="", reply=reply, closed_at=event.at)
        case ev.CaseFiled():
            return _filed(case, event)
        case ev.CaseDispatched():
            return _dispatched(case, event)
        case ev.CaseAccepted():
            return _with(case, state="accepted")
        case ev.CaseReturned(platform=platform):
            return _free(_with(case, returned_by=(*case.returned_by, platform.code)), "arbitration")
        case ev.CaseExtended(deadline=deadline):
            return _extended(case, deadline)
        case ev.CaseSuspended(until=until):
            return _with(case, state="suspended", suspended_until=until)
        case ev.CaseResumed(deadline=deadline):
            return _resumed(case, deadline, event.at)
        case ev.CaseEscalated():
            return _escalated(case, event)
        case ev.CaseHandled():
            return _handled(case, event)
        case ev.CaseReworked():
            return _with(case, state="filed", waits_for="", reworks=case.reworks + 1)
        case ev.CaseClosed(reply=reply, media=media):
            return _with(case, state="closed", waits_for="", reply=reply, reply_media=media, closed_at=event.at)
        case ev.CaseReopened():
            return _with(case, state="filed", closed_at=None, reply="", reply_media=(), reworks=case.reworks + 1)
        case ev.CaseOpened():
            raise ValueError("case.opened twice")
    assert_never(event)


def _filed(case: Case, event: ev.CaseFiled) -> Case:
    return _with(
        case, state="filed", waits_for="no_platform", case_number=event.case_number, category=event.category,
        district=event.district,
    )  # fmt: skip


def _dispatched(case: Case, event: ev.CaseDispatched) -> Case:
    code = event.platform.code
    held_by = case.held_by if code in case.held_by else (*case.held_by, code)
    return _with(
        case, state="dispatched", waits_for="", platform=event.platform, generation=event.generation, rule=event.rule,
        candidates=event.candidates, dispatched_at=event.at, accept_by=event.accept_by, deadline=event.deadline,
        clock_from=event.at, fired=(), held_by=held_by, city_version=event.city_version, findings=(), extensions=0,
    )  # fmt: skip


def _free(case: Case, waits_for: str) -> Case:
    return _with(
        case, state="filed", waits_for=waits_for, platform=None, accept_by=None, deadline=None, clock_from=None
    )


def _extended(case: Case, deadline: datetime) -> Case:
    fired = tuple(f for f in case.fired if f[0] != "handle")
    return _with(case, clock_from=case.deadline, deadline=deadline, extensions=case.extensions + 1, fired=fired)


def _resumed(case: Case, deadline: datetime, at: datetime) -> Case:
    fired = tuple(f for f in case.fired if f[0] != "handle")
    return _with(case, state="accepted", suspended_until=None, clock_from=at, deadline=deadline, fired=fired)


def _escalated(case: Case, event: ev.CaseEscalated) -> Case:
    if event.stage is None or event.step is None:
        return _with(case, escalations=case.escalations + 1)
    return _with(case, fired=(*case.fired, (event.stage, event.step)))


def _handled(case: Case, event: ev.CaseHandled) -> Case:
    return _with(
        case, state="handled", waits_for=",".join(event.findings), handling=event.text, handling_media=event.media,
        findings=event.findings, said=(*case.said, event.text),
        shown=(*case.shown, *(sha256_of(media_id) for media_id in event.media)),
    )  # fmt: skip
