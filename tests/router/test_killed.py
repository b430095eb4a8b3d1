"""Killed in a crash window of a round or of an act, nothing that was due is lost, and nothing takes effect twice."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.ids import case_id_of
from services.router import ledger
from services.router.act import Ask, Door, act
from services.router.commands import Handle
from tests.router.conftest import RECEIPT_KEY, ROOT, report
from tests.router.desk import BLOCKED_DRAIN, beside, case_of, later, reported, taken
from tests.router.http import Caller
from tests.router.test_rounds import STEPS, all_rounds, rung, timers

CASE = case_id_of(report(1).report_id)


async def killed(door: Door, url: str, clients: Path, fault: str, what: str) -> str:
    """Runs one step in a process that is killed in its window; what it said of that."""
    env = {
        **os.environ, "FAULT": fault, "ROUTER_DATABASE_URL": url, "ROUTER_CLIENTS_PATH": str(clients),
        "ROUTER_CITY_PATH": str(ROOT / "cities/taiyuan"), "ROUTER_RECEIPT_KEY": RECEIPT_KEY.hex(),
        "ROUTER_KAFKA_BOOTSTRAP": "localhost:1",
    }  # fmt: skip
    command = ("-m", "tests.faultpoints", "tests.router.one_step", what, door.now().isoformat())
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env=env, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    return said.decode()


@pytest.mark.parametrize("window", ["clock.claimed", "router.decided"])
async def test_a_round_that_is_killed_leaves_its_timers_to_the_next_one(
    window: str, door: Door, service_url: Callable[[str], str], clients_path: Path
) -> None:
    await reported(door, 1)
    later(door, days=10)
    fault = f"{window}:kill:1"
    said = await killed(door, service_url("router"), clients_path, fault, "round")
    nothing = await rung(door)
    async with asyncio.timeout(20):  # the case stays locked until PostgreSQL has seen that its holder is gone
        while await timers(door):
            await all_rounds(door)
            await asyncio.sleep(0.05)
    fired = await rung(door)

    assert (f"fault {fault}\n", []) == (said, nothing)
    assert [STEPS, STEPS] == [[step for of, step in fired if of == stage] for stage in ("accept", "handle")]
    assert [] == await timers(door)


async def test_an_act_that_is_killed_leaves_the_timers_of_its_case_as_they_were(
    door: Door, service_url: Callable[[str], str], clients_path: Path
) -> None:
    await reported(door, 1)
    before = await timers(door)
    said = await killed(door, service_url("router"), clients_path, "router.decided:kill:1", str(CASE))

    assert ("fault router.decided:kill:1\n", before) == (said, await timers(door))


async def until_somebody_waits(door: Door) -> None:
    """Until a transaction on this database waits for a lock of another one."""
    waits = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    while not await door.database.fetch(waits):
        await asyncio.sleep(0.01)


async def test_a_report_whose_case_closes_between_look_and_lock_opens_a_case_of_its_own(
    door: Door, call: Caller
) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    second = report(2, category=BLOCKED_DRAIN, place=beside(1))
    async with door.database.transaction() as holding:
        kept = await ledger.lock(holding, [CASE])
        waiting = asyncio.create_task(taken(door, second))
        await until_somebody_waits(door)
        done = Handle("platform:P016", "P016", 1, "已疏通", (), ())
        await act(holding, door, [Ask(CASE, done)], door.now(), kept)
    await waiting
    closed, own = await call.case(case_of(1)), await call.case(case_of(2))
    await taken(door, second)  # read once more, it is known

    assert ("closed", 1) == (closed["state"], closed["reports"])
    assert ("dispatched", 1) == (own["state"], own["reports"])
    assert ["case.opened", "case.filed", "case.dispatched"] == [line["event"] for line in own["history"]]
    assert own == await call.case(case_of(2))
