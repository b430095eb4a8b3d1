"""What a report asks of a case that there is: to join it, to dispute its closing, to rate it. Pure."""

from datetime import datetime
from typing import assert_never

from schemas import cases as ev
from schemas.reports import MOST_ADDITIONS
from services.router.case import Case, Events
from services.router.city import City
from services.router.commands import Dispute, Join, Rate, Refusal, ReporterAct, Supplement
from services.router.dispatching import dispatched_to, numbered, rules_dispatch, same_again
from services.router.evolve import evolve
from services.router.same_problem import distance_m


def reporter_asks(case: Case, command: ReporterAct, at: datetime, city: City) -> Events | Refusal:
    """Refusals: already_joined, another_problem, unknown_case (of a report that is not in the case), dispute_too_late,
    dispute_waiting, too_many_additions."""
    if isinstance(command, Join):
        return _joined(case, command, at, city)
    if command.report_id not in case.reports:
        return Refusal("unknown_case")
    given = numbered(case, command.by, at)
    match command:
        case Supplement():
            return _supplemented(case, command, at)
        case Rate(report_id=report_id, stars=stars, text=text):
            return (ev.CaseRated(**given, report_id=report_id, stars=stars, text=text),)
        case Dispute():
            return _disputed(case, command, at, city)
    assert_never(command)


def _supplemented(case: Case, command: Supplement, at: datetime) -> Events | Refusal:
    """Intake asks how many there are as well, but of what it has read so far; sent quickly, more get past it."""
    if sum(one.report_id == command.report_id for one in case.additions) >= MOST_ADDITIONS:
        return Refusal("too_many_additions")
    supplemented = ev.CaseSupplemented(
        **numbered(case, command.by, at), report_id=command.report_id, text=command.text, media=command.media,
        screened=command.screened, findings=_late(case, "supplemented_after_handling"),
    )  # fmt: skip
    return (supplemented,)


def _joined(case: Case, command: Join, at: datetime, city: City) -> Events | Refusal:
    if command.report_id in case.reports:
        return Refusal("already_joined")
    if _is_another(case, command, city):
        return Refusal("another_problem")
    joined = ev.CaseJoined(
        **numbered(case, command.by, at), report_id=command.report_id, text=command.text, media=command.media,
        category=command.category, place=command.place,
        findings=_late(case, "joined_after_handling"),
    )  # fmt: skip
    return (joined,)


def _late(case: Case, finding: str) -> tuple[str, ...]:
    """What comes after a handling must be seen by whoever checks it."""
    return (finding,) if case.state == "handled" else ()


def _is_another(case: Case, command: Join, city: City) -> bool:
    """Whether the case that a report was found to be near to has become another one by a correction meanwhile.

    The centre, which links cases by hand, decides itself what is the same problem.
    """
    here, there = case.place, command.place
    if there is None or not command.by.startswith("report:"):
        return False
    if command.category != case.category:
        return True
    if here.lon is None or here.lat is None or there.lon is None or there.lat is None:
        return False
    return distance_m(here.lon, here.lat, there.lon, there.lat) > city.near.distance_m


def _disputed(case: Case, command: Dispute, at: datetime, city: City) -> Events | Refusal:
    """The first dispute of a case opens it again by itself; what comes after it waits for the centre."""
    if case.closed_at is None or at - case.closed_at > city.limits.dispute_window:
        return Refusal("dispute_too_late")
    if command.report_id in case.disputed_by:
        return Refusal("dispute_waiting")
    given = numbered(case, command.by, at)
    if case.reopened or case.forced or case.disputed_by:
        return (ev.CaseDisputed(**given, report_id=command.report_id, reason=command.text, media=command.media),)
    reopened = ev.CaseReopened(**given, report_id=command.report_id, reason=command.text, media=command.media)
    return again(case, reopened, at, city)


def again(case: Case, event: ev.CaseReworked | ev.CaseReopened, at: datetime, city: City) -> Events:
    """The event, and the same platform once more with a new clock; whom the rules choose, if nobody has it."""
    after = evolve(case, event)
    chosen = same_again(after)
    if chosen is None:
        return event, *rules_dispatch(after, at, city)
    return event, dispatched_to(after, chosen, at, city)
