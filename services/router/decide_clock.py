"""What time does to a case: steps of its stages, the end of a suspension, a calendar that has changed. Pure."""

from datetime import datetime

from schemas import cases as ev
from services.router.case import Case, CaseEvent, Events
from services.router.city import City
from services.router.clocks import Clock
from services.router.commands import ClockAct, Refusal, Reschedule, Ring
from services.router.dispatching import limit_of, numbered
from services.router.evolve import evolve
from services.router.timers import Timer, next_timers, running

BY_CLOCK = "clock"


def clock_asks(case: Case, command: ClockAct, at: datetime, city: City) -> Events | Refusal:
    """Refusals: not_due (too early, or it has taken effect already), still_right (of a reschedule)."""
    if isinstance(command, Reschedule):
        return _rescheduled(case, command, at, city)
    if not any(_is_meant(timer, command) and timer.at <= at for timer in next_timers(case, city)):
        return Refusal("not_due")
    return due_steps(case, at, city)


def due_steps(case: Case, at: datetime, city: City) -> Events:
    """Every step of the case's clocks that is due at `at`, in the order in which they came due.

    An outage makes them late, never different: a suspension ends at its own instant, so that what was due after its
    end is due as well. Each event says when its step was due.
    """
    events: list[CaseEvent] = []
    while due := [timer for timer in next_timers(case, city) if timer.at <= at]:
        events.append(_taken(case, min(due, key=lambda timer: timer.at), at, city))
        case = evolve(case, events[-1])
    return tuple(events)


def _taken(case: Case, timer: Timer, at: datetime, city: City) -> CaseEvent:
    if timer.step == "resume":
        return resumed(case, at, city, BY_CLOCK, timer.at)
    deadline = next(run.deadline for run in running(case, city) if run.stage == timer.stage)
    return ev.CaseEscalated(
        **numbered(case, BY_CLOCK, at), generation=case.generation, stage=timer.stage, step=timer.step,
        deadline=deadline, due_at=timer.at,
    )  # fmt: skip


def resumed(case: Case, at: datetime, city: City, by: str, since: datetime | None = None) -> ev.CaseResumed:
    """The clock runs on with what was left of it, from `since` (None: from `at`)."""
    limit, start = limit_of(case, city), since or at
    left = limit.amount if case.allowed is None else case.allowed
    deadline = city.calendar.deadline(start, Clock(limit.kind, left))
    provisional = city.calendar.is_provisional(start, deadline, limit.kind)
    return ev.CaseResumed(
        **numbered(case, by, at), generation=case.generation, deadline=deadline, provisional=provisional, since=since
    )


def _is_meant(timer: Timer, command: Ring) -> bool:
    return (timer.generation, timer.stage, timer.step) == (command.generation, command.stage, command.step)


def _rescheduled(case: Case, command: Reschedule, at: datetime, city: City) -> Events | Refusal:
    """Both deadlines as today's calendar makes them of what they were made of."""
    accept_by = case.accept_by  # once accepted, it is past
    if case.clock_from is None or case.allowed is None or case.dispatched_at is None or accept_by is None:
        return Refusal("still_right")
    deadline = city.calendar.deadline(case.clock_from, Clock(limit_of(case, city).kind, case.allowed))
    provisional = city.calendar.is_provisional(case.clock_from, deadline, limit_of(case, city).kind)
    if case.state == "dispatched":
        accept_by = min(deadline, city.calendar.deadline(case.dispatched_at, city.limits.accept))
    if (deadline, accept_by, provisional) == (case.deadline, case.accept_by, case.provisional):
        return Refusal("still_right")
    return (
        ev.CaseRescheduled(
            **numbered(case, command.by, at), generation=case.generation, accept_by=accept_by, deadline=deadline,
            provisional=provisional,
        ),
    )  # fmt: skip
