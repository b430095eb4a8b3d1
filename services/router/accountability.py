"""What the statistics keep of each dispatch, made of the same events as the case itself (process.md section 7).

One `Account` for each case and generation: who had it, by when it was due, when it was handled and on what time of its
own clock, and how else it ended. It is the fold of history: told once more, history gives the same accounts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from schemas import cases as ev
from services.router.case import Case, CaseEvent, Counted
from services.router.evolve import evolve

_ENDS: dict[type[CaseEvent], str] = {ev.CaseVoided: "void", ev.CaseLinked: "linked"}


@dataclass(frozen=True, slots=True)
class Account:
    """One dispatch. `deadline` is None while its clock stands still; `ended` says how it ended without a handling:
    withdrawn (the centre gave the case to another, or a correction sent it anew), forced, void, linked."""

    case_id: UUID
    generation: int
    platform: str
    rule: str
    category: str
    district: str
    dispatched_at: datetime
    deadline: datetime | None
    extensions: int = 0
    handled_at: datetime | None = None
    spent_s: int | None = None
    reworked_at: datetime | None = None
    returned_at: datetime | None = None
    return_reason: str = ""
    ended_at: datetime | None = None
    ended: str = ""
    was: tuple[Counted, ...] = ()
    """Under what it was counted before it was corrected, in order."""


def accounts_of(before: Case | None, after: Case, event: CaseEvent) -> tuple[Account, ...]:
    """The accounts that `event` makes or changes, as they are after it."""
    match event:
        case ev.CaseDispatched():
            return (*_withdrawn(before, event), *_standing(after))
        case (
            ev.CaseExtended()
            | ev.CaseRescheduled()
            | ev.CaseResumed()
            | ev.CaseSuspended()
            | ev.CaseHandled()
            | ev.CaseCorrected()
        ):
            return _standing(after)
        case ev.CaseReturned(reason=reason):
            return tuple(replace(a, returned_at=event.at, return_reason=reason) for a in _standing(before))
        case ev.CaseReworked() | ev.CaseReopened():
            return tuple(replace(a, reworked_at=event.at) for a in _standing(before))
    ended = "forced" if isinstance(event, ev.CaseClosed) and event.forced else _ENDS.get(type(event))
    return _ended(before, event, ended) if ended else ()


Accounts = dict[tuple[UUID, int], Account]


def fold(events: Iterable[CaseEvent]) -> Accounts:
    """The accounts of whole histories: the events of each case in order, cases in any."""
    return told_again(events)[1]


def told_again(events: Iterable[CaseEvent]) -> tuple[dict[UUID, Case], Accounts]:
    """What whole histories come to: every case as it now is, and every account."""
    found: Accounts = {}
    cases: dict[UUID, Case] = {}
    for event in events:
        before = cases.get(event.case_id)
        after = cases[event.case_id] = evolve(before, event)
        for account in accounts_of(before, after, event):
            found[account.case_id, account.generation] = account
    return cases, found


def _standing(case: Case | None) -> tuple[Account, ...]:
    """The account of the dispatch that stands, if one does: a case that was returned has none any more."""
    if case is None or case.platform is None or case.dispatched_at is None:
        return ()
    return (
        Account(
            case.case_id, case.generation, case.platform.code, case.rule, case.category or "", case.district or "",
            case.dispatched_at, None if case.state == "suspended" else case.deadline,
            case.extensions - case.extended_before, case.handled_at, case.spent_s,
            ended_at=case.closed_at if case.forced else None, ended="forced" if case.forced else "",
            was=case.was,
        ),
    )  # fmt: skip


def _withdrawn(before: Case | None, event: CaseEvent) -> tuple[Account, ...]:
    """The dispatch that the centre ended by another one; after a return or a rework nothing stands to be ended."""
    if before is None or before.state not in ("dispatched", "accepted", "suspended"):
        return ()
    return _ended(before, event, "withdrawn")


def _ended(before: Case | None, event: CaseEvent, ended: str) -> tuple[Account, ...]:
    return tuple(replace(a, ended_at=event.at, ended=ended) for a in _standing(before))
