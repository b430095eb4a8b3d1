"""What a platform may do with the case it holds: accept, return, ask for time, handle. Pure."""

from datetime import datetime, timedelta
from typing import Any, assert_never

from schemas import cases as ev
from services.router import closing
from services.router.case import Case, Events
from services.router.city import City
from services.router.commands import Accept, Extend, Handle, PlatformAct, Refusal, Return, Suspend
from services.router.dispatching import limit_of, next_dispatch, numbered
from services.router.evolve import evolve


def platform_asks(case: Case, command: PlatformAct, at: datetime, city: City) -> Events | Refusal:
    """Refusals: reason_unknown, decision_is_final, request_waiting, overdue, extended_enough, until_in_past,
    until_too_far, text_too_short, after_photo_missing."""
    given: dict[str, Any] = {
        **numbered(case, command.by, at), "generation": case.generation, "platform": case.platform,
    }  # fmt: skip
    match command:
        case Accept():
            return (ev.CaseAccepted(**given),)
        case Return():
            return _returned(case, command, given, city)
        case Extend():
            return _wants_more(case, command, given, city)
        case Suspend():
            return _wants_pause(case, command, given, city)
        case Handle():
            return _handled(case, command, given, city)
    assert_never(command)


def _returned(case: Case, command: Return, given: dict[str, Any], city: City) -> Events | Refusal:
    if ("return", command.reason) not in city.reasons:
        return Refusal("reason_unknown")
    if case.final:
        return Refusal("decision_is_final")
    returned = ev.CaseReturned(**given, reason=command.reason, note=command.note)
    return returned, *next_dispatch(evolve(case, returned), returned.at, city)


def _wants_more(case: Case, command: Extend, given: dict[str, Any], city: City) -> Events | Refusal:
    barred = _no_request(case, "extend", command, given["at"], city)
    if barred is None and case.extensions >= city.limits.most_extensions:
        barred = Refusal("extended_enough")
    if barred is not None:
        return barred
    return (ev.CaseRequested(**given, request="extension", reason=command.reason, note=command.note),)


def _wants_pause(case: Case, command: Suspend, given: dict[str, Any], city: City) -> Events | Refusal:
    at: datetime = given["at"]
    barred = _no_request(case, "suspend", command, at, city) or bad_until(
        command.until, at, city.limits.longest_suspension
    )
    if barred is not None:
        return barred
    return (
        ev.CaseRequested(
            **given, request="suspension", reason=command.reason, note=command.note, until=command.until
        ),
    )  # fmt: skip


def _no_request(case: Case, act: str, command: Extend | Suspend, at: datetime, city: City) -> Refusal | None:
    if (act, command.reason) not in city.reasons:
        return Refusal("reason_unknown")
    if case.requested is not None:
        return Refusal("request_waiting")
    return Refusal("overdue") if is_overdue(case, at) else None


def is_overdue(case: Case, at: datetime) -> bool:
    """Whether the handle clock has run out at `at`; the deadline itself is still in time."""
    return case.deadline is not None and at > case.deadline


def bad_until(until: datetime | None, at: datetime, longest: timedelta) -> Refusal | None:
    """Why a suspension cannot end then."""
    if until is None or until <= at:
        return Refusal("until_in_past")
    return Refusal("until_too_far") if until - at > longest else None


def _handled(case: Case, command: Handle, given: dict[str, Any], city: City) -> Events | Refusal:
    photo_needed = city.checking.needs_after_photo(case.category or "")
    if (reason := closing.missing(command.text, command.media, photo_needed)) is not None:
        return Refusal(reason)
    found = closing.findings(case, command, city)
    handled = ev.CaseHandled(
        **given, text=command.text, media=command.media, findings=found, spent_s=spent_s(case, given["at"], city)
    )
    if found:
        return (handled,)
    after = evolve(case, handled)
    return handled, ev.CaseClosed(**numbered(after, "router", handled.at), reply=command.text, media=command.media)


def spent_s(case: Case, at: datetime, city: City) -> int | None:
    """Seconds that the limit's own clock has run in this generation up to `at`, suspensions apart."""
    if case.clock_from is None:
        return None
    limit = limit_of(case, city)
    earlier = limit.times(case.spent / limit.amount).seconds
    return round(earlier + city.calendar.seconds_between(case.clock_from, at, limit.kind))
