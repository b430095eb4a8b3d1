"""The one decision: what becomes of a case when somebody asks something of it. Pure; design section 5.

`decide` answers with the events, in order and numbered, or with a refusal that leaves the case as it was. What each
party may ask is decided in `decide_<party>`.
"""

from datetime import datetime

from services.router.case import Case, Events
from services.router.city import City
from services.router.commands import Asked, ClockAct, Command, Open, PlatformAct, Refusal, ReporterAct
from services.router.decide_centre import centre_asks
from services.router.decide_clock import clock_asks
from services.router.decide_platform import platform_asks
from services.router.decide_reporter import reporter_asks
from services.router.opening import opened
from services.router.transitions import ALLOWED


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


def may_know(case: Case, command: Command) -> bool:
    """Whether whoever asks may know that the case exists: a platform only if it has or had it."""
    return not isinstance(command, PlatformAct) or command.platform in case.held_by


def is_with_another(case: Case, command: Command) -> bool:
    """Whether a platform asks while another one has the case: it may not learn how the case is now."""
    return isinstance(command, PlatformAct) and case.platform is not None and command.platform != case.platform.code


def _barred(case: Case, command: Asked) -> Refusal | None:
    by_platform = isinstance(command, PlatformAct)
    if not may_know(case, command):
        return Refusal("unknown_case")
    generation = getattr(command, "generation", None)
    if generation is not None and generation != case.generation:
        return Refusal("older_generation" if generation < case.generation else "generation_unknown")
    if is_with_another(case, command):
        return Refusal("not_yours")
    if type(command) not in ALLOWED[case.state]:
        return Refusal(f"not_while_{case.state}")
    return Refusal("not_yours") if by_platform and case.platform is None else None


def _decided(case: Case, command: Asked, at: datetime, city: City) -> Events | Refusal:
    if isinstance(command, PlatformAct):
        return platform_asks(case, command, at, city)
    if isinstance(command, ReporterAct):
        return reporter_asks(case, command, at, city)
    if isinstance(command, ClockAct):
        return clock_asks(case, command, at, city)
    return centre_asks(case, command, at, city)
