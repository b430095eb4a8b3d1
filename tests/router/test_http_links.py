"""The same problem by hand: a report taken out of a case, a case linked to another; feedback follows the report."""

import asyncio
from typing import Any

import httpx

from schemas.events import Place
from schemas.ids import case_id_of, unlinked_case_id_of
from services.router.act import Door
from services.router.rounds import make_round
from tests.router.desk import (
    BLOCKED_DRAIN,
    beside,
    brought_to,
    case_of,
    disputed,
    events_of,
    later,
    photographed,
    rated,
    report_id,
    reported,
    standing,
    taken,
)
from tests.router.http import CENTRE, DRAINS, OPS, ROADS, WORKLIST, YINGZE, Caller, refusal

CASE, OTHER = case_of(1), case_of(2)
SAME, ANOTHER = "同一处积水", "是另一处"


async def joined(door: Door) -> None:
    """Case 1, a blocked drain, of the reports 1, 11 and 12; the last with words and a photo of its own, 40 m away."""
    await reported(door, 1, category=BLOCKED_DRAIN)
    await reported(door, 11, category=BLOCKED_DRAIN, place=beside(1))
    aside = Place(lon=(beside(1).lon or 0) + 0.0004, lat=beside(1).lat, address="井边", district="140106")
    await reported(door, 12, category=BLOCKED_DRAIN, place=aside, text="井边也堵", media=photographed(door, "0c"))


async def link(call: Caller, source: str, target: str, once: str | None = None) -> httpx.Response:
    return await call.act(CENTRE, source, "link", once, generation=1, linked_to=target, reason=SAME)


async def unlink(call: Caller, number: int, once: str | None = None) -> httpx.Response:
    return await call.act(CENTRE, CASE, "unlink", once, generation=1, report_id=str(report_id(number)), reason=ANOTHER)


async def case_with(call: Caller, number: int) -> Any:
    """The case that a report belongs to now, as the centre finds it."""
    (item,) = await call.items(CENTRE, "/v1/cases", report_id=str(report_id(number)))
    return await call.case(item["case_id"])


async def test_a_report_taken_out_opens_a_case_of_its_own_which_is_filed_and_dispatched(
    door: Door, call: Caller
) -> None:
    await joined(door)
    left = await unlink(call, 12)
    own, rest = await case_with(call, 12), await call.case(CASE)

    assert (200, 2, [str(report_id(1)), str(report_id(11))]) == (
        left.status_code, left.json()["reports"], rest["report_ids"],
    )  # fmt: skip
    assert (str(unlinked_case_id_of(case_id_of(report_id(1)), rest["seq"])), "1401062026112400002", "P016") == (
        own["case_id"], own["case_number"], own["platform"]["code"],
    )  # fmt: skip
    assert ("井边也堵", BLOCKED_DRAIN, "井边", round(112.5029, 6), [str(report_id(12))], 1) == (
        own["text"], own["category"], own["place"]["address"], round(own["place"]["lon"], 6), own["report_ids"],
        len(own["media"]),
    )  # fmt: skip
    assert [] == [media_id for media_id in own["media"] if media_id in rest["media"]]
    assert ["case.opened", "case.filed", "case.dispatched"] == await events_of(call, own["case_id"])
    assert {CASE, own["case_id"]} == {item["case_id"] for item in await call.items(DRAINS, WORKLIST)}


async def test_a_dispute_of_a_report_that_was_taken_out_goes_to_its_new_case(door: Door, call: Caller) -> None:
    await joined(door)
    await unlink(call, 12)
    own = (await case_with(call, 12))["case_id"]
    await call.done(DRAINS, CASE, "handle", generation=1, text="已疏通")
    await call.done(DRAINS, own, "handle", generation=1, text="井边已疏通")
    await taken(door, disputed(door, 12), rated(door, 11, 5))

    assert (("dispatched", 1), ("closed", 0)) == (
        ((case := await call.case(own))["state"], case["reworks"]),
        ((case := await call.case(CASE))["state"], case["reworks"]),
    )
    assert [str(report_id(11))] == [rating["report_id"] for rating in (await call.case(CASE))["ratings"]]


