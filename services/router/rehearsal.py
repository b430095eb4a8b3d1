"""What another city pack would have done with a case that there was: where it would have gone, and with which limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from schemas import cases as ev
from services.router.case import CaseEvent
from services.router.city import City
from services.router.dispatching import BY_CENTRE
from services.router.opening import why_held

E = TypeVar("E", bound=CaseEvent)


@dataclass(frozen=True, slots=True)
class Went:
    """Where a case first went: a platform by a rule, with a limit; or it was held (`waits_for`), or nobody had it."""

    platform: str = ""
    rule: str = ""
    limit: str = ""
    waits_for: str = ""

    def told(self, names: Mapping[str, str]) -> str:
        """In words, for a line on the terminal."""
        if self.waits_for:
            return f"held: {self.waits_for}"
        if not self.platform:
            return "nobody"
        return f"{self.platform} {names.get(self.platform, '?')} ({self.rule}, {self.limit or 'limit not recorded'})"


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One case under both packs. `case_number` is empty for a case that was never filed."""

    case_number: str
    category: str
    district: str
    then: Went
    now: Went


def rehearsed(events: Sequence[CaseEvent], city: City) -> Rehearsed | None:
    """The first answer to a report, as it was and as `city` would give it; None for what only people decided.

    A case that a person filed, or took out of another, is taken as it was filed then: category and district may have
    been corrected.
    """
    opened, filed = _first(events, ev.CaseOpened), _first(events, ev.CaseFiled)
    held, sent = _first(events, ev.CaseHeld), _first(events, ev.CaseDispatched)
    if opened is None or (sent is not None and sent.rule == BY_CENTRE):
        return None
    category = filed.category if filed else opened.category
    district = filed.district if filed else opened.place.district
    by_person = filed is not None and filed.by.startswith("centre:")
    findings = (held.reason,) if held is not None and not by_person else ()
    waits_for = None if by_person else why_held(category, district, findings, city)
    then = _as_it_was(held if filed is None else None, sent)
    return Rehearsed(
        filed.case_number if filed else "", category or "-", district or "-", then,
        Went(waits_for=waits_for) if waits_for else _as_it_would_be(category, district, sent, city),
    )  # fmt: skip


def _as_it_was(held: ev.CaseHeld | None, sent: ev.CaseDispatched | None) -> Went:
    if held is not None:
        return Went(waits_for=held.reason)
    if sent is None:
        return Went()
    limit = f"{sent.limit.amount:g} {sent.limit.clock}" if sent.limit else ""
    return Went(sent.platform.code, sent.rule, limit)


def _as_it_would_be(category: str | None, district: str | None, sent: ev.CaseDispatched | None, city: City) -> Went:
    choice = city.rules.choose_platform(category or "", district or "", sent.owner if sent else None)
    clock = city.handle_clock(category)
    limit = f"{clock.amount:g} {clock.kind}" if sent is None or sent.limit else ""
    return Went(choice.candidates[0], choice.rule, limit) if choice.candidates else Went()


def _first(events: Sequence[CaseEvent], kind: type[E]) -> E | None:
    return next((event for event in events if isinstance(event, kind)), None)
