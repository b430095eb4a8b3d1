"""The one path: lock, decide, append, commit. Whoever asks, for one case or for hundreds, comes through here."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from chassis import faults
from chassis.keys import Keys
from chassis.logs import log
from chassis.postgres.pool import Connection, Database
from chassis.postgres.together import Write, write_together
from schemas.cases import CaseDispatched
from services.router import ledger, ledger_reports
from services.router.case import Case, evolve
from services.router.case_number import case_number
from services.router.city import City
from services.router.commands import Command, File, Join, Open, Refusal, Ring
from services.router.decide import Events, decide
from services.router.opening import number_district
from services.router.timers import Timer, next_timers


class Waking:
    """Tells those who wait for work of a platform that a transaction in this process gave it some."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._waiting: dict[str, asyncio.Event] = {}
        self.ended = False

    def give(self, platform: str) -> None:
        """To be told at the next `tell`, after the commit; telling too much does no harm."""
        self._given.add(platform)

    def tell(self) -> None:
        """Wakes all who wait for what was given."""
        given, self._given = self._given, set()
        for platform in given & self._waiting.keys():
            self._waiting.pop(platform).set()

    async def end(self, stopping: asyncio.Event) -> None:
        """Lets everybody go as soon as the process is told to stop."""
        await stopping.wait()
        self.ended = True
        self._given |= self._waiting.keys()
        self.tell()

    async def wait(self, platform: str, seconds: float) -> bool:
        """Whether the platform was given something within `seconds`."""
        event = self._waiting.setdefault(platform, asyncio.Event())
        try:
            return await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False


@dataclass(frozen=True, slots=True)
class Door:
    """What every edge of the router needs."""

    database: Database
    city: City
    keys: Keys
    receipt_key: bytes
    waking: Waking
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Ask:
    """One command to one case."""

    case_id: UUID
    command: Command


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command led to: the case afterwards (None: there is none) and the events or the refusal."""

    case: Case | None
    answer: Events | Refusal


Also = Callable[[Sequence["Outcome"]], Sequence[Write]]


def nothing(_: "Sequence[Outcome]") -> Sequence[Write]:
    """What most callers of `act` have to write beside it."""
    return ()


async def act(
    connection: Connection, door: Door, asks: Sequence[Ask], at: datetime, kept: dict[UUID, ledger.Kept] | None = None,
    also: Also = nothing,
) -> list[Outcome]:  # fmt: skip
    """Decides `asks` in order inside the caller's transaction and writes all that they change.

    `kept` are the locked cases if the caller has locked them already; `also` says what is to be written with it.
    """
    if kept is None:
        kept = await ledger.lock(connection, [ask.case_id for ask in asks if not isinstance(ask.command, Open)])
    drafts: dict[UUID, ledger.Draft] = {}
    outcomes = []
    for ask in await _numbered(connection, asks, kept, at, door.city):
        if ask.case_id not in drafts:
            old = kept.get(ask.case_id)
            drafts[ask.case_id] = ledger.Draft(old, old.case if old else None)
        outcomes.append(_decided(drafts[ask.case_id], ask, at, door))
    faults.reach("router.decided")
    for draft in drafts.values():
        draft.timers = timers_of(draft.case, door.city)
    await write_together(connection, [*ledger.writes(list(drafts.values())), *also(outcomes)])
    return outcomes


def timers_of(case: Case | None, city: City) -> tuple[Timer, ...]:
    """The timers that must stand for `case` now."""
    if case is None:
        return ()
    return next_timers(case, city.accept_clock, city.handle_clock(case.category), city.calendar)


def _decided(draft: ledger.Draft, ask: Ask, at: datetime, door: Door) -> Outcome:
    answer = decide(draft.case, ask.command, at, door.city)
    if isinstance(answer, Refusal):
        _remember(draft, ask, answer, at)
        return Outcome(draft.case, answer)
    for event in answer:
        draft.case = evolve(draft.case, event)
        draft.lines.append(event)
        if isinstance(event, CaseDispatched):
            door.waking.give(event.platform.code)
    return Outcome(draft.case, answer)


def _remember(draft: ledger.Draft, ask: Ask, refusal: Refusal, at: datetime) -> None:
    name = type(ask.command).__name__.lower()
    log.info("act.refused", case_id=str(ask.case_id), command=name, reason=refusal.reason)
    if refusal.reason == "unknown_case" or isinstance(ask.command, Ring | Join):
        return
    if refusal.reason == "older_generation":
        faults.reach("router.superseded")
    generation = getattr(ask.command, "generation", None)
    draft.lines.append(ledger.Refused(at, ask.command.by, name, refusal.reason, generation))


async def _numbered(
    connection: Connection, asks: Sequence[Ask], kept: dict[UUID, ledger.Kept], at: datetime, city: City
) -> list[Ask]:
    """The asks, those that will file with a case number of their district and day."""
    day = city.calendar.local_date(at)
    districts = [number_district(kept[a.case_id].case if a.case_id in kept else None, a.command, city) for a in asks]
    wanted: Counter[tuple[str, date]] = Counter((district, day) for district in districts if district is not None)
    following = await ledger_reports.reserve_numbers(connection, wanted)
    numbered = []
    for ask, district in zip(asks, districts, strict=True):
        if district is not None and isinstance(ask.command, Open | File):
            number = case_number(district, day, following[district, day])
            following[district, day] += 1
            ask = Ask(ask.case_id, replace(ask.command, case_number=number))
        numbered.append(ask)
    return numbered
