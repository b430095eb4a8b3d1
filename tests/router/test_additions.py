"""What a citizen adds to an open report reaches whoever works on it or checks it, once, wherever the report is."""

import asyncio
from typing import Any

import pytest

from schemas.ids import case_id_of
from schemas.reports import MOST_ADDITIONS, Finding, ReportSupplemented
from services.router import ledger, ledger_reports
from services.router.act import Ask, Door, act
from services.router.commands import Join
from services.router.commands_of_centre import Link
from tests.router.conftest import report
from tests.router.desk import (
    BLOCKED_DRAIN,
    beside,
    brought_to,
    case_of,
    events_of,
    photo,
    photographed,
    report_id,
    reported,
    standing,
    taken,
)
from tests.router.http import CENTRE, DRAINS, WORKLIST, Caller
from tests.router.test_killed import until_somebody_waits

CASE = case_of(1)


def addition(door: Door, number: int, text: str = "洞口更大了", content: str = "") -> ReportSupplemented:
    media = photographed(door, content) if content else ()
    return ReportSupplemented(at=door.now(), report_id=report_id(number), app="app-one", text=text, media=media)


def texts(items: list[Any]) -> list[str]:
    return [item["text"] for item in items]


@pytest.mark.parametrize("state", ["held", "dispatched", "accepted", "suspended", "handled"])
async def test_an_open_case_shows_what_was_added_to_whoever_works_on_it(state: str, door: Door, call: Caller) -> None:
    await brought_to(door, call, state)
    before = await call.case(CASE)
    assert () == tuple(await taken(door, addition(door, 1, content="fe")))
    case = await call.case(CASE)

    assert ["洞口更大了"] == texts(case["additions"])
    assert [str(report_id(1))] == case["added_by"]
    assert case["additions"][0]["media"] == case["media"][len(before["media"]) :]
    assert (before["state"], before["deadline"], before["seq"] + 1) == (case["state"], case["deadline"], case["seq"])


async def test_its_platform_reads_it_without_who_said_it(door: Door, call: Caller) -> None:
    await brought_to(door, call, "dispatched")
    await taken(door, addition(door, 1))
    (work,) = await call.items(DRAINS, WORKLIST)

    assert ["洞口更大了"] == texts(work["additions"])
    assert str(report_id(1)) not in str(work)


async def test_read_twice_it_is_said_once(door: Door, call: Caller) -> None:
    await reported(door, 1)
    for _ in range(2):
        await taken(door, addition(door, 1))
    await taken(door, addition(door, 1, "又更大了"), seq=1)

    assert ["洞口更大了", "又更大了"] == texts((await call.case(CASE))["additions"])


async def test_one_report_takes_no_more_than_its_number_however_quickly_they_come(door: Door, call: Caller) -> None:
    await reported(door, 1)
    await reported(door, 2, place=beside(1))
    for n in range(MOST_ADDITIONS + 2):
        await taken(door, addition(door, 1, f"第{n}句"), seq=n)
    await taken(door, addition(door, 2, "另一人"))

    assert [*(f"第{n}句" for n in range(MOST_ADDITIONS)), "另一人"] == texts((await call.case(CASE))["additions"])


async def test_with_its_report_in_one_batch_it_comes_after_it(door: Door, call: Caller) -> None:
    await taken(door, report(1), addition(door, 1))

    assert ["case.opened", "case.filed", "case.dispatched", "case.supplemented"] == await events_of(call, CASE)


async def test_while_a_handling_waits_it_is_a_finding_for_the_checker(door: Door, call: Caller) -> None:
    await brought_to(door, call, "handled")
    await taken(door, addition(door, 1, "还没修好"))
    (item,) = await call.items(CENTRE, "/v1/review")

    assert "photo_from_before,supplemented_after_handling" == item["waits_for"]
    assert (["还没修好"], "rework") == (texts(item["handling"]["heard_since"]), item["suggestion"]["act"])


async def test_a_photo_that_was_added_cannot_be_shown_as_what_was_done(door: Door, call: Caller) -> None:
    await brought_to(door, call, "dispatched")
    await taken(door, addition(door, 1, content="fe"))
    handled = await call.done(DRAINS, CASE, "handle", generation=1, text="已疏通", media=[photo(door, content="fe")])

    assert "photo_from_before" == handled["waits_for"]


async def test_after_the_end_it_changes_nothing_and_stands_in_the_history_as_refused(door: Door, call: Caller) -> None:
    await brought_to(door, call, "closed")
    before = await standing(door)
    await taken(door, addition(door, 1))
    line = (await call.case(CASE))["history"][-1]

    assert ("refused", f"report:{report_id(1)}", "not_while_closed") == (line["event"], line["by"], line["why"])
    assert before == await standing(door)


async def test_what_screening_found_is_told_and_an_unknown_report_is_set_aside(door: Door, call: Caller) -> None:
    await reported(door, 1)
    found = (Finding(code="word", detail="x"),)
    await taken(door, addition(door, 1).model_copy(update={"findings": found}))
    (aside,) = await taken(door, addition(door, 77))

    assert ["word"] == (await call.case(CASE))["history"][-1]["body"]["screened"]
    assert "unknown_report" == aside.reason


async def test_linked_and_unlinked_it_goes_where_its_report_goes(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, category=BLOCKED_DRAIN)
    await reported(door, 3, category=BLOCKED_DRAIN, place=beside(2))
    await taken(door, addition(door, 2, "二"), addition(door, 3, "三", "fe"))
    await call.done(CENTRE, case_of(2), "link", generation=1, linked_to=CASE, reason="同一处")
    both = await call.case(CASE)
    await call.done(CENTRE, CASE, "unlink", generation=1, report_id=str(report_id(3)), reason="另一处")
    left = await call.case(CASE)
    (own,) = await call.items(CENTRE, "/v1/cases", report_id=str(report_id(3)))

    assert ["二", "三"] == texts(both["additions"])
    assert (["二"], []) == (texts(left["additions"]), left["media"])
    assert (["三"], 1) == (texts(own["additions"]), len(own["media"]))


async def test_what_is_said_while_its_case_is_being_linked_goes_to_the_other_case(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, category=BLOCKED_DRAIN)
    one, two = (case_id_of(report_id(number)) for number in (1, 2))
    async with door.database.transaction() as holding:
        kept = await ledger.lock(holding, [one, two])
        waiting = asyncio.create_task(taken(door, addition(door, 2)))
        await until_somebody_waits(door)
        link = Ask(two, Link("centre:one", one, "同一处", to_open=True))
        join = Ask(one, Join(report_id(2), "也堵了", (), "centre:one"))
        await act(holding, door, [link, join], door.now(), kept, lambda _: [ledger_reports.move([report_id(2)], one)])
    await waiting

    assert ["case.joined", "case.supplemented"] == (await events_of(call, CASE))[-2:]
