"""`evolve`: what each event makes of a case. It only takes down what the event says and knows no calendar."""

from datetime import datetime
from typing import Any, assert_never

from schemas import cases as ev
from services.router.case import Case, CaseEvent, Requested
from services.router.media import sha256_of

ClockEvent = (
    ev.CaseExtended | ev.CaseSuspended | ev.CaseResumed | ev.CaseEscalated | ev.CaseRequested | ev.CaseRequestRefused
    | ev.CaseRescheduled
)  # fmt: skip
SideEvent = (
    ev.CaseVoided | ev.CaseLinked | ev.CaseUnlinked | ev.CaseDisputed | ev.CaseDisputeRefused | ev.CaseRated
    | ClockEvent
)  # fmt: skip


def evolve(case: Case | None, event: CaseEvent) -> Case:
    """The case after `event`. Only `case.opened` makes one out of nothing."""
    if isinstance(event, ev.CaseOpened) and case is None:
        return _opened(event)
    if case is None:
        raise ValueError(f"{event.kind} before case.opened")
    return _changed(_with(case, seq=event.seq, changed_at=event.at), event)


def _with(case: Case, **changes: Any) -> Case:
    """The case with other values in some fields; `dataclasses.replace` takes eight times as long for 50 fields."""
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
            return _with(_waiting(case, reason, event.at), state="held")
        case ev.CaseDeclined(reply=reply):
            return _ended(case, "declined", event.at, reply=reply)
        case ev.CaseFiled(case_number=number, category=category, district=district):
            return _with(
                _waiting(case, "no_platform", event.at), state="filed", case_number=number, category=category,
                district=district,
            )  # fmt: skip
        case ev.CaseDispatched():
            return _dispatched(case, event)
        case ev.CaseAccepted():
            return _with(case, state="accepted")
        case ev.CaseReturned(platform=platform):
            return _free(_waiting(case, "arbitration", event.at), platform.code)
        case ev.CaseHandled():
            return _handled(case, event)
        case ev.CaseReworked():
            return _with(case, state="filed", waits_for="", waits_since=None, reworks=case.reworks + 1)
        case ev.CaseClosed(reply=reply, media=media, forced=forced):
            return _ended(case, "closed", event.at, reply=reply, reply_media=media, forced=forced)
        case ev.CaseReopened():
            return _reopened(case, event)
        case ev.CaseOpened():
            raise ValueError("case.opened twice")
        case _:
            return _turned(case, event)


def _turned(case: Case, event: SideEvent) -> Case:  # noqa: C901  one arm for each event
    match event:
        case ev.CaseVoided(reply=reply):
            return _ended(case, "void", event.at, reply=reply)
        case ev.CaseLinked(linked_to=linked_to):
            return _ended(case, "linked", event.at, linked_to=linked_to, reports=())
        case ev.CaseUnlinked(report_id=report_id, media=media):
            reports = tuple(r for r in case.reports if r != report_id)
            return _with(case, reports=reports, media=tuple(m for m in case.media if m not in media))
        case ev.CaseDisputed(report_id=report_id, media=media):
            # Who disputes it as well does not give the centre more time.
            waiting = case if case.disputed_by else _waiting(case, "dispute", event.at)
            return _with(waiting, disputed_by=(*case.disputed_by, report_id), media=(*case.media, *media))
        case ev.CaseDisputeRefused():
            return _with(case, waits_for="", waits_since=None, disputed_by=())
        case ev.CaseRated(report_id=report_id, stars=stars):
            others = tuple(rating for rating in case.ratings if rating[0] != report_id)
            return _with(case, ratings=(*others, (report_id, stars)))
        case _:
            return _clocked(case, event)


