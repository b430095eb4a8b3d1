"""Timers: for each running stage the one next step that has not taken effect (warning at 80 %, due, 2×, 3×).

Only the next step is stored; firing it, or any change of the case, puts the following one in its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.cases import Stage, Step
from services.router.case import Case
from services.router.clocks import Clock, WorkingCalendar

STEPS: Sequence[Step] = ("warning", "due", "twice", "thrice")
WARNING_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Timer:
    """One row: of this generation's `stage`, `step` takes effect at `at` (UTC)."""

    generation: int
    stage: Stage
    step: Step
    at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One stage that runs: since when, until when, and on which clock."""

    stage: Stage
    since: datetime
    deadline: datetime
    clock: Clock


def running(case: Case, accept_clock: Clock, handle_clock: Clock) -> tuple[Run, ...]:
    """The stages that run now. A suspended, handled or closed case runs none."""
    if case.state not in ("dispatched", "accepted") or case.deadline is None or case.clock_from is None:
        return ()
    handle = Run("handle", case.clock_from, case.deadline, handle_clock)
    if case.state == "accepted" or case.accept_by is None:
        return (handle,)
    return Run("accept", case.clock_from, case.accept_by, accept_clock), handle


def next_timers(case: Case, accept_clock: Clock, handle_clock: Clock, calendar: WorkingCalendar) -> tuple[Timer, ...]:
    """The timers that must be stored for `case`: at most one for each stage."""
    found = []
    for run in running(case, accept_clock, handle_clock):
        step = next((s for s in STEPS if (run.stage, s) not in case.fired), None)
        if step is not None:
            found.append(Timer(case.generation, run.stage, step, instant(run, step, calendar)))
    return tuple(found)


def instant(run: Run, step: Step, calendar: WorkingCalendar) -> datetime:
    """When `step` of a running stage takes effect. A warning never comes after its deadline."""
    match step:
        case "warning":
            return min(run.deadline, calendar.deadline(run.since, run.clock.times(WARNING_SHARE)))
        case "due":
            return run.deadline
        case "twice":
            return calendar.deadline(run.deadline, run.clock)
        case "thrice":
            return calendar.deadline(run.deadline, run.clock.times(2))
