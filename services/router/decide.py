"""The one decision: what becomes of a case when somebody asks something of it. Pure; design section 5.

`decide` answers with the events, in order and numbered, or with a refusal that leaves the case as it was.
"""

from datetime import datetime
from typing import Any, assert_never

from schemas import cases as ev
from services.router import closing
from services.router.case import Case, CaseEvent, evolve
from services.router.city import City
from services.router.commands import (
    Accept,
    CentreAct,
    Close,
    Command,
    Decline,
    Dispatch,
    Dispute,
    Escalate,
    File,
    Handle,
    Join,
    Open,
    PlatformAct,
    Refusal,
    Return,
    Rework,
    Ring,
)  # fmt: skip
from services.router.dispatching import dispatched_to, next_dispatch, numbered, rules_dispatch
from services.router.opening import opened
from services.router.timers import next_timers
from services.router.transitions import ALLOWED

Events = tuple[CaseEvent, ...]
Asked = Join | Dispute | PlatformAct | CentreAct | Ring


def decide(case: Case | None, command: Command, at: datetime, city: City) -> Events | Refusal:
    """The events that `command`, asked at `at`, leads to, or why not.

    Refusals: unknown_case (also for whoever never held it), older_generation, generation_unknown, not_yours,
    not_while_<state>, and what each command adds.
    """
    if isinstance(command, Open):
        return opened(command, at, city) if case is None else Refusal("already_open")
    if case is None:
        return Refusal("unknown_case")
    barred = _barred(case, command)
    return barred if barred is not None else _decided(case, command, at, city)


def _barred(case: Case, command: Asked) -> Refusal | None:
    if isinstance(command, PlatformAct) and command.platform not in case.held_by:
        return Refusal("unknown_case")
    generation = getattr(command, "generation", None)
    if generation is not None and generation != case.generation:
        return Refusal("older_generation" if generation < case.generation else "generation_unknown")
    if isinstance(command, PlatformAct) and case.platform is not None and command.platform != case.platform.code:
        return Refusal("not_yours")
    if type(command) not in ALLOWED[case.state]:
        return Refusal(f"not_while_{case.state}")
    return None


def _decided(case: Case, command: Asked, at: datetime, city: City) -> Events | Refusal:
    match command:
        case Accept() | Return() | Handle():
            return _of_platform(case, command, at, city)
        case File() | Decline() | Dispatch() | Close() | Rework() | Escalate():
            return _of_centre(case, command, at, city)
        case Join(report_id=report_id, text=text, media=media):
            return (ev.CaseJoined(**numbered(case, command.by, at), report_id=report_id, text=text, media=media),)
        case Dispute():
            return _disputed(case, command, at, city)
        case Ring():
            return _rung(case, command, at, city)
    assert_never(command)


def _of_platform(case: Case, command: PlatformAct, at: datetime, city: City) -> Events | Refusal:
    if case.platform is None:
        return Refusal("not_yours")
    given: dict[str, Any] = {
        **numbered(case, command.by, at), "generation": case.generation, "platform": case.platform,
    }  # fmt: skip
    match command:
        case Accept():
            return (ev.CaseAccepted(**given),)
        case Return(reason=reason, note=note):
            returned = ev.CaseReturned(**given, reason=reason, note=note)
            return returned, *next_dispatch(evolve(case, returned), at, city)
        case Handle():
            return _handled(case, command, given, city)
    assert_never(command)


def _handled(case: Case, command: Handle, given: dict[str, Any], city: City) -> Events | Refusal:
    reason = closing.missing(command.text, command.media, city.needs_after_photo(case.category or ""))
    if reason is not None:
        return Refusal(reason)
    before = {closing.sha256_of(media_id) for media_id in case.media}
    found = closing.findings(command.text, command.photos, before, case.said, case.shown)
    handled = ev.CaseHandled(**given, text=command.text, media=command.media, findings=found)
    if found:
        return (handled,)
    after = evolve(case, handled)
    return handled, ev.CaseClosed(**numbered(after, "router", handled.at), reply=command.text, media=command.media)


def _of_centre(  # noqa: C901  one arm for each act
    case: Case, command: CentreAct, at: datetime, city: City
) -> Events | Refusal:
    given = numbered(case, command.by, at)
    match command:
        case File():
            return _filed(case, command, at, city)
        case Decline(reason=reason, reply=reply):
            return (ev.CaseDeclined(**given, reason=reason, reply=reply),)
        case Dispatch():
            return _dispatched(case, command, at, city)
        case Close(reply=reply, outcome=outcome):
            words = reply or case.handling
            return (ev.CaseClosed(**given, outcome=outcome, reply=words, media=case.handling_media),)
        case Rework(reason=reason):
            return _again(case, ev.CaseReworked(**given, generation=case.generation, reason=reason), at, city)
        case Escalate(reason=reason):
            return (ev.CaseEscalated(**given, generation=case.generation, reason=reason, deadline=case.deadline),)
    assert_never(command)


def _again(case: Case, event: ev.CaseReworked | ev.CaseReopened, at: datetime, city: City) -> Events | Refusal:
    if case.platform is None:
        return Refusal("no_platform")
    after = evolve(case, event)
    return event, dispatched_to(after, case.platform.code, case.rule, case.candidates, at, city)


def _filed(case: Case, command: File, at: datetime, city: City) -> Events | Refusal:
    category, district = command.category or case.category, command.district or case.district
    if category is None or category not in city.clocks:
        return Refusal("category_missing" if category is None else "category_unknown")
    if district is None or district not in city.rules.platform_of_district:
        return Refusal("district_missing" if district is None else "district_unknown")
    if command.case_number is None:
        return Refusal("numbers_ran_out")
    filed = ev.CaseFiled(
        **numbered(case, command.by, at), case_number=command.case_number, category=category, district=district
    )
    return filed, *rules_dispatch(evolve(case, filed), at, city)


def _dispatched(case: Case, command: Dispatch, at: datetime, city: City) -> Events | Refusal:
    if command.platform is None:
        sent = rules_dispatch(case, at, city, command.owner, command.by)
        return sent or Refusal("no_candidate_left")
    if command.platform not in city.platforms:
        return Refusal("platform_unknown")
    if case.state != "filed" and case.platform is not None and case.platform.code == command.platform:
        return Refusal("already_there")
    return (dispatched_to(case, command.platform, "centre", (command.platform,), at, city, command.by),)


def _disputed(case: Case, command: Dispute, at: datetime, city: City) -> Events | Refusal:
    if command.report_id not in case.reports:
        return Refusal("unknown_case")
    if case.closed_at is None or at - case.closed_at > city.dispute_window:
        return Refusal("dispute_too_late")
    reopened = ev.CaseReopened(**numbered(case, command.by, at), report_id=command.report_id, reason=command.text)
    return _again(case, reopened, at, city)


def _rung(case: Case, command: Ring, at: datetime, city: City) -> Events | Refusal:
    clock = city.handle_clock(case.category)
    for timer in next_timers(case, city.accept_clock, clock, city.calendar):
        if (timer.stage, timer.step) == (command.stage, command.step) and timer.at <= at:
            deadline = case.accept_by if command.stage == "accept" else case.deadline
            given = numbered(case, command.by, at)
            return (
                ev.CaseEscalated(
                    **given, generation=case.generation, stage=command.stage, step=command.step, deadline=deadline
                ),
            )
    return Refusal("not_due")
