"""Rounds of the clock: due timers are claimed, decided and written in one transaction, so each takes effect once."""

import asyncio
from uuid import UUID

from chassis import faults
from chassis.logs import log
from chassis.postgres.pool import DATABASE_ERRORS
from services.router import ledger_timers
from services.router.act import Ask, Door, act
from services.router.commands import Refusal, Ring
from services.router.timers import Timer

ROUND_SECONDS = 0.5


async def ring_due_timers(door: Door, stopping: asyncio.Event) -> None:
    """Makes rounds until `stopping` is set. An outage makes a timer late, never lost."""
    while not stopping.is_set():
        try:
            rung = await make_round(door)
        except DATABASE_ERRORS as why:
            log.warning("round.failed", round="timers", why=f"{type(why).__name__}: {why}"[:200])
            rung = 0
        if not rung:
            try:
                await asyncio.wait_for(stopping.wait(), ROUND_SECONDS)
            except TimeoutError:
                continue


async def make_round(door: Door) -> int:
    """Fires what is due now, each case's steps in their order, and returns how many timers were claimed."""
    at = door.now()
    async with door.database.transaction() as connection:
        claimed = await ledger_timers.claim(connection, at)
        if not claimed:
            return 0
        faults.reach("clock.claimed")
        first: dict[UUID, Timer] = {}
        for case_id, timer in claimed:
            first.setdefault(case_id, timer)
        asks = [Ask(case_id, Ring(timer.generation, timer.stage, timer.step)) for case_id, timer in first.items()]
        outcomes = await act(connection, door, asks, at)
        if any(isinstance(outcome.answer, Refusal) for outcome in outcomes):
            faults.reach("clock.moved")  # the case moved on: its timers were set anew, nothing was counted
    return len(claimed)
