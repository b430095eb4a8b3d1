"""What reporters say while a handling waits for its check is a finding for whoever checks it."""

from typing import Any

from services.router import ledger_timers
from services.router.act import Door
from tests.router.desk import BLOCKED_DRAIN, beside, brought_to, case_of, events_of, later, reported
from tests.router.http import CENTRE, DRAINS, Caller

CASE = case_of(1)


async def joined_late(door: Door, call: Caller) -> Any:
    """The case of report 1, handled, after report 2 joined it; as `/v1/review` shows it."""
    await brought_to(door, call, "handled")
    later(door, minutes=30)
    await reported(door, 2, category=BLOCKED_DRAIN, place=beside(1), text="还在往外冒水")
    return next(item for item in await call.items(CENTRE, "/v1/review") if item["case_id"] == CASE)


async def test_a_report_that_joins_while_a_handling_waits_is_a_finding_for_the_checker(
    door: Door, call: Caller
) -> None:
    item = await joined_late(door, call)
    line = (await call.case(CASE))["history"][-1]

    assert "photo_from_before,joined_after_handling" == item["waits_for"]
    assert ["photo_from_before", "joined_after_handling"] == item["handling"]["findings"]
    assert ["还在往外冒水"] == [heard["text"] for heard in item["handling"]["heard_since"]]
    assert ("case.joined", "joined_after_handling") == (line["event"], line["why"])
    assert "rework" == item["suggestion"]["act"]


async def test_it_gives_the_checker_no_more_time(door: Door, call: Caller) -> None:
    await brought_to(door, call, "handled")
    before = await door.database.fetch("select stage, step, at from router.timers")
    later(door, minutes=30)
    await reported(door, 2, category=BLOCKED_DRAIN, place=beside(1))

    assert before == await door.database.fetch("select stage, step, at from router.timers")
    assert [] == await ledger_timers.due(door.database, door.now())


async def test_closing_is_not_suggested_of_a_handling_that_was_only_drawn(door: Door, call: Caller) -> None:
    await joined_late(door, call)
    drawn = "update router.cases set body = replace(body, 'photo_from_before', 'chosen_for_check')"
    await door.database.execute(drawn)
    (item,) = await call.items(CENTRE, "/v1/review")

    assert ("chosen_for_check,joined_after_handling", "rework") == (item["waits_for"], item["suggestion"]["act"])


async def test_a_case_that_is_linked_to_a_handled_one_brings_findings_with_it(door: Door, call: Caller) -> None:
    await brought_to(door, call, "handled")
    await reported(door, 2, category=BLOCKED_DRAIN)
    await call.done(CENTRE, case_of(2), "link", generation=1, linked_to=CASE, reason="同一处")
    case = await call.case(CASE)

    assert ["photo_from_before", "joined_after_handling"] == case["handling"]["findings"]
    assert ("handled", 2) == (case["state"], case["reports"])


async def test_a_report_that_leaves_again_takes_its_finding_along(door: Door, call: Caller) -> None:
    await joined_late(door, call)
    late = (await call.case(CASE))["report_ids"][1]
    await call.done(CENTRE, CASE, "unlink", generation=1, report_id=late, reason="另一处")
    case = await call.case(CASE)

    assert ("photo_from_before", []) == (case["waits_for"], case["handling"]["heard_since"])


async def test_who_works_on_it_again_reads_what_was_said_and_the_next_handling_has_answered_it(
    door: Door, call: Caller
) -> None:
    await joined_late(door, call)
    await call.done(CENTRE, CASE, "rework", generation=1, reason="仍在冒水")
    (work,) = await call.items(DRAINS, "/v1/platforms/me/cases")
    closed = await call.done(DRAINS, CASE, "handle", generation=2, text="已彻底疏通")

    assert ["还在往外冒水"] == [heard["text"] for heard in work["handling"]["heard_since"]]
    assert ("closed", [], []) == (closed["state"], closed["handling"]["findings"], closed["handling"]["heard_since"])
    assert "case.closed" == (await events_of(call, CASE))[-1]


async def test_who_has_not_seen_it_does_not_close_past_it_with_the_etag_of_before(door: Door, call: Caller) -> None:
    await brought_to(door, call, "handled")
    seen = f'"{(await call.case(CASE))["seq"]}"'
    await reported(door, 2, category=BLOCKED_DRAIN, place=beside(1))
    answer = await call.act(CENTRE, CASE, "close", seen=seen, reply="已处置")

    assert (412, "changed_meanwhile") == (answer.status_code, answer.json()["reason"])
