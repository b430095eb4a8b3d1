"""The centre's yes or no to what waits for it: extension (延期), suspension (挂账), a further dispute. Pure."""

from datetime import datetime

from schemas import cases as ev
from services.router.case import Case, Events
from services.router.city import City
from services.router.clocks import Clock
from services.router.commands import Refusal
from services.router.commands_of_centre import Approve, Refuse
from services.router.decide_platform import bad_until, is_overdue
from services.router.decide_reporter import again
from services.router.dispatching import limit_of, numbered


def answered(case: Case, command: Approve | Refuse, at: datetime, city: City) -> Events | Refusal:
    """What was asked for comes true, or is gone. Refusals: no_such_request, overdue, until_in_past, until_too_far."""
    if not _waits(case, command):
        return Refusal("no_such_request")
    return _approved(case, command, at, city) if isinstance(command, Approve) else _refused(case, command, at)


def _approved(case: Case, command: Approve, at: datetime, city: City) -> Events | Refusal:
    if command.request == "dispute":
        given = numbered(case, command.by, at)
        return again(case, ev.CaseReopened(**given, report_id=case.disputed_by[0], reason="dispute_upheld"), at, city)
    if is_overdue(case, at):  # the clock has gone on while the request waited: only a no is left
        return Refusal("overdue")
    return _extended(case, command, at, city) if command.request == "extension" else _suspended(case, command, at, city)


def _refused(case: Case, command: Refuse, at: datetime) -> Events | Refusal:
    given = numbered(case, command.by, at)
    if command.request == "dispute":
        return (ev.CaseDisputeRefused(**given, report_ids=case.disputed_by, reply=command.reason),)
    refused = ev.CaseRequestRefused(**given, generation=case.generation, request=command.request, reason=command.reason)
    return (refused,)


def _waits(case: Case, command: Approve | Refuse) -> bool:
    if command.request == "dispute":
        return bool(case.disputed_by)
    return case.requested is not None and case.requested.request == command.request


def _extended(case: Case, command: Approve, at: datetime, city: City) -> Events | Refusal:
    if case.deadline is None or case.requested is None:
        return Refusal("no_such_request")
    deadline = city.calendar.deadline(case.deadline, limit_of(case, city))
    return (
        ev.CaseExtended(
            **numbered(case, command.by, at), generation=case.generation, deadline=deadline,
            reason=_words(case.requested.reason, "extend", city),
            provisional=city.calendar.is_provisional(at, deadline, limit_of(case, city).kind),
        ),
    )  # fmt: skip


def _suspended(case: Case, command: Approve, at: datetime, city: City) -> Events | Refusal:
    if case.deadline is None or case.requested is None:
        return Refusal("no_such_request")
    until = case.requested.until
    if (bad := bad_until(until, at, city.limits.longest_suspension)) is not None or until is None:
        return bad or Refusal("until_in_past")
    limit = limit_of(case, city)
    left = city.calendar.seconds_between(at, case.deadline, limit.kind) / Clock(limit.kind, 1).seconds
    if case.allowed is not None:
        left = min(left, case.allowed)  # `at` may lie before the clock began, if somebody set theirs back
    return (
        ev.CaseSuspended(
            **numbered(case, command.by, at), generation=case.generation, until=until, left=left,
            reason=_words(case.requested.reason, "suspend", city),
        ),
    )  # fmt: skip


def _words(code: str, act: str, city: City) -> str:
    """The pack's words of a reason, because citizens read them."""
    return city.reasons.get((act, code), code)
