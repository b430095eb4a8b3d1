"""Why each platform: every dispatch of a case, with its rule, what went in, and the candidates not taken and why."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from schemas import cases as ev
from services.router.case import CaseEvent
from services.router.dispatching import BY_CENTRE


def choices(events: Iterable[CaseEvent], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """One entry for each `case.dispatched`, in order, with the category and district of that time. `names`: by code.

    `why` of a candidate not taken: returned (it gave the case back before, and for which reason), further_down (the
    rule names it only after the one taken), not_named (the centre named another).
    """
    found: list[dict[str, Any]] = []
    inputs: dict[str, Any] = {"category": None, "district": None}
    returned: dict[str, ev.CaseReturned] = {}
    chain: tuple[str, ...] = ()
    for event in events:
        if isinstance(event, ev.CaseFiled | ev.CaseCorrected):
            inputs = {"category": event.category, "district": event.district}
        elif isinstance(event, ev.CaseReturned):
            returned[event.platform.code] = event
        elif isinstance(event, ev.CaseDispatched):
            chain = event.candidates if event.rule != BY_CENTRE else tuple(dict.fromkeys((*event.candidates, *chain)))
            found.append(_choice(event, inputs, chain, returned, names))
    return found


def _choice(
    event: ev.CaseDispatched, inputs: Mapping[str, Any], chain: tuple[str, ...],
    returned: Mapping[str, ev.CaseReturned], names: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    taken = event.platform.code
    others = [code for code in chain if code != taken]
    return {
        "generation": event.generation,
        "at": event.at,
        "by": event.by,
        "rule": event.rule,
        "city_version": event.city_version,
        "inputs": {**inputs, "owner": event.owner},
        "taken": {"code": taken, "name": event.platform.name},
        "final": event.final,
        "not_taken": [
            {"code": code, "name": names.get(code), **_why_not(code, event, returned)} for code in others
        ],
    }  # fmt: skip


def _why_not(code: str, event: ev.CaseDispatched, returned: Mapping[str, ev.CaseReturned]) -> dict[str, Any]:
    if code in returned:
        back = returned[code]
        return {"why": "returned", "reason": back.reason, "at": _utc(back.at)}
    return {"why": "not_named" if event.rule == BY_CENTRE else "further_down"}


def _utc(at: datetime) -> str:
    return at.isoformat()
