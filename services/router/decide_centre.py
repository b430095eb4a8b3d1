"""What the centre may do with a case: file, arbitrate, answer requests, check, press, end, link. Pure."""

from datetime import datetime
from typing import assert_never

from schemas import cases as ev
from services.router.case import Case, Events
from services.router.city import City
from services.router.commands import Refusal
from services.router.commands_of_centre import (
    Approve,
    CentreAct,
    Close,
    Correct,
    Decline,
    Dispatch,
    Escalate,
    File,
    ForceClose,
    Link,
    Refuse,
    Resume,
    Rework,
    Unlink,
    Void,
)  # fmt: skip
from services.router.decide_clock import resumed
from services.router.decide_correction import corrected
from services.router.decide_reporter import again
from services.router.decide_requests import answered
from services.router.dispatching import BY_CENTRE, Chosen, dispatched_to, numbered, rules_dispatch
from services.router.evolve import evolve
from services.router.opening import unfit


def centre_asks(case: Case, command: CentreAct, at: datetime, city: City) -> Events | Refusal:
    """Refusals: category_ and district_missing and _unknown, numbers_ran_out, reason_unknown, platform_unknown,
    already_there, no_candidate_left, report_not_joined, first_report, same_case,
    linked_to_not_open, nothing_to_correct, and those of requests."""
    match command:
        case File() | Dispatch():
            return _placed(case, command, at, city)
        case Approve() | Refuse():
            return answered(case, command, at, city)
        case Decline() | ForceClose() | Void():
            return _ended(case, command, at, city)
        case Unlink() | Link():
            return _moved(case, command, at)
        case Correct():
            return corrected(case, command, at, city)
        case _:
            return _urged(case, command, at, city)


def _placed(case: Case, command: File | Dispatch, at: datetime, city: City) -> Events | Refusal:
    return _filed(case, command, at, city) if isinstance(command, File) else _dispatched(case, command, at, city)


def _urged(case: Case, command: Close | Rework | Escalate | Resume, at: datetime, city: City) -> Events | Refusal:
    given = numbered(case, command.by, at)
    match command:
        case Close(reply=reply, outcome=outcome):
            words = reply or case.handling
            return (ev.CaseClosed(**given, outcome=outcome, reply=words, media=case.handling_media),)
        case Rework(reason=reason):
            return again(case, ev.CaseReworked(**given, generation=case.generation, reason=reason), at, city)
        case Escalate(reason=reason):
            return (ev.CaseEscalated(**given, generation=case.generation, reason=reason, deadline=case.deadline),)
        case Resume():
            return (resumed(case, at, city, command.by),)
    assert_never(command)


def _ended(case: Case, command: Decline | ForceClose | Void, at: datetime, city: City) -> Events | Refusal:
    act = {Decline: "decline", ForceClose: "force_close", Void: "void"}[type(command)]
    words = city.reasons.get((act, command.reason))
    if words is None:
        return Refusal("reason_unknown")
    given = {**numbered(case, command.by, at), "reason": command.reason, "reply": command.reply or words}
    match command:
        case Decline():
            return (ev.CaseDeclined(**given),)
        case ForceClose():
            return (ev.CaseClosed(**given, outcome="closed_undone", forced=True),)
        case Void():
            return (ev.CaseVoided(**given),)
    assert_never(command)


def _moved(case: Case, command: Unlink | Link, at: datetime) -> Events | Refusal:
    given = numbered(case, command.by, at)
    if isinstance(command, Link):
        if command.linked_to == case.case_id:
            return Refusal("same_case")
        if not command.to_open:
            return Refusal("linked_to_not_open")
        return (ev.CaseLinked(**given, linked_to=command.linked_to, reason=command.reason),)
    if command.report_id not in case.reports:
        return Refusal("report_not_joined")
    if command.report_id == case.reports[0]:
        return Refusal("first_report")
    unlinked = ev.CaseUnlinked(
        **given, report_id=command.report_id, moved_to=command.moved_to, reason=command.reason, media=command.media
    )
    return (unlinked,)


def _filed(case: Case, command: File, at: datetime, city: City) -> Events | Refusal:
    category, district = command.category or case.category, command.district or case.district
    if (reason := unfit(category, district, city)) is not None:
        return Refusal(reason)
    if command.case_number is None:
        return Refusal("numbers_ran_out")
    filed = ev.CaseFiled(
        **numbered(case, command.by, at), case_number=command.case_number, category=category, district=district
    )
    return filed, *rules_dispatch(evolve(case, filed), at, city)


def _dispatched(case: Case, command: Dispatch, at: datetime, city: City) -> Events | Refusal:
    """By name, or by the rules. Once the platforms have returned it often enough, the name is final."""
    here = case.platform.code if case.platform else None
    if command.platform is None:
        sent = rules_dispatch(case, at, city, command.owner, command.by)
        if sent and sent[0].platform.code == here:
            return Refusal("already_there")
        return sent or Refusal("no_candidate_left")
    if command.platform not in city.platforms:
        return Refusal("platform_unknown")
    if command.platform == here:
        return Refusal("already_there")
    final = len(case.returned_by) >= city.limits.most_returns
    chosen = Chosen(command.platform, BY_CENTRE, (command.platform,), command.owner, final)
    return (dispatched_to(case, chosen, at, city, command.by),)