async def test_the_report_that_opened_a_case_and_one_of_another_case_cannot_be_taken_out(
    door: Door, call: Caller
) -> None:
    await joined(door)
    await reported(door, 2)
    before = await standing(door)

    assert (422, "first_report", ["report_id"]) == refusal(await unlink(call, 1))
    assert (422, "report_not_joined", ["report_id"]) == refusal(await unlink(call, 2))
    assert (422, "report_not_joined", ["report_id"]) == refusal(await unlink(call, 77))
    assert before == await standing(door)


async def test_taking_a_report_out_under_one_key_does_it_once(door: Door, call: Caller) -> None:
    await joined(door)
    first = await unlink(call, 12, "once")
    after = await standing(door)
    again = await unlink(call, 12, "once")
    twice = await unlink(call, 12)

    assert (200, first.content) == (again.status_code, again.content)
    assert (422, "report_not_joined", ["report_id"]) == refusal(twice)
    assert after == await standing(door)


async def test_a_linked_case_ends_and_its_reports_join_the_other_in_their_order(door: Door, call: Caller) -> None:
    await joined(door)
    await reported(door, 2, category=BLOCKED_DRAIN)
    ended = await link(call, CASE, OTHER)
    source, target = await call.case(CASE), await call.case(OTHER)
    timers = await door.database.fetch("select distinct case_id from router.timers")

    assert (200, "linked", OTHER, 0, None) == (
        ended.status_code, ended.json()["state"], ended.json()["linked_to"], ended.json()["reports"],
        ended.json()["reply"],
    )  # fmt: skip
    assert [str(report_id(n)) for n in (2, 1, 11, 12)] == target["report_ids"]
    assert ("dispatched", 1, 1) == (target["state"], target["generation"], len(target["media"]))
    assert [(await case_with(call, n))["case_id"] for n in (1, 11, 12)] == [OTHER] * 3
    assert ("case.linked", SAME) == (source["history"][-1]["event"], source["history"][-1]["why"])
    assert [OTHER] == [str(row["case_id"]) for row in timers]


async def test_of_a_linked_case_its_platform_hears_nothing_and_can_do_nothing(door: Door, call: Caller) -> None:
    await reported(door, 1, category="E0108")
    await reported(door, 2, category=BLOCKED_DRAIN)
    await link(call, CASE, OTHER)
    later(door, days=30)
    before = await standing(door)
    acts: dict[str, dict[str, Any]] = {
        "accept": {}, "return": {"reason": "not_ours", "note": "不在管辖范围"}, "handle": {"text": "已疏通"},
    }  # fmt: skip
    own = [await call.act(YINGZE, CASE, act, generation=1, **body) for act, body in acts.items()]
    other = [await call.act(ROADS, CASE, act, generation=1, **body) for act, body in acts.items()]
    assert before == await standing(door)
    while await make_round(door):
        continue

    assert [(409, "not_while_linked", [])] * 3 == [refusal(answer) for answer in own]
    assert [(404, "unknown_case", ["case_id"])] * 3 == [refusal(answer) for answer in other]
    assert ([], []) == (await call.items(YINGZE, WORKLIST), await call.items(YINGZE, WORKLIST, state="handled"))
    assert "case.escalated" not in await events_of(call, CASE)


async def test_marks_and_disputes_of_reports_that_were_linked_go_to_the_case_they_joined(
    door: Door, call: Caller
) -> None:
    await joined(door)
    await reported(door, 2, category=BLOCKED_DRAIN)
    await link(call, CASE, OTHER)
    await call.done(DRAINS, OTHER, "handle", generation=1, text="已疏通")
    await taken(door, rated(door, 12, 1), disputed(door, 11))
    target = await call.case(OTHER)

    assert ([{"report_id": str(report_id(12)), "stars": 1}], "dispatched", 2) == (
        target["ratings"], target["state"], target["generation"],
    )  # fmt: skip
    assert ["case.linked"] == (await events_of(call, CASE))[-1:]


