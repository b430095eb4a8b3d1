"""The working calendar followed: deadlines of open cases are made anew, by an event, when the calendar has changed.

It changes between two processes only: with the library's table, which grows each autumn, or with the city pack. A case
whose deadline cannot be made anew by itself is tried again; until it is, the calendar does not count as followed.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from chassis.logs import log
from chassis.postgres.halving import MAX_FAILURES, by_halves, cause_of, named
from chassis.postgres.pool import DATABASE_ERRORS
from chassis.setbacks import Setbacks
from services.router import ledger_calendar
from services.router.act import Ask, Door, act
from services.router.commands import Refusal, Reschedule
from services.router.metrics import PROVISIONAL, RESCHEDULES_STUCK

ROUND_SECONDS = 60.0
CASES_AT_ONCE = 200
FIRST = UUID(int=0)


@dataclass(slots=True)
class Walk:
    """How far this process has come: the last case that was asked, whether it was the last of all, what is left."""

    after: UUID = FIRST
    ended: bool = False
    moved: int = 0
    stuck: Setbacks[UUID] = field(default_factory=Setbacks)


async def follow_calendar(door: Door, stopping: asyncio.Event) -> None:
    """Brings open deadlines up to the calendar once, then counts the provisional ones every minute."""
    followed, walk = False, Walk()
    while not stopping.is_set():
        try:
            followed = followed or await reschedule_all(door, walk)
            PROVISIONAL.set(await ledger_calendar.provisional(door.database))
        except DATABASE_ERRORS as why:
            log.warning("round.failed", round="calendar", why=f"{type(why).__name__}: {why}"[:200])
        try:
            await asyncio.wait_for(stopping.wait(), ROUND_SECONDS)
        except TimeoutError:
            continue


async def reschedule_all(door: Door, walk: Walk | None = None) -> bool:
    """Puts `Reschedule` to every case with a clock unless it was done for this calendar before. True when done.

    False when some cases fail by themselves: ask again later with the same `walk`. Where the centre is waited for
    nothing has a deadline that could move; being asked sets its timers anew.
    """
    version, walk = door.city.calendar.version, walk or Walk()
    if await ledger_calendar.followed(door.database) == version:
        return True
    again = walk.stuck.due(door.now(), CASES_AT_ONCE)
    failed = await _reschedule(door, walk, again)
    walk.stuck.settled({*again} - {*failed})
    while not walk.ended and await _go_on(door, walk):
        continue
    RESCHEDULES_STUCK.set(len(walk.stuck))
    if not walk.ended or len(walk.stuck):
        return False
    await ledger_calendar.follow(door.database, version)
    log.info("calendar.followed", version=version, rescheduled=walk.moved)
    return True


async def _go_on(door: Door, walk: Walk) -> bool:
    """Asks the next cases. False when there are no more, or so many fail that the code is to blame."""
    async with door.database.connection() as connection:
        case_ids = await ledger_calendar.running(connection, walk.after, CASES_AT_ONCE)
    failed = await _reschedule(door, walk, [case_id for case_id in case_ids if case_id not in walk.stuck.keys])
    if len(failed) >= MAX_FAILURES:
        return False
    walk.ended = len(case_ids) < CASES_AT_ONCE
    walk.after = case_ids[-1] if case_ids else walk.after
    return not walk.ended


async def _reschedule(door: Door, walk: Walk, case_ids: Sequence[UUID]) -> Sequence[UUID]:
    """Returns those that fail by themselves, which the log names in one line."""
    moved, failed = await by_halves(case_ids, partial(_ask, door))
    walk.moved += sum(moved)
    for case_id, _ in failed:
        walk.stuck.failed(case_id, door.now())
    if failed:
        log.error(
            "calendar.stuck", cases=len(failed), case_ids=named(case_id for case_id, _ in failed),
            cause=cause_of(failed[0][1]),
        )  # fmt: skip
    return [case_id for case_id, _ in failed]


async def _ask(door: Door, case_ids: Sequence[UUID]) -> int:
    async with door.database.transaction() as connection:
        outcomes = await act(connection, door, [Ask(case_id, Reschedule()) for case_id in case_ids], door.now())
    return sum(not isinstance(outcome.answer, Refusal) for outcome in outcomes)
