"""Giving a case to a platform: the next number, the next generation, both deadlines, and why this one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from schemas import cases as ev
from schemas.events import Named
from services.router.case import Case
from services.router.city import City
from services.router.platform_choice import next_candidate


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
    return (dispatched_to(case, code, choice.rule, choice.candidates, at, city, by),)


def next_dispatch(case: Case, at: datetime, city: City) -> tuple[ev.CaseDispatched, ...]:
    """After a return: the next candidate of the same choice; none when the centre must arbitrate."""
    code = next_candidate(case.candidates, case.returned_by, city.most_returns)
    return () if code is None else (dispatched_to(case, code, case.rule, case.candidates, at, city),)


def dispatched_to(
    case: Case, code: str, rule: str, candidates: Sequence[str], at: datetime, city: City, by: str = "router"
) -> ev.CaseDispatched:
    """A dispatch of the next generation with new clocks; accepting is never due after handling."""
    deadline = city.calendar.deadline(at, city.handle_clock(case.category))
    accept_by = min(deadline, city.calendar.deadline(at, city.accept_clock))
    return ev.CaseDispatched(
        **numbered(case, by, at), generation=case.generation + 1, platform=Named(code=code, name=city.platforms[code]),
        rule=rule, candidates=tuple(candidates), accept_by=accept_by, deadline=deadline, city_version=city.version,
    )  # fmt: skip