async def test_a_chain_of_links_brings_every_report_to_its_end(door: Door, call: Caller) -> None:
    await joined(door)
    await reported(door, 2, 3, category=BLOCKED_DRAIN)
    answers = [await link(call, CASE, OTHER), await link(call, OTHER, case_of(3))]

    assert [200, 200] == [answer.status_code for answer in answers]
    assert [str(report_id(n)) for n in (3, 2, 1, 11, 12)] == (await call.case(case_of(3)))["report_ids"]


async def test_a_case_that_nobody_has_filed_yet_may_be_linked_too(door: Door, call: Caller) -> None:
    await brought_to(door, call, "held")
    await brought_to(door, call, "handled", 2)
    ended = await call.act(CENTRE, CASE, "link", generation=0, linked_to=OTHER, reason=SAME)
    target = await call.case(OTHER)

    assert (200, "linked") == (ended.status_code, ended.json()["state"])
    assert ("handled", [str(report_id(2)), str(report_id(1))]) == (target["state"], target["report_ids"])
    assert [OTHER] == [item["case_id"] for item in await call.items(CENTRE, "/v1/review")]


async def test_a_case_is_not_linked_to_itself_to_an_ended_one_or_to_none(door: Door, call: Caller) -> None:
    await brought_to(door, call, "dispatched", 1)
    await brought_to(door, call, "closed", 2)
    before = await standing(door)

    assert (422, "same_case", ["linked_to"]) == refusal(await link(call, CASE, CASE))
    assert (422, "linked_to_not_open", ["linked_to"]) == refusal(await link(call, CASE, OTHER))
    assert (404, "unknown_case", ["linked_to"]) == refusal(await link(call, CASE, case_of(77)))
    assert (404, "unknown_case", ["case_id"]) == refusal(await link(call, case_of(77), CASE))
    assert before == await standing(door)


async def test_a_link_under_one_key_is_made_once(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, 3)
    first = await link(call, CASE, OTHER, "once")
    after = await standing(door)
    again = await link(call, CASE, OTHER, "once")
    elsewhere = await link(call, CASE, case_of(3), "once")
    twice = await link(call, CASE, OTHER)

    assert (200, first.content) == (again.status_code, again.content)
    assert (422, "idempotency_key_reused", ["Idempotency-Key"]) == refusal(elsewhere)
    assert (409, "not_while_linked", []) == refusal(twice)
    assert after == await standing(door)


async def test_of_links_that_race_one_is_made_and_no_report_is_lost(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, 3)
    pairs = [(CASE, OTHER), (OTHER, CASE), (CASE, case_of(3)), (OTHER, case_of(3))]
    answers = await asyncio.gather(*(link(call, source, target) for source, target in pairs))
    cases = [await call.case(case_of(n)) for n in (1, 2, 3)]
    owners = {n: (await case_with(call, n))["case_id"] for n in (1, 2, 3)}
    of_open = {r: case["case_id"] for case in cases if case["state"] == "dispatched" for r in case["report_ids"]}

    assert {200, 409, 422} >= {answer.status_code for answer in answers}
    assert (
        [answer.status_code for answer in answers].count(200) == [case["state"] for case in cases].count("linked") > 0
    )
    assert {str(report_id(n)): case_id for n, case_id in owners.items()} == of_open


async def test_open_cases_of_the_category_that_are_near_are_named_nearest_first(door: Door, call: Caller) -> None:
    lon, lat = beside(1).lon or 0, beside(1).lat or 0
    await reported(door, 1)
    for number, metres, category in ((2, 150, "C0102"), (3, 100, "C0102"), (4, 100, "C0103"), (5, 300, "C0102")):
        place = Place(lon=lon, lat=lat + metres / 111_195, district="140106")
        await reported(door, number, place=place, category=category)
    await call.done(CENTRE, case_of(3), "force_close", generation=1, reason="gone")
    await reported(door, 6, place=Place(lon=lon, lat=lat - 100 / 111_195, district="140106"))
    near = await call.items(OPS, f"/v1/cases/{CASE}/near")

    assert [(case_of(6), 100.0), (OTHER, 150.0)] == [(item["case_id"], item["distance_m"]) for item in near]
    assert (403, 404) == (
        (await call.get(DRAINS, f"/v1/cases/{CASE}/near")).status_code,
        (await call.get(CENTRE, f"/v1/cases/{case_of(77)}/near")).status_code,
    )
