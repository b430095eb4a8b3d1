"""Giving a case to a platform: the next number, the next generation, both deadlines, and why this one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import cases as ev
from schemas.events import Named
from services.router.case import Case
from services.router.city import City
from services.router.clocks import Clock
from services.router.platform_choice import next_candidate

BY_CENTRE = "centre"
"""In place of a rule, where the centre named the platform."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A platform and why it: the rule, its candidates in order, the owner that was asked for."""

    code: str
    rule: str
    candidates: tuple[str, ...]
    owner: str | None = None
    final: bool = False


def numbered(case: Case, by: str, at: datetime) -> dict[str, Any]:
    """What every next event of `case` begins with."""
    return {"case_id": case.case_id, "seq": case.seq + 1, "at": at, "by": by}


def rules_dispatch(
    case: Case, at: datetime, city: City, owner: str | None = None, by: str = "router"
) -> tuple[ev.CaseDispatched, ...]:
    """One dispatch to the first candidate of the rules that has not returned the case; none if there is none."""
    choice = city.rules.choose_platform(case.category or "", case.district or "", owner)
    code = next((c for c in choice.candidates if c not in case.returned_by), None)
    if code is None:
        return ()
    return (dispatched_to(case, Chosen(code, choice.rule, choice.candidates, owner), at, city, by),)


def next_dispatch(case: Case, at: datetime, city: City) -> tuple[ev.CaseDispatched, ...]:
    """After a return: the next candidate of the same choice; none when the centre must arbitrate."""
    known = [code for code in case.candidates if code in city.platforms]  # a later pack may have dropped some
    code = next_candidate(known, case.returned_by, city.limits.most_returns)
    if code is None:
        return ()
    return (dispatched_to(case, Chosen(code, case.rule, case.candidates, case.owner), at, city),)


def same_again(case: Case) -> Chosen | None:
    """The platform that has the case, for the same reasons as before; None if nobody has it."""
    if case.platform is None:
        return None
    return Chosen(case.platform.code, case.rule, case.candidates, case.owner, case.final)


def dispatched_to(case: Case, chosen: Chosen, at: datetime, city: City, by: str = "router") -> ev.CaseDispatched:
    """A dispatch of the next generation with new clocks; accepting is never due after handling."""
    clock = city.handle_clock(case.category)
    deadline = city.calendar.deadline(at, clock)
    return ev.CaseDispatched(
        **numbered(case, by, at), generation=case.generation + 1, platform=_named(chosen.code, case, city),
        rule=chosen.rule, candidates=chosen.candidates, owner=chosen.owner, final=chosen.final,
        accept_by=min(deadline, city.calendar.deadline(at, city.limits.accept)), deadline=deadline,
        limit=ev.Limit(clock=clock.kind, amount=clock.amount),
        provisional=city.calendar.is_provisional(at, deadline, clock.kind),
        city_version=city.version,
    )  # fmt: skip


def limit_of(case: Case, city: City) -> Clock:
    """The original limit of this generation's handling."""
    return Clock(case.limit.clock, case.limit.amount) if case.limit else city.handle_clock(case.category)


def _named(code: str, case: Case, city: City) -> Named:
    """The platform by its name of today; one that the pack has dropped keeps the name it had."""
    if code not in city.platforms and case.platform is not None and case.platform.code == code:
        return case.platform
    return Named(code=code, name=city.platforms[code])
