"""What the centre corrects of a case that was filed: category, district, place; and whom it concerns then. Pure."""

from collections.abc import Collection
from datetime import datetime

from schemas import cases as ev
from schemas.case_moves import Corrected
from schemas.events import Place
from services.router.case import Case, Events
from services.router.city import City
from services.router.commands import Refusal
from services.router.commands_of_centre import Correct
from services.router.dispatching import BY_CENTRE, dispatched_to, numbered, rules_dispatch, same_again
from services.router.evolve import evolve
from services.router.opening import unfit


def corrected(case: Case, command: Correct, at: datetime, city: City) -> Events | Refusal:
    """Refusals: category_ and district_unknown (and _missing), nothing_to_correct.

    The number stays. The case is dispatched anew where the rules choose another platform for what is right, or where
    the pack lets such a correction start a new clock; a handling that waits for its check is only put right.
    """
    category, district = command.category or case.category, command.district or case.district
    if (reason := unfit(category, district, city)) is not None:
        return Refusal(reason)
    place = _place(case.place, command, district)
    now = {"category": (case.category, category), "district": (case.district, district)}
    now["place"] = (_spot(case.place), _spot(place))  # type: ignore[assignment]
    changed: tuple[Corrected, ...] = tuple(name for name, (old, new) in now.items() if old != new)  # type: ignore[misc]
    if not changed:
        return Refusal("nothing_to_correct")
    event = ev.CaseCorrected(
        **numbered(case, command.by, at), generation=case.generation, changed=changed, category=category,
        district=district, place=place, reason=command.reason,
    )  # fmt: skip
    return event, *_dispatched(evolve(case, event), changed, at, city)


def _place(old: Place, command: Correct, district: str | None) -> Place:
    """What the citizen's phone said of a point stays only as long as the point does."""
    changes: dict[str, object] = {"district": district}
    if command.point is not None and command.point != (old.lon, old.lat):
        lon, lat = command.point
        changes |= {"lon": lon, "lat": lat, "raw_lon": None, "raw_lat": None, "raw_system": None}
    if command.address is not None:
        changes["address"] = command.address
    return old.model_copy(update=changes)


def _spot(place: Place) -> tuple[float | None, float | None, str]:
    return place.lon, place.lat, place.address


def _dispatched(case: Case, changed: Collection[Corrected], at: datetime, city: City) -> tuple[ev.CaseDispatched, ...]:
    if case.state == "handled":
        return ()
    here = case.platform.code if case.platform else None
    named = here is not None and case.rule == BY_CENTRE  # the centre's own choice outranks the rules
    ruled = not named and not {"category", "district"}.isdisjoint(changed)
    sent = rules_dispatch(case, at, city, case.owner) if ruled else ()
    if sent and sent[0].platform.code != here:
        return sent
    again = same_again(case)
    if again is None or city.limits.restarting.isdisjoint(changed):
        return ()
    return sent or (dispatched_to(case, again, at, city),)
