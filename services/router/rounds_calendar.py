"""The working calendar followed: deadlines of open cases are made anew, by an event, when the calendar has changed.

It changes between two processes only: with the library's table, which grows each autumn, or with the city pack.
"""

import asyncio
from uuid import UUID

from chassis.logs import log
from chassis.postgres.pool import DATABASE_ERRORS
from services.router import ledger_calendar
from services.router.act import Ask, Door, act
from services.router.commands import Refusal, Reschedule
from services.router.metrics import PROVISIONAL

ROUND_SECONDS = 60.0
CASES_AT_ONCE = 200


async def follow_calendar(door: Door, stopping: asyncio.Event) -> None:
    """Brings open deadlines up to the calendar once, then counts the provisional ones every minute."""
    followed = False
    while not stopping.is_set():
        try:
            followed = followed or await reschedule_all(door)
            PROVISIONAL.set(await ledger_calendar.provisional(door.database))
        except DATABASE_ERRORS as why:
            log.warning("round.failed", round="calendar", why=f"{type(why).__name__}: {why}"[:200])
        try:
            await asyncio.wait_for(stopping.wait(), ROUND_SECONDS)
        except TimeoutError:
            continue


async def reschedule_all(door: Door) -> bool:
    """Puts `Reschedule` to every case with a clock unless it was done for this calendar before. True when done.

    Where the centre is waited for nothing has a deadline that could move; being asked sets its timers anew.
    """
    version = door.city.calendar.version
    if await ledger_calendar.followed(door.database) == version:
        return True
    after, moved = UUID(int=0), 0
    while True:
        async with door.database.transaction() as connection:
            case_ids = await ledger_calendar.running(connection, after, CASES_AT_ONCE)
            outcomes = await act(connection, door, [Ask(case_id, Reschedule()) for case_id in case_ids], door.now())
        moved += sum(not isinstance(outcome.answer, Refusal) for outcome in outcomes)
        if len(case_ids) < CASES_AT_ONCE:
            break
        after = case_ids[-1]
    await ledger_calendar.follow(door.database, version)
    log.info("calendar.followed", version=version, rescheduled=moved)
    return True
