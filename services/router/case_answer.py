"""A case as clients see it: for platforms and the centre alike, without any reporter."""

from datetime import datetime, timezone
from typing import Any

from services.router.case import Case, Heard
from services.router.city import City
from services.router.closing import needs


def local(at: datetime | None, city: City) -> str | None:
    """An instant in the city's own time, to the second."""
    if at is None:
        return None
    return at.astimezone(timezone(city.calendar.utc_offset)).isoformat(timespec="seconds")


def case_answer(case: Case, city: City) -> dict[str, Any]:
    """The case as it now is. Its `seq` is its ETag."""
    return {
        "case_id": str(case.case_id),
        "case_number": case.case_number,
        "state": case.state,
        "waits_for": case.waits_for or None,
        "waits_since": local(case.waits_since, city),
        "generation": case.generation,
        "seq": case.seq,
        "category": case.category,
        "category_name": city.category_names.get(case.category or ""),
        "text": case.text,
        "place": _place(case),
        "media": list(case.media),
        "additions": [_heard(one, city) for one in case.additions],
        "reports": len(case.reports),
        "platform": case.platform.model_dump() if case.platform else None,
        "opened_at": local(case.opened_at, city),
        **_clocks(case, city),
        "requested": _requested(case, city),
        "needs": needs(case, city),
        "returns": len(case.returned_by),
        "final": case.final,
        "reworks": case.reworks,
        "linked_to": str(case.linked_to) if case.linked_to else None,
        **_results(case, city),
    }


def for_the_centre(case: Case) -> dict[str, Any]:
    """What platforms do not see: who reported, in order, who disputes, and what marks they gave."""
    return {
        "report_ids": [str(report_id) for report_id in case.reports],
        "disputed_by": [str(report_id) for report_id in case.disputed_by],
        "ratings": [{"report_id": str(report_id), "stars": stars} for report_id, stars in case.ratings],
        "returned_by": list(case.returned_by),
        "added_by": [str(one.report_id) for one in case.additions],
    }


def light_of(case: Case) -> str | None:
    """green, yellow from the warning on, red from the deadline on (process.md section 2); None while nothing runs."""
    if case.state not in ("dispatched", "accepted"):
        return None
    steps = {step for stage, step in case.fired if stage == "handle"}
    return "red" if "due" in steps else "yellow" if steps else "green"


def _place(case: Case) -> dict[str, Any]:
    place = case.place
    return {
        "lon": place.lon, "lat": place.lat, "system": place.system, "address": place.address,
        "district": case.district,
    }  # fmt: skip


def _clocks(case: Case, city: City) -> dict[str, Any]:
    return {
        "accept_by": local(case.accept_by, city),
        "deadline": local(case.deadline, city),
        "original_deadline": local(case.original_deadline, city),
        "deadline_provisional": case.provisional,
        "light": light_of(case),
        "escalated": [{"stage": stage, "step": step} for stage, step in case.fired],
        "escalations": case.escalations,
        "extensions": case.extensions,
        "suspended_until": local(case.suspended_until, city),
    }


def _requested(case: Case, city: City) -> dict[str, Any] | None:
    asked = case.requested
    if asked is None:
        return {"request": "dispute"} if case.disputed_by else None
    return {
        "request": asked.request, "reason": asked.reason, "note": asked.note, "at": local(asked.at, city),
        "until": local(asked.until, city),
    }  # fmt: skip


def _heard(one: Heard, city: City) -> dict[str, Any]:
    return {"at": local(one.at, city), "text": one.text, "media": list(one.media)}


def _results(case: Case, city: City) -> dict[str, Any]:
    handling = {
        "text": case.handling, "media": list(case.handling_media), "findings": list(case.findings),
        "heard_since": [_heard(one, city) for one in case.heard_since],
    }  # fmt: skip
    reply = {"at": local(case.closed_at, city), "text": case.reply, "media": list(case.reply_media)}
    return {
        "handling": {**handling, "at": local(case.handled_at, city)} if case.handling else None,
        "reply": reply if case.closed_at and case.state != "linked" else None,
        "forced": case.forced,
    }
