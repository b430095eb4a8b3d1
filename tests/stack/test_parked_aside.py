"""`parked aside`: parks the record at which a partition waits, tells who decided so, and touches no other."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from chassis.kafka.batch import Batch
from chassis.kafka.fence import Source
from chassis.postgres.failing import Decision
from chassis.postgres.pool import Database
from stack import parked_aside
from stack.failed import Failed
from tests.chassis.test_fence import Parked, Record

LI = Decision("li", "its date is broken")
GROUP = "notifier.reports"
SOURCE = Source("reports", "trial", GROUP)
SPOILED = Record("reports", 2, 7, b"{}")


async def work(_: Any, pairs: Sequence[Any]) -> Any:
    raise KeyError(len(pairs))


async def ends(_: Any) -> Any:
    return {}


@pytest.fixture
async def batch(service_url: Callable[[str], str]) -> AsyncIterator[Batch]:
    """A consumer at whose record nothing passes; it waits there."""
    database, parking = Database(service_url("notifier"), "aside-test"), Parked()
    await database.open()
    await database.execute("truncate notifier.positions, notifier.failing")
    made = Batch(SOURCE, database, lambda _: 1, work, parking, ends)  # type: ignore[arg-type]
    for _ in range(3):
        await made.settle([SPOILED])
    yield made
    await database.close()


async def test_what_an_operator_names_is_parked_while_the_service_runs_and_once(
    batch: Batch, service_url: Callable[[str], str]
) -> None:
    url = service_url("notifier")
    told = asyncio.create_task(parked_aside.park(url, GROUP, 2, 7, LI))
    while not told.done():
        await batch.settle([SPOILED])
        await asyncio.sleep(0.05)
    with pytest.raises(Failed, match="No partition waits at reports/2/7, so nothing was changed"):
        await parked_aside.park(url, GROUP, 2, 7, LI)
    parked = batch._parking.asides  # type: ignore[attr-defined]

    assert "reports/2/7 is out of the way" in told.result()
    assert [("by_operator", "li: its date is broken")] == [(aside.reason, aside.detail) for aside in parked]


async def test_a_place_where_nothing_waits_is_refused_with_what_waits(
    batch: Batch, service_url: Callable[[str], str]
) -> None:
    waits = {
        (GROUP, 2, 6): "notifier.reports waits now: partition 2 at offset 7 (KeyError, 3 attempts).",
        (GROUP, 2, 8): "notifier.reports waits now: partition 2 at offset 7 (KeyError, 3 attempts).",
        (GROUP, 1, 7): "notifier.reports waits now: partition 2 at offset 7 (KeyError, 3 attempts).",
        ("notifier.cases", 2, 7): "notifier.cases waits now: nowhere.",
    }
    for place, told in waits.items():
        with pytest.raises(Failed, match=re.escape(told)):
            await parked_aside.park(service_url("notifier"), *place, LI)

    assert {2: 7} == await batch.settle([SPOILED])


async def test_a_decision_that_nobody_carries_out_is_told_and_stands(
    batch: Batch, service_url: Callable[[str], str]
) -> None:
    url = service_url("notifier")
    for decision, said in ((LI, "holds: see whether notifier runs"), (Decision("wang", "no"), "li had decided so")):
        with pytest.raises(Failed, match=said):
            await parked_aside.park(url, GROUP, 2, 7, decision, patience=0.1)

    assert {} == await batch.settle([SPOILED])
