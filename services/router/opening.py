"""How a case begins: a report's own case, filed and dispatched at once where nothing is missing, else held."""

from datetime import datetime

from schemas import cases as ev
from services.router.case import Case, CaseEvent, evolve
from services.router.city import City
from services.router.commands import Command, File, Open
from services.router.dispatching import numbered, rules_dispatch


def opened(command: Open, at: datetime, city: City) -> tuple[CaseEvent, ...]:
    """A report's own case: filed and dispatched at once where category, district and number are there, else held."""
    first = ev.CaseOpened(
        case_id=command.case_id, seq=1, at=at, by=f"report:{command.report_id}", report_id=command.report_id,
        category=command.category, place=command.place, text=command.text, media=command.media,
        city_version=city.version,
    )  # fmt: skip
    case = evolve(None, first)
    reason = why_held(command.category, command.place.district, city) or (
        None if command.case_number else "numbers_ran_out"
    )
    if reason is not None:
        return first, ev.CaseHeld(**numbered(case, command.by, at), reason=reason)
    filed = ev.CaseFiled(
        **numbered(case, command.by, at), case_number=command.case_number, category=command.category,
        district=command.place.district,
    )  # fmt: skip
    return first, filed, *rules_dispatch(evolve(case, filed), at, city)


def why_held(category: str | None, district: str | None, city: City) -> str | None:
    """Why a new case must wait for a person, or None when it can be filed at once."""
    if category is None:
        return "category_missing"
    if category not in city.clocks:
        return "category_unknown"
    if district is None:
        return "district_missing"
    return None if district in city.rules.platform_of_district else "district_unknown"


def number_district(case: Case | None, command: Command, city: City) -> str | None:
    """The district whose next case number `command` will use up; None when it will not file."""
    if isinstance(command, Open):
        return command.place.district if why_held(command.category, command.place.district, city) is None else None
    if not isinstance(command, File) or case is None or case.state != "held":
        return None
    district = command.district or case.district
    return district if why_held(command.category or case.category, district, city) is None else None
