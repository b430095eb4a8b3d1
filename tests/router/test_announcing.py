"""What is logged, counted and told to those who wait is what was committed, whoever asked: never more, never less."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from services.router import ledger_calendar
from services.router.act import Door
from services.router.consumers import on_batch, read
from services.router.rounds import make_round
from services.router.rounds_calendar import reschedule_all
from tests.router.conftest import Lines, record_of, report
from tests.router.desk import BLOCKED_DRAIN, beside, brought_to, case_of, later, reported
from tests.router.http import CENTRE, DRAINS, Caller

OPENING = ["case.opened", "case.filed", "case.dispatched"]


def told(lines: Lines) -> list[tuple[str, str]]:
    """What was logged of cases and acts, as (event, case)."""
    return [
        (line["event"], line["case_id"])
        for line in lines
        if line["event"].startswith(("case.", "act.")) and "case_id" in line
    ]


def counted() -> Counter[str]:
    """Events and refusals counted since the process began."""
    names = ("router_events_total", "router_refusals_total")
    found: Counter[str] = Counter()
    for sample in (sample for metric in REGISTRY.collect() for sample in metric.samples if sample.name in names):
        found[sample.labels.get("event") or sample.labels["reason"]] += int(sample.value)
    return found


async def woken(door: Door, platform: str, work: Awaitable[Any]) -> bool:
    """Whether `work` wakes somebody who waits for work of `platform`."""
    waiting = asyncio.create_task(door.waking.wait(platform, 0.5))
    while platform not in door.waking.awaited:
        await asyncio.sleep(0)
    await work
    return await waiting


async def test_a_transaction_that_rolls_back_is_neither_logged_nor_counted_nor_told(door: Door, lines: Lines) -> None:
    async def breaks_off() -> None:
        async with door.database.transaction() as connection:
            record = record_of(report(1))
            await on_batch(connection, door, [(record, read(record))])
            raise ZeroDivisionError

    async def fails() -> None:
        with pytest.raises(ZeroDivisionError):
            await breaks_off()

    before = counted()
    told_of_it = await woken(door, "P016", fails())

    assert ([], Counter(), False) == (told(lines), counted() - before, told_of_it)


async def test_a_batch_from_kafka_is_logged_counted_and_told_once_it_is_committed(door: Door, lines: Lines) -> None:
    before = counted()
    told_of_it = await woken(door, "P016", reported(door, 1))

    assert [(event, case_of(1)) for event in OPENING] == told(lines)
    assert Counter(OPENING) == counted() - before
    assert told_of_it


async def test_of_a_batch_that_is_worked_again_in_parts_only_what_was_committed_is_told(
    door: Door, lines: Lines
) -> None:
    async def work(*numbers: int) -> None:
        async with door.database.transaction() as connection:
            pairs = [(record, read(record)) for record in (record_of(report(n), n) for n in numbers)]
            await on_batch(connection, door, pairs)
            if 2 in numbers:
                raise ZeroDivisionError  # after everything was written

    for numbers in ((1, 2, 3), (1,), (2,), (3,)):
        with suppress(ZeroDivisionError):
            await work(*numbers)

    assert [(event, case_of(n)) for n in (1, 3) for event in OPENING] == told(lines)


async def test_an_act_by_http_is_told_and_its_repetition_is_not(door: Door, call: Caller, lines: Lines) -> None:
    case_id = await brought_to(door, call, "dispatched")
    lines.clear()
    before = counted()
    for _ in range(2):
        await call.act(DRAINS, case_id, "accept", once="the same", generation=1)
        await call.act(DRAINS, case_id, "accept", once="another", generation=1)

    assert [("case.accepted", case_id), ("act.refused", case_id)] == told(lines)
    assert Counter({"case.accepted": 1, "not_while_accepted": 1}) == counted() - before


async def _in_bulk(door: Door, call: Caller) -> None:
    items = [{"case_id": case_of(1), "generation": 1}, {"case_id": str(UUID(int=1)), "generation": 1}]
    await call.post(DRAINS, "/v1/platforms/me/accept", {"items": items})


async def _on_two_cases(door: Door, call: Caller) -> None:
    await call.done(CENTRE, case_of(2), "link", generation=1, linked_to=case_of(1), reason="同一处")


async def _by_the_clock(door: Door, call: Caller) -> None:
    later(door, minutes=100)
    await make_round(door)


async def _by_the_calendar(door: Door, call: Caller) -> None:
    await door.database.execute("update router.cases set body = (body::jsonb || '{\"provisional\": true}')::text")
    await ledger_calendar.follow(door.database, "another")
    await reschedule_all(door)


@pytest.mark.parametrize(
    ("edge", "expected"),
    [
        (_in_bulk, {"case.accepted": 1, "act.refused": 1}),
        (_on_two_cases, {"case.linked": 1, "case.joined": 1}),
        (_by_the_clock, {"case.escalated": 2}),
        (_by_the_calendar, {"case.rescheduled": 2}),
    ],
)
async def test_every_edge_tells_what_it_led_to_in_the_same_way(
    edge: Callable[[Door, Caller], Awaitable[None]], expected: dict[str, int], door: Door, call: Caller, lines: Lines
) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    await reported(door, 2, category=BLOCKED_DRAIN)
    lines.clear()
    before = sum(counted().values())
    await edge(door, call)

    assert Counter(expected) == Counter(event for event, _ in told(lines))
    assert sum(expected.values()) == sum(counted().values()) - before


async def test_a_report_that_joins_is_told_as_such(door: Door, lines: Lines) -> None:
    await reported(door, 1)
    lines.clear()
    await reported(door, 2, place=beside(1))

    assert [("case.joined", case_of(1))] == told(lines)
