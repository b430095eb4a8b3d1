"""`evolve`: what each event makes of a case. It only takes down what the event says and knows no calendar."""

from chassis.receipts import likenesses_in
from schemas import cases as ev
from services.router.case import Case, CaseEvent
from services.router.evolve_moves import ended, to_be_looked_at, turned, waiting, with_
from services.router.media import sha256_of


def evolve(case: Case | None, event: CaseEvent) -> Case:
    """The case after `event`. Only `case.opened` makes one out of nothing."""
    if isinstance(event, ev.CaseOpened) and case is None:
        return _opened(event)
    if case is None:
        raise ValueError(f"{event.kind} before case.opened")
    return _changed(with_(case, seq=event.seq, changed_at=event.at), event)


def _opened(event: ev.CaseOpened) -> Case:
    return Case(
        event.case_id, event.seq, "opened", event.at, event.at, event.category, event.place, event.text, event.media,
        (event.report_id,), event.city_version, district=event.place.district,
    )  # fmt: skip


def _changed(case: Case, event: CaseEvent) -> Case:  # noqa: C901  one arm for each event is the point
    match event:
        case ev.CaseJoined(report_id=report_id, media=media):
            joined = with_(case, reports=(*case.reports, report_id), media=(*case.media, *media))
            return to_be_looked_at(joined, event)
        case ev.CaseHeld(reason=reason):
            return with_(waiting(case, reason, event.at), state="held")
        case ev.CaseDeclined(reply=reply):
            return ended(case, "declined", event.at, reply=reply)
        case ev.CaseFiled(case_number=number, category=category, district=district):
            return with_(
                waiting(case, "no_platform", event.at), state="filed", case_number=number, category=category,
                district=district,
            )  # fmt: skip
        case ev.CaseDispatched():
            return _dispatched(case, event)
        case ev.CaseAccepted():
            return with_(case, state="accepted")
        case ev.CaseReturned(platform=platform):
            return _free(waiting(case, "arbitration", event.at), platform.code)
        case ev.CaseHandled():
            return _handled(case, event)
        case ev.CaseReworked():
            return with_(case, state="filed", waits_for="", waits_since=None, reworks=case.reworks + 1)
        case ev.CaseClosed(reply=reply, media=media, forced=forced):
            return ended(case, "closed", event.at, reply=reply, reply_media=media, forced=forced)
        case ev.CaseReopened():
            return _reopened(case, event)
        case ev.CaseOpened():
            raise ValueError("case.opened twice")
        case _:
            return turned(case, event)


def _dispatched(case: Case, event: ev.CaseDispatched) -> Case:
    code = event.platform.code
    held_by = case.held_by if code in case.held_by else (*case.held_by, code)
    stays = case.platform is not None and case.platform.code == code
    return with_(
        case, state="dispatched", waits_for="", waits_since=None, platform=event.platform, generation=event.generation,
        rule=event.rule, candidates=event.candidates, owner=event.owner, final=event.final, dispatched_at=event.at,
        accept_by=event.accept_by, deadline=event.deadline, provisional=event.provisional, limit=event.limit,
        original_deadline=event.deadline if event.generation == 1 else case.original_deadline, clock_from=event.at,
        spent=0.0, fired=(),
        allowed=event.limit.amount if event.limit else None, held_by=held_by, city_version=event.city_version,
        findings=(), extensions=case.extensions if stays else 0, extended_before=case.extensions if stays else 0,
        requested=None, suspended_until=None, handled_at=None, spent_s=None, was=(),
    )  # fmt: skip


def _free(case: Case, returned_by: str) -> Case:
    return with_(
        case, state="filed", platform=None, accept_by=None, deadline=None, clock_from=None, requested=None,
        provisional=False, returned_by=(*case.returned_by, returned_by),
    )  # fmt: skip


def _handled(case: Case, event: ev.CaseHandled) -> Case:
    return with_(
        case, state="handled", waits_for=",".join(event.findings), waits_since=event.at, handling=event.text,
        handling_media=event.media, handled_at=event.at, spent_s=event.spent_s, findings=event.findings,
        heard_since=(),
        requested=None, said=(*case.said, event.text),
        shown=(*case.shown, *(sha256_of(media_id) for media_id in event.media)),
        shown_media=(*case.shown_media, *(media_id for media_id in event.media if likenesses_in(media_id))),
    )  # fmt: skip


def _reopened(case: Case, event: ev.CaseReopened) -> Case:
    free = with_(case, waits_for="", waits_since=None) if case.platform else waiting(case, "no_platform", event.at)
    return with_(
        free, state="filed", closed_at=None, forced=False, reply="", reply_media=(), disputed_by=(),
        media=(*case.media, *event.media), reworks=case.reworks + 1, reopened=case.reopened + 1,
    )  # fmt: skip
