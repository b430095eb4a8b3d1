"""The one path: lock, decide, append, commit. Whoever asks, for one case or for hundreds, comes through here."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from uuid import UUID

from chassis import faults
from chassis.keys import Keys
from chassis.postgres.pool import Connection, Database
from chassis.postgres.together import Write, write_together
from services.router import ledger, ledger_evidence, ledger_reports
from services.router.accountability import accounts_of
from services.router.announcing import announce
from services.router.answer import Ask as Ask
from services.router.answer import Outcome as Outcome
from services.router.answer import answer_to as answer_to
from services.router.answer import answered
from services.router.case_number import case_number
from services.router.city import City
from services.router.commands import ClockAct, Handle, Join, Open, Refusal
from services.router.commands_of_centre import File
from services.router.evolve import evolve
from services.router.opening import number_district
from services.router.timers import next_timers
from services.router.waking import Waking


@dataclass(frozen=True, slots=True)
class Door:
    """What every edge of the router needs."""

    database: Database
    city: City
    keys: Keys
    receipt_key: bytes
    waking: Waking
    now: Callable[[], datetime]


Also = Callable[[Sequence[Outcome]], Sequence[Write]]


def nothing(_: Sequence[Outcome]) -> Sequence[Write]:
    """What most callers of `act` have to write beside it."""
    return ()


async def act(
    connection: Connection, door: Door, asks: Sequence[Ask], at: datetime, kept: dict[UUID, ledger.Kept] | None = None,
    also: Also = nothing,
) -> list[Outcome]:  # fmt: skip
    """Decides `asks` in order inside the caller's transaction and writes all that they change.

    What came of them is logged, counted and told to those who wait for work once that transaction has committed.

    `kept` are the locked cases if the caller has locked them already; `also` says what is to be written with it.
    """
    if kept is None:
        kept = await ledger.lock(connection, [ask.case_id for ask in asks if not isinstance(ask.command, Open)])
    drafts: dict[UUID, ledger.Draft] = {}
    outcomes = []
    for ask in await _completed(connection, asks, kept, at, door.city):
        if ask.case_id not in drafts:
            old = kept.get(ask.case_id)
            drafts[ask.case_id] = ledger.Draft(old, old.case if old else None)
        outcomes.append(_decided(drafts[ask.case_id], ask, at, door))
    faults.reach("router.decided")
    for draft in drafts.values():
        draft.timers = next_timers(draft.case, door.city) if draft.case else ()
    await write_together(connection, [*ledger.writes(list(drafts.values())), *also(outcomes)])
    door.database.after_commit(connection, partial(announce, outcomes, door.waking))
    return outcomes


def _decided(draft: ledger.Draft, ask: Ask, at: datetime, door: Door) -> Outcome:
    outcome = answered(draft.case, ask, at, door.city)
    for event in outcome.events:
        before, draft.case = draft.case, evolve(draft.case, event)
        draft.accounts |= {account.generation: account for account in accounts_of(before, draft.case, event)}
        draft.lines.append(event)
    if isinstance(outcome.answer, Refusal):
        _remember(draft, ask, outcome.answer, at)
    return outcome


def _remember(draft: ledger.Draft, ask: Ask, refusal: Refusal, at: datetime) -> None:
    if isinstance(ask.command, ClockAct):
        return  # it came too late for a case that has moved on, or there was nothing to move
    name = type(ask.command).__name__.lower()
    if refusal.reason == "unknown_case" or isinstance(ask.command, Join):
        return
    if refusal.reason == "older_generation":
        faults.reach("router.superseded")
    generation = getattr(ask.command, "generation", None)
    draft.lines.append(ledger.Refused(at, ask.command.by, name, refusal.reason, generation))


async def _completed(
    connection: Connection, asks: Sequence[Ask], kept: dict[UUID, ledger.Kept], at: datetime, city: City
) -> Sequence[Ask]:
    """The asks with what only the ledger knows: case numbers, and what other cases have shown and said.

    A handling that will be refused is left out: it shows and says nothing.
    """
    asks = await _numbered(connection, asks, kept, at, city)
    handles = {
        n: (ask.case_id, ask.command) for n, ask in enumerate(asks)
        if isinstance(ask.command, Handle) and not _is_refused(ask, kept.get(ask.case_id), at, city)
    }  # fmt: skip
    if not handles:
        return asks
    informed = await ledger_evidence.informed(connection, list(handles.values()), at, city.checking.text_reuse)
    known = dict(zip(handles, informed, strict=True))
    return [replace(ask, command=known.get(n, ask.command)) for n, ask in enumerate(asks)]


def _is_refused(ask: Ask, kept: ledger.Kept | None, at: datetime, city: City) -> bool:
    return isinstance(answer_to(kept.case if kept else None, ask, at, city), Refusal)


async def _numbered(
    connection: Connection, asks: Sequence[Ask], kept: dict[UUID, ledger.Kept], at: datetime, city: City
) -> list[Ask]:
    """The asks, those that will file with a case number of their district and day."""
    day = city.calendar.local_date(at)
    districts = [_district_to_number(kept.get(ask.case_id), ask, city) for ask in asks]
    wanted: Counter[tuple[str, date]] = Counter((district, day) for district in districts if district is not None)
    following = await ledger_reports.reserve_numbers(connection, wanted)
    numbered = []
    for ask, district in zip(asks, districts, strict=True):
        if district is not None and isinstance(ask.command, Open | File):
            number = case_number(district, day, following[district, day])
            following[district, day] += 1
            ask = Ask(ask.case_id, replace(ask.command, case_number=number), ask.seq)
        numbered.append(ask)
    return numbered


def _district_to_number(kept: ledger.Kept | None, ask: Ask, city: City) -> str | None:
    if kept is not None and ask.seq not in (None, kept.case.seq):
        return None  # it will be refused, and uses up no number
    return number_district(kept.case if kept else None, ask.command, city)
