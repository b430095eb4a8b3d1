"""A case as clients see it: for platforms and the centre alike, without any reporter."""

from datetime import datetime, timezone
from typing import Any

from services.router.case import Case
from services.router.city import City


def local(at: datetime | None, city: City) -> str | None:
    """An instant in the city's own time, to the second."""
    if at is None:
        return None
    return at.astimezone(timezone(city.calendar.utc_offset)).isoformat(timespec="seconds")


def case_answer(case: Case, city: City) -> dict[str, Any]:
    """The case as it now is."""
    place = case.place
    return {
        "case_id": str(case.case_id),
        "case_number": case.case_number,
        "state": case.state,
        "waits_for": case.waits_for or None,
        "generation": case.generation,
        "seq": case.seq,
        "category": case.category,
        "category_name": city.category_names.get(case.category or ""),
        "text": case.text,
        "place": {
            "lon": place.lon, "lat": place.lat, "system": place.system, "address": place.address,
            "district": case.district,
        },
        "media": list(case.media),
        "reports": len(case.reports),
        "platform": case.platform.model_dump() if case.platform else None,
        "opened_at": local(case.opened_at, city),
        "accept_by": local(case.accept_by, city),
        "deadline": local(case.deadline, city),
        "reworks": case.reworks,
        "handling": {"text": case.handling, "media": list(case.handling_media), "findings": list(case.findings)}
        if case.handling
        else None,
        "reply": {"at": local(case.closed_at, city), "text": case.reply, "media": list(case.reply_media)}
        if case.closed_at
        else None,
    }  # fmt: skip


def explained(case: Case, city: City) -> dict[str, Any]:
    """Why this platform: rule, version of the city pack, what went in, and the candidates not taken."""
    taken = case.platform.code if case.platform else None
    deadline = case.deadline
    return {
        "rule": case.rule or None,
        "city_version": case.city_version,
        "inputs": {"category": case.category, "district": case.district},
        "candidates": [{"code": code, "name": city.platforms.get(code)} for code in case.candidates],
        "taken": taken,
        "not_taken": [code for code in case.candidates if code != taken],
        "returned_by": list(case.returned_by),
        "deadline_provisional": deadline is not None and city.calendar.is_provisional(case.changed_at, deadline),
    }