def _clocked(case: Case, event: ClockEvent) -> Case:  # noqa: C901  one arm for each event
    match event:
        case ev.CaseRequested(request=request, reason=reason, note=note, until=until):
            return _with(case, requested=Requested(request, reason, note, event.at, until))
        case ev.CaseRequestRefused():
            return _with(case, requested=None)
        case ev.CaseExtended():
            return _extended(case, event)
        case ev.CaseSuspended():
            return _suspended(case, event)
        case ev.CaseResumed(deadline=deadline, provisional=provisional, since=since):
            return _with(
                case, state="accepted", suspended_until=None, clock_from=since or event.at, deadline=deadline,
                provisional=provisional,
            )  # fmt: skip
        case ev.CaseRescheduled(accept_by=accept_by, deadline=deadline, provisional=provisional):
            return _with(case, accept_by=accept_by, deadline=deadline, provisional=provisional)
        case ev.CaseEscalated(stage=stage, step=step):
            if stage is None or step is None:
                return _with(case, escalations=case.escalations + 1)
            return _with(case, fired=(*case.fired, (stage, step)))
    assert_never(event)


def _waiting(case: Case, waits_for: str, at: datetime) -> Case:
    """The centre is waited for anew: its reply clock begins, and every step of it is still to come."""
    fired = tuple(step for step in case.fired if step[0] != "reply")
    return _with(case, waits_for=waits_for, waits_since=at, fired=fired)


def _ended(case: Case, state: str, at: datetime, **changes: Any) -> Case:
    return _with(
        case, state=state, waits_for="", waits_since=None, requested=None, suspended_until=None, closed_at=at, **changes
    )


def _dispatched(case: Case, event: ev.CaseDispatched) -> Case:
    code = event.platform.code
    held_by = case.held_by if code in case.held_by else (*case.held_by, code)
    stays = case.platform is not None and case.platform.code == code
    return _with(
        case, state="dispatched", waits_for="", waits_since=None, platform=event.platform, generation=event.generation,
        rule=event.rule, candidates=event.candidates, owner=event.owner, final=event.final, dispatched_at=event.at,
        accept_by=event.accept_by, deadline=event.deadline, provisional=event.provisional, limit=event.limit,
        original_deadline=event.deadline if event.generation == 1 else case.original_deadline, clock_from=event.at,
        spent=0.0, fired=(),
        allowed=event.limit.amount if event.limit else None, held_by=held_by, city_version=event.city_version,
        findings=(), extensions=case.extensions if stays else 0, extended_before=case.extensions if stays else 0,
        requested=None, suspended_until=None, handled_at=None, spent_s=None,
    )  # fmt: skip


def _free(case: Case, returned_by: str) -> Case:
    return _with(
        case, state="filed", platform=None, accept_by=None, deadline=None, clock_from=None, requested=None,
        provisional=False, returned_by=(*case.returned_by, returned_by),
    )  # fmt: skip


def _extended(case: Case, event: ev.CaseExtended) -> Case:
    more = case.limit.amount if case.limit else 0.0
    return _with(
        case, deadline=event.deadline, provisional=event.provisional, extensions=case.extensions + 1, requested=None,
        allowed=None if case.allowed is None else case.allowed + more,
    )  # fmt: skip


def _suspended(case: Case, event: ev.CaseSuspended) -> Case:
    spent = 0.0 if case.allowed is None or event.left is None else max(0.0, case.allowed - event.left)
    return _with(
        case, state="suspended", suspended_until=event.until, requested=None, allowed=event.left,
        spent=case.spent + spent,
    )  # fmt: skip


def _handled(case: Case, event: ev.CaseHandled) -> Case:
    return _with(
        case, state="handled", waits_for=",".join(event.findings), waits_since=event.at, handling=event.text,
        handling_media=event.media, handled_at=event.at, spent_s=event.spent_s, findings=event.findings,
        requested=None, said=(*case.said, event.text),
        shown=(*case.shown, *(sha256_of(media_id) for media_id in event.media)),
    )  # fmt: skip


def _reopened(case: Case, event: ev.CaseReopened) -> Case:
    waiting = _with(case, waits_for="", waits_since=None) if case.platform else _waiting(case, "no_platform", event.at)
    return _with(
        waiting, state="filed", closed_at=None, forced=False, reply="", reply_media=(), disputed_by=(),
        media=(*case.media, *event.media), reworks=case.reworks + 1, reopened=case.reopened + 1,
    )  # fmt: skip
