"""Timers: for each running stage the one next step that has not taken effect (warning at 80 %, due, 2×, 3×).

Only the next step is stored; firing it, or any change of the case, puts the following one in its place. A suspended
case has one timer, the end of its suspension.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.cases import Stage, Step
from services.router.case import Case
from services.router.city import City
from services.router.clocks import Clock
from services.router.commands import TimerStep
from services.router.dispatching import limit_of

STEPS: Sequence[Step] = ("warning", "due", "twice", "thrice")
WARNING_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Timer:
    """One row: of this generation's `stage`, `step` takes effect at `at` (UTC)."""

    generation: int
    stage: Stage
    step: TimerStep
    at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One stage that runs: its deadline, when it is warned of, and the limit that makes 2× and 3×."""

    stage: Stage
    warning: datetime
    deadline: datetime
    limit: Clock


def running(case: Case, city: City) -> tuple[Run, ...]:
    """The stages that run now: accept and handle with a platform; check or reply while the centre is waited for."""
    if case.state in ("dispatched", "accepted"):
        return _of_platform(case, city)
    if case.waits_for:
        stage: Stage = "check" if case.state == "handled" else "reply"
        since = case.waits_since or case.changed_at  # a case older than the field
        return (_from(stage, since, city.limits.check if stage == "check" else city.limits.reply, city),)
    return ()


def next_timers(case: Case, city: City) -> tuple[Timer, ...]:
    """The timers that must be stored for `case`: at most one for each stage."""
    if case.state == "suspended" and case.suspended_until is not None:
        return (Timer(case.generation, "handle", "resume", case.suspended_until),)
    found = []
    for run in running(case, city):
        step = next((s for s in STEPS if (run.stage, s) not in case.fired), None)
        if step is not None:
            found.append(Timer(case.generation, run.stage, step, instant(run, step, city)))
    return tuple(found)


def instant(run: Run, step: Step, city: City) -> datetime:
    """When `step` of a running stage takes effect; 2× is one original limit after the deadline, 3× two."""
    match step:
        case "warning":
            return run.warning
        case "due":
            return run.deadline
        case "twice":
            return city.calendar.deadline(run.deadline, run.limit)
        case "thrice":
            return city.calendar.deadline(run.deadline, run.limit.times(2))


def _from(stage: Stage, since: datetime, limit: Clock, city: City) -> Run:
    deadline = city.calendar.deadline(since, limit)
    return Run(stage, city.calendar.deadline(since, limit.times(WARNING_SHARE)), deadline, limit)


def _of_platform(case: Case, city: City) -> tuple[Run, ...]:
    if case.deadline is None or case.clock_from is None:
        return ()
    limit = limit_of(case, city)
    handle = Run("handle", min(case.deadline, _warning(case, limit, city)), case.deadline, limit)
    if case.state == "accepted" or case.accept_by is None:
        return (handle,)
    accept = city.limits.accept
    warning = city.calendar.deadline(case.clock_from, accept.times(WARNING_SHARE))
    return Run("accept", min(case.accept_by, warning), case.accept_by, accept), handle


def _warning(case: Case, limit: Clock, city: City) -> datetime:
    """When 80 % of everything allowed in this generation is spent; at once, if more than that was when it resumed."""
    allowed = limit.amount * (1 + case.extensions) if case.allowed is None else case.allowed
    until = max(0.0, allowed - (case.spent + allowed) * (1 - WARNING_SHARE))
    assert case.clock_from is not None  # noqa: S101 - asked for running clocks only
    return city.calendar.deadline(case.clock_from, Clock(limit.kind, until))
