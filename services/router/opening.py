"""How a case begins: a report's own case, filed and dispatched at once where nothing is missing, else held."""

from collections.abc import Collection
from datetime import datetime

from schemas import cases as ev
from services.router.case import Case, CaseEvent
from services.router.city import City
from services.router.commands import Command, Open
from services.router.commands_of_centre import File
from services.router.dispatching import numbered, rules_dispatch
from services.router.evolve import evolve
from services.router.platform_choice import fits


def opened(command: Open, at: datetime, city: City) -> tuple[CaseEvent, ...]:
    """A report's own case: filed and dispatched at once where nothing speaks against it, else held."""
    first = ev.CaseOpened(
        case_id=command.case_id, seq=1, at=at, by=f"report:{command.report_id}", report_id=command.report_id,
        category=command.category, place=command.place, text=command.text, media=command.media,
        city_version=city.version,
    )  # fmt: skip
    case = evolve(None, first)
    reason = _why_open_is_held(command, city) or (None if command.case_number else "numbers_ran_out")
    if reason is not None:
        return first, ev.CaseHeld(**numbered(case, command.by, at), reason=reason)
    filed = ev.CaseFiled(
        **numbered(case, command.by, at), case_number=command.case_number, category=command.category,
        district=command.place.district,
    )  # fmt: skip
    return first, filed, *rules_dispatch(evolve(case, filed), at, city)


def unfit(category: str | None, district: str | None, city: City) -> str | None:
    """What keeps a case from being filed at all: category or district is missing or unknown."""
    if category is None:
        return "category_missing"
    if category not in city.clocks:
        return "category_unknown"
    if district is None:
        return "district_missing"
    return None if district in city.rules.platform_of_district else "district_unknown"


def why_held(category: str | None, district: str | None, findings: Collection[str], city: City) -> str | None:
    """Why a report must wait for a person, or None when it files itself: something is missing, screening found what
    the city wants looked at (the finding's code), or it files no report of this category unseen."""
    if (reason := unfit(category, district, city)) is not None:
        return reason
    if held := sorted(city.filing.hold_findings & set(findings)):
        return held[0]
    return None if any(fits(p, category or "") for p in city.filing.self_filing) else "needs_filing"


def number_district(case: Case | None, command: Command, city: City) -> str | None:
    """The district whose next case number `command` will use up; None when it will not file."""
    if isinstance(command, Open):
        return command.place.district if _why_open_is_held(command, city) is None else None
    if not isinstance(command, File) or case is None or case.state != "held":
        return None
    if command.generation not in (None, case.generation):
        return None
    district = command.district or case.district
    return district if unfit(command.category or case.category, district, city) is None else None


def _why_open_is_held(command: Open, city: City) -> str | None:
    if command.unlinked:  # the centre has seen it
        return unfit(command.category, command.place.district, city)
    return why_held(command.category, command.place.district, command.findings, city)
