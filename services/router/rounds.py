"""Rounds of the clock: due timers are claimed, decided and written in one transaction, so each takes effect once.

A case whose steps fail by themselves is found by halving. It is tried again alone, ever less often; its timers stay
until they take effect, and the timers of all other cases go on.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from chassis import faults
from chassis.logs import log
from chassis.postgres.halving import MAX_FAILURES, by_halves, cause_of, named
from chassis.postgres.pool import DATABASE_ERRORS
from chassis.setbacks import Setbacks
from services.router import ledger_timers
from services.router.act import Ask, Door, act
from services.router.commands import Refusal, Ring
from services.router.ledger_timers import MOST_CASES
from services.router.metrics import TIMERS_STUCK
from services.router.timers import Timer

ROUND_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
MAX_AGAIN = 10
"""How many stuck cases a round tries again."""


async def ring_due_timers(door: Door, stopping: asyncio.Event) -> None:
    """Makes rounds until `stopping` is set. An outage makes a timer late, never lost."""
    stuck: Setbacks[UUID] = Setbacks()
    pause = ROUND_SECONDS
    while not stopping.is_set():
        before = len(stuck)
        try:
            rung = await make_round(door, stuck)
        except DATABASE_ERRORS as why:
            log.warning("round.failed", round="timers", why=f"{type(why).__name__}: {why}"[:200])
            rung = 0
        if not rung:
            # While everything fails, the code is to blame, and nothing is gained by looking for more.
            all_fail = len(stuck) - before >= MAX_FAILURES
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS) if all_fail else ROUND_SECONDS
            try:
                await asyncio.wait_for(stopping.wait(), pause)
            except TimeoutError:
                continue


async def make_round(door: Door, stuck: Setbacks[UUID] | None = None, limit: int = MOST_CASES) -> int:
    """Fires what is due now, each case's steps in their order, and returns how many timers were claimed for that.

    Looks at `limit` timers of cases that are not `stuck`, and then at some of those that are. Raises `Unavailable`.
    """
    stuck = Setbacks() if stuck is None else stuck
    at = door.now()
    fresh = [] if stuck.is_full else await ledger_timers.due(door.database, at, stuck.keys, limit)
    again = stuck.due(at, MAX_AGAIN)
    rung, failed = 0, []
    for case_ids in (fresh, *([case_id] for case_id in again)):
        done, culprits = await by_halves(case_ids, partial(_ring, door, at))
        rung += sum(done)
        failed += culprits
    _note(stuck, again, failed, at)
    return rung


async def _ring(door: Door, at: datetime, case_ids: Sequence[UUID]) -> int:
    async with door.database.transaction() as connection:
        claimed = await ledger_timers.claim(connection, at, case_ids)
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


def _note(stuck: Setbacks[UUID], again: Sequence[UUID], failed: Sequence[tuple[UUID, Exception]], at: datetime) -> None:
    """Remembers what failed and forgets what no longer does, in one line of the log whatever their number."""
    stuck.settled({*again} - {case_id for case_id, _ in failed})
    waits = [stuck.failed(case_id, at) for case_id, _ in failed]
    TIMERS_STUCK.set(len(stuck))
    if failed:
        log.error(
            "timers.stuck", cases=len(failed), case_ids=named(case_id for case_id, _ in failed),
            cause=cause_of(failed[0][1]), again_in_s=min(waits).total_seconds(),
        )  # fmt: skip
