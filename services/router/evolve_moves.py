"""What the side moves of a case make of it (`schemas.case_moves`), and the helpers that `evolve` shares with them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, assert_never

from schemas import cases as ev
from services.router.case import Case, Counted, Heard, Requested

ClockEvent = (
    ev.CaseExtended | ev.CaseSuspended | ev.CaseResumed | ev.CaseEscalated | ev.CaseRequested | ev.CaseRequestRefused
    | ev.CaseRescheduled
)  # fmt: skip
SideEvent = (
    ev.CaseVoided | ev.CaseLinked | ev.CaseUnlinked | ev.CaseDisputed | ev.CaseDisputeRefused | ev.CaseRated
    | ev.CaseCorrected | ev.CaseSupplemented | ClockEvent
)  # fmt: skip


def with_(case: Case, **changes: Any) -> Case:
    """The case with other values in some fields; `dataclasses.replace` takes eight times as long for 50 fields."""
    other = object.__new__(Case)
    other.__dict__.update(case.__dict__, **changes)
    return other


def waiting(case: Case, waits_for: str, at: datetime) -> Case:
    """The centre is waited for anew: its reply clock begins, and every step of it is still to come."""
    fired = tuple(step for step in case.fired if step[0] != "reply")
    return with_(case, waits_for=waits_for, waits_since=at, fired=fired)


def ended(case: Case, state: str, at: datetime, **changes: Any) -> Case:
    """The case with its last state: nothing is waited for, and no clock stands still."""
    return with_(
        case, state=state, waits_for="", waits_since=None, requested=None, suspended_until=None, closed_at=at, **changes
    )


def to_be_looked_at(case: Case, event: ev.CaseJoined | ev.CaseSupplemented) -> Case:
    """What a reporter said while a handling waits is a finding for whoever checks it; their clock does not move."""
    if not event.findings:
        return case
    heard = _heard(event, event.findings[0])
    return _with_findings(case, (*case.findings, *event.findings), (*case.heard_since, heard))


def _with_findings(case: Case, findings: Iterable[str], heard: tuple[Heard, ...]) -> Case:
    found = tuple(dict.fromkeys(findings))
    waits_for = ",".join(found) if case.state == "handled" else case.waits_for
    return with_(case, findings=found, waits_for=waits_for, heard_since=heard)


def _heard(event: ev.CaseJoined | ev.CaseSupplemented, finding: str = "") -> Heard:
    return Heard(event.at, event.report_id, event.text, event.media, finding)


def _supplemented(case: Case, event: ev.CaseSupplemented) -> Case:
    more = with_(case, additions=(*case.additions, _heard(event)), media=(*case.media, *event.media))
    return to_be_looked_at(more, event)


def _corrected(case: Case, event: ev.CaseCorrected) -> Case:
    was = case.was
    if case.platform is not None and (case.category, case.district) != (event.category, event.district):
        was = (*was, Counted(event.at, case.category or "", case.district or ""))
    return with_(case, category=event.category, district=event.district, place=event.place, was=was)


def _unlinked(case: Case, event: ev.CaseUnlinked) -> Case:
    reports = tuple(r for r in case.reports if r != event.report_id)
    additions = tuple(one for one in case.additions if one.report_id != event.report_id)
    media = tuple(m for m in case.media if m not in event.media)
    gone = with_(case, reports=reports, media=media, additions=additions)
    heard = tuple(one for one in case.heard_since if one.report_id != event.report_id)
    settled = {one.finding for one in case.heard_since} - {one.finding for one in heard}
    return _with_findings(gone, (f for f in case.findings if f not in settled), heard) if settled else gone


def turned(case: Case, event: SideEvent) -> Case:  # noqa: C901  one arm for each event
    match event:
        case ev.CaseVoided(reply=reply):
            return ended(case, "void", event.at, reply=reply)
        case ev.CaseLinked(linked_to=linked_to):
            return ended(case, "linked", event.at, linked_to=linked_to, reports=())
        case ev.CaseUnlinked():
            return _unlinked(case, event)
        case ev.CaseCorrected():
            return _corrected(case, event)
        case ev.CaseSupplemented():
            return _supplemented(case, event)
        case ev.CaseDisputed(report_id=report_id, media=media):
            # Who disputes it as well does not give the centre more time.
            pending = case if case.disputed_by else waiting(case, "dispute", event.at)
            return with_(pending, disputed_by=(*case.disputed_by, report_id), media=(*case.media, *media))
        case ev.CaseDisputeRefused():
            return with_(case, waits_for="", waits_since=None, disputed_by=())
        case ev.CaseRated(report_id=report_id, stars=stars):
            others = tuple(rating for rating in case.ratings if rating[0] != report_id)
            return with_(case, ratings=(*others, (report_id, stars)))
        case _:
            return _clocked(case, event)


def _clocked(case: Case, event: ClockEvent) -> Case:  # noqa: C901  one arm for each event
    match event:
        case ev.CaseRequested(request=request, reason=reason, note=note, until=until):
            return with_(case, requested=Requested(request, reason, note, event.at, until))
        case ev.CaseRequestRefused():
            return with_(case, requested=None)
        case ev.CaseExtended():
            return _extended(case, event)
        case ev.CaseSuspended():
            return _suspended(case, event)
        case ev.CaseResumed(deadline=deadline, provisional=provisional, since=since):
            return with_(
                case, state="accepted", suspended_until=None, clock_from=since or event.at, deadline=deadline,
                provisional=provisional,
            )  # fmt: skip
        case ev.CaseRescheduled(accept_by=accept_by, deadline=deadline, provisional=provisional):
            return with_(case, accept_by=accept_by, deadline=deadline, provisional=provisional)
        case ev.CaseEscalated(stage=stage, step=step):
            if stage is None or step is None:
                return with_(case, escalations=case.escalations + 1)
            return with_(case, fired=(*case.fired, (stage, step)))
    assert_never(event)


def _extended(case: Case, event: ev.CaseExtended) -> Case:
    more = case.limit.amount if case.limit else 0.0
    return with_(
        case, deadline=event.deadline, provisional=event.provisional, extensions=case.extensions + 1, requested=None,
        allowed=None if case.allowed is None else case.allowed + more,
    )  # fmt: skip


def _suspended(case: Case, event: ev.CaseSuspended) -> Case:
    spent = 0.0 if case.allowed is None or event.left is None else max(0.0, case.allowed - event.left)
    return with_(
        case, state="suspended", suspended_until=event.until, requested=None, allowed=event.left,
        spent=case.spent + spent,
    )  # fmt: skip
