"""The centre's desk by HTTP: what waits, the answer that is suggested, and filing, declining, arbitrating, checking."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.events import Place
from schemas.reports import Finding
from services.router.act import Door
from services.router.city import read_city
from tests.router.conftest import hour
from tests.router.desk import (
    BLOCKED_DRAIN,
    DIRTY_STREET,
    brought_to,
    case_of,
    changed_pack,
    events_of,
    later,
    reported,
    standing,
)
from tests.router.http import CENTRE, DRAINS, OPS, ROADS, YINGZE, Caller, calling, refusal

CASE, OTHER = case_of(1), case_of(2)
NOT_OURS = {"reason": "not_ours", "note": "不在管辖范围"}


def found(*codes: Any) -> tuple[Finding, ...]:
    return tuple(Finding(code=code) for code in codes)


async def sent(call: Caller, item: Any) -> Any:
    """The case after the suggested answer was sent as it is."""
    act, body = item["suggestion"]["act"], item["suggestion"]["body"]
    return await call.done(CENTRE, item["case_id"], act, generation=item["generation"], **body)


async def arbitrated(door: Door, call: Caller) -> None:
    """Case 1 is returned by all three that the rule names."""
    await reported(door, 1)
    for generation, key in enumerate((DRAINS, ROADS, YINGZE), 1):
        await call.done(key, CASE, "return", generation=generation, **NOT_OURS)


async def test_what_waits_is_shown_longest_waiting_first_with_an_answer_that_can_be_sent_as_it_is(
    door: Door, call: Caller
) -> None:
    await reported(door, 1, category=None, text="门口的下水道盖子没了")
    later(door, minutes=1)
    await reported(door, 2, findings=found("advert"))
    later(door, minutes=1)
    await reported(door, 3, findings=found("word", "fraud_sign"))
    later(door, minutes=1)
    await reported(door, 4, findings=found("word", "personal_data", "photo_missing"))
    later(door, minutes=1)
    await brought_to(door, call, "handled", 5)
    items = await call.items(CENTRE, "/v1/review")
    answers = [await sent(call, item) for item in items]
    words = {code: door.city.reasons["decline", code] for code in ("advert", "fraud")}

    assert [
        (CASE, "category_missing", "file", {"category": "C0102"}, "category_missing", ["C0118", "E0503"]),
        (OTHER, "advert", "decline", {"reason": "advert", "reply": words["advert"]}, "advert", []),
        (case_of(3), "fraud_sign", "decline", {"reason": "fraud", "reply": words["fraud"]}, "fraud_sign", []),
        (case_of(5), "photo_from_before", "rework", {"reason": "photo_from_before"}, "photo_from_before", []),
    ] == [
        (
            i["case_id"], i["waits_for"], i["suggestion"]["act"], i["suggestion"]["body"], i["suggestion"]["why"],
            [other["code"] for other in i["suggestion"]["other_categories"]],
        )
        for i in items
    ]  # fmt: skip
    assert [
        ("dispatched", "C0102", 1), ("declined", "C0102", 0), ("declined", "C0102", 0),
        ("dispatched", BLOCKED_DRAIN, 2),
    ] == [(a["state"], a["category"], a["generation"]) for a in answers]  # fmt: skip
    assert [] == await call.items(CENTRE, "/v1/review")


async def test_a_case_that_was_pressed_for_keeps_its_turn_among_those_that_wait(door: Door, call: Caller) -> None:
    await reported(door, 1, category=None)
    later(door, minutes=30)
    await reported(door, 2, category=None)
    before = await call.items(CENTRE, "/v1/review")
    later(door, minutes=30)
    await call.done(CENTRE, CASE, "escalate", generation=0, reason="请尽快核实")
    after = await call.items(OPS, "/v1/review")

    assert [CASE, OTHER] == [item["case_id"] for item in before] == [item["case_id"] for item in after]
    assert [item["waits_since"] for item in before] == [item["waits_since"] for item in after]


async def test_the_pages_of_what_waits_go_through_everything_once(door: Door, call: Caller) -> None:
    for number in range(5):
        await reported(door, number, category=None)
    later(door, minutes=1)
    await reported(door, 5, 6, category=None)
    seen: list[str] = []
    cursor = ""
    while page := (await call.get(CENTRE, "/v1/review", limit=3, cursor=cursor)).json():
        if not page["items"]:
            break
        cursor = page["next"]
        seen += [item["case_id"] for item in page["items"]]

    assert sorted(case_of(n) for n in range(7)) == sorted(seen)


async def test_nothing_is_suggested_where_only_a_person_can_tell(door: Door, call: Caller) -> None:
    await reported(door, 1, category=None, text="有问题")
    await reported(door, 2, place=Place(address="某地"))
    await reported(door, 3, place=Place(address="太原市迎泽区某地"))
    items = {item["case_id"]: item for item in await call.items(CENTRE, "/v1/review")}

    assert (None, None) == (items[CASE]["suggestion"], items[OTHER]["suggestion"])
    assert ("district_missing", {"district": "140106"}) == (
        items[case_of(3)]["waits_for"], items[case_of(3)]["suggestion"]["body"],
    )  # fmt: skip
    assert ("dispatched", "140106") == (
        (case := await sent(call, items[case_of(3)]))["state"],
        case["place"]["district"],
    )


@pytest.fixture
async def careful(door: Door, tmp_path: Path) -> AsyncIterator[tuple[Door, Caller]]:
    """A city that files happenings by itself and checks every handling."""
    changed_pack(tmp_path, "policy.csv", "self_filing,*,", "self_filing,E*,")
    pack = changed_pack(tmp_path, "policy.csv", "check_share,*=0,", "check_share,E05*=1;*=0,")
    other = replace(door, city=read_city(pack))
    async with calling(other) as call:
        yield other, call


async def test_what_the_policy_does_not_file_by_itself_waits_and_is_filed_as_it_is(
    careful: tuple[Door, Caller],
) -> None:
    door, call = careful
    await reported(door, 1)
    await reported(door, 2, category=BLOCKED_DRAIN)
    (item,) = await call.items(CENTRE, "/v1/review")

    assert (CASE, "needs_filing", {}) == (item["case_id"], item["waits_for"], item["suggestion"]["body"])
    assert ("dispatched", "P016", "1401062026112400002") == (
        (case := await sent(call, item))["state"], case["platform"]["code"], case["case_number"],
    )  # fmt: skip
    assert "dispatched" == (await call.case(OTHER))["state"]


async def test_a_handling_that_the_policy_wants_checked_waits_and_closing_it_is_suggested(
    careful: tuple[Door, Caller],
) -> None:
    door, call = careful
    await reported(door, 1, category=BLOCKED_DRAIN)
    handled = await call.done(DRAINS, CASE, "handle", generation=1, text="已疏通")
    (item,) = await call.items(CENTRE, "/v1/review")
    closed = await sent(call, item)

    assert ("handled", "chosen_for_check") == (handled["state"], handled["waits_for"])
    assert ("close", {}, "nothing_suspicious") == tuple(item["suggestion"][part] for part in ("act", "body", "why"))
    assert ("closed", "已疏通") == (closed["state"], closed["reply"]["text"])


async def test_a_case_is_filed_with_another_category_and_district_than_was_reported(door: Door, call: Caller) -> None:
    await reported(door, 1, findings=found("advert"))
    filed = await call.done(CENTRE, CASE, "file", generation=0, category=DIRTY_STREET, district="140105")

    assert ("dispatched", DIRTY_STREET, "140105", "P001", "1401052026112400001") == (
        filed["state"], filed["category"], filed["place"]["district"], filed["platform"]["code"], filed["case_number"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({}, "category_missing", "category"), ({"category": "C9999"}, "category_unknown", "category"),
        ({"category": "C0102", "district": "999999"}, "district_unknown", "district"),
    ],
)  # fmt: skip
async def test_what_cannot_be_filed_is_named_and_uses_up_no_case_number(
    door: Door, call: Caller, body: Any, reason: str, field: str
) -> None:
    await reported(door, 1, category=None)
    before = await standing(door)
    answer = await call.act(CENTRE, CASE, "file", generation=0, **body)

    assert (422, reason, [field]) == refusal(answer)
    assert before == await standing(door)


async def test_a_case_is_declined_in_the_packs_words_or_in_the_centres_own(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, category=None)
    by_pack = await call.done(CENTRE, CASE, "decline", generation=0, reason="not_true")
    by_hand = await call.done(CENTRE, OTHER, "decline", generation=0, reason="not_true", reply="现场未发现问题")

    assert ("declined", door.city.reasons["decline", "not_true"]) == (by_pack["state"], by_pack["reply"]["text"])
    assert ("declined", "现场未发现问题") == (by_hand["state"], by_hand["reply"]["text"])
    assert ["case.opened", "case.held", "case.declined"] == await events_of(call, CASE)


async def test_half_of_a_list_is_filed_and_the_other_half_is_told_why_not(door: Door, call: Caller) -> None:
    await reported(door, *range(1, 5), category=None)
    await reported(door, 5)
    items = [
        {"case_id": CASE, "generation": 0, "category": "C0102"},
        {"case_id": OTHER, "generation": 0, "category": "C9999"},
        {"case_id": case_of(3), "generation": 4, "category": "C0102"},
        {"case_id": case_of(4), "generation": 0, "category": "E0110", "district": "140105"},
        {"case_id": case_of(5), "generation": 1, "category": "C0102"},
        {"case_id": case_of(77), "generation": 0, "category": "C0102"},
    ]
    answer = await call.post(CENTRE, "/v1/review/file", {"items": items}, "many")
    told = [
        (i["case_id"], i["status"], i["body"].get("reason", i["body"].get("state"))) for i in answer.json()["items"]
    ]
    states = [(await call.case(case_of(n)))["state"] for n in range(1, 6)]
    after = await standing(door)
    again = await call.post(CENTRE, "/v1/review/file", {"items": items}, "many")

    assert [
        (CASE, 200, "dispatched"), (OTHER, 422, "category_unknown"), (case_of(3), 409, "generation_unknown"),
        (case_of(4), 200, "dispatched"), (case_of(5), 409, "not_while_dispatched"), (case_of(77), 404, "unknown_case"),
    ] == told  # fmt: skip
    assert ["dispatched", "held", "held", "dispatched", "dispatched"] == states
    assert [("140105", 1), ("140106", 2)] == [(row["district"], row["last"]) for row in after[5]]
    assert (answer.content, after) == (again.content, await standing(door))


async def test_half_of_a_list_is_declined_and_the_other_half_is_told_why_not(door: Door, call: Caller) -> None:
    await reported(door, *range(1, 4), category=None)
    items = [
        {"case_id": CASE, "generation": 0, "reason": "advert"},
        {"case_id": OTHER, "generation": 0, "reason": "made_up"},
        {"case_id": case_of(3), "generation": 0, "reason": "unclear", "reply": "请说明在哪条路"},
    ]
    answer = await call.post(CENTRE, "/v1/review/decline", {"items": items}, "many")
    after = await standing(door)
    again = await call.post(CENTRE, "/v1/review/decline", {"items": items}, "many")
    other = await call.post(CENTRE, "/v1/review/decline", {"items": [{**items[0], "reason": "fraud"}]}, "many")

    assert [200, 422, 200] == [item["status"] for item in answer.json()["items"]]
    assert ["declined", "held", "declined"] == [(await call.case(case_of(n)))["state"] for n in (1, 2, 3)]
    assert (answer.content, after) == (again.content, await standing(door))
    assert (422, "idempotency_key_reused", ["Idempotency-Key"]) == refusal(other)


@pytest.mark.parametrize(
    ("items", "reason", "fields"),
    [
        ([], "unfit_body", ["items"]), ([{"generation": 0}] * 101, "unfit_body", ["items"]),
        ([{"generation": 0}, {"generation": 0}], "case_twice", ["items[1].case_id"]),
        ([{"generation": 0}, {}], "unfit_body", ["items[1].generation"]),
        ([{"generation": 0, "district": "1401060"}], "unfit_body", ["items[0].district"]),
    ],
)  # fmt: skip
async def test_an_unfit_list_is_refused_as_a_whole(
    door: Door, call: Caller, items: list[Any], reason: str, fields: list[str]
) -> None:
    await reported(door, 1, category=None)
    before = await standing(door)
    answer = await call.post(
        CENTRE, "/v1/review/file", {"items": [{"case_id": CASE, "category": "C0102", **item} for item in items]}
    )

    assert (422, reason, fields) == refusal(answer)
    assert before == await standing(door)


async def test_after_three_returns_the_centre_names_the_platform_for_good(door: Door, call: Caller) -> None:
    await arbitrated(door, call)
    (waiting,) = await call.items(CENTRE, "/v1/arbitration")
    named = await sent(call, waiting)
    back = await call.act(YINGZE, CASE, "return", generation=4, **NOT_OURS)

    assert (CASE, "filed", "arbitration", None, 3) == (
        waiting["case_id"], waiting["state"], waiting["waits_for"], waiting["platform"], waiting["returns"],
    )  # fmt: skip
    assert ("dispatch", {"platform": "P002"}, "the_place_takes_it") == tuple(
        waiting["suggestion"][part] for part in ("act", "body", "why")
    )
    assert ("dispatched", "P002", 4, True) == (
        named["state"], named["platform"]["code"], named["generation"], named["final"],
    )  # fmt: skip
    assert (409, "decision_is_final", []) == refusal(back)
    assert ["P016", "P015", "P002"] == (await call.case(CASE))["returned_by"]


async def test_of_a_long_chain_somebody_who_has_not_returned_it_is_suggested(door: Door, call: Caller) -> None:
    await reported(door, 1, category="E0108")
    chain = door.city.rules.choose_platform("E0108", "140106").candidates
    for generation, code in enumerate(chain[:3], 1):
        await call.done(f"ssp_platform_{code}", CASE, "return", generation=generation, **NOT_OURS)
    (waiting,) = await call.items(CENTRE, "/v1/arbitration")

    assert ({"platform": chain[3]}, "has_not_returned_it") == (
        waiting["suggestion"]["body"], waiting["suggestion"]["why"],
    )  # fmt: skip
    assert (chain[3], True) == ((case := await sent(call, waiting))["platform"]["code"], case["final"])


async def test_the_centre_dispatches_by_name_or_by_the_rules_for_an_owner(door: Door, call: Caller) -> None:
    await reported(door, 1, category="E0504")
    first = await call.case(CASE)
    owned = await call.done(CENTRE, CASE, "dispatch", generation=1, owner="第二热力")
    before = await standing(door)
    refused = [
        await call.act(CENTRE, CASE, "dispatch", generation=2, platform="P999"),
        await call.act(CENTRE, CASE, "dispatch", generation=2, platform="P031"),
        await call.act(CENTRE, CASE, "dispatch", generation=2, owner="第二热力"),
    ]

    assert ("dispatched", 1) == (first["state"], first["generation"])
    assert ("P031", 2, "第二热力") == (
        owned["platform"]["code"], owned["generation"], (await call.case(CASE))["choice"]["inputs"]["owner"],
    )  # fmt: skip
    assert [
        (422, "platform_unknown", ["platform"]), (409, "already_there", []), (409, "already_there", []),
    ] == [refusal(answer) for answer in refused]  # fmt: skip
    assert before == await standing(door)


async def test_a_case_that_nobody_can_be_found_for_any_more_says_so(door: Door, call: Caller) -> None:
    await arbitrated(door, call)
    before = await standing(door)

    assert (409, "no_candidate_left", []) == refusal(await call.act(CENTRE, CASE, "dispatch", generation=3))
    assert before == await standing(door)


async def test_a_checked_handling_goes_back_with_a_new_clock_or_is_closed_in_the_centres_words(
    door: Door, call: Caller
) -> None:
    await brought_to(door, call, "handled", 1)
    await brought_to(door, call, "handled", 2)
    hour(door).at += timedelta(hours=1)
    again = await call.done(CENTRE, CASE, "rework", generation=1, reason="仍有积水")
    closed = await call.done(CENTRE, OTHER, "close", generation=1, reply="已现场核实", outcome="closed_undone")

    assert ("dispatched", "P016", 2, 1, "2026-11-24T17:00:00+08:00") == (
        again["state"], again["platform"]["code"], again["generation"], again["reworks"], again["deadline"],
    )  # fmt: skip
    assert ("closed", "已现场核实") == (closed["state"], closed["reply"]["text"])
    assert "case.reworked" in await events_of(call, CASE)


async def test_the_centre_ends_a_case_by_force_or_voids_it_in_the_packs_words(door: Door, call: Caller) -> None:
    await brought_to(door, call, "accepted", 1)
    await brought_to(door, call, "handled", 2)
    forced = await call.done(CENTRE, CASE, "force_close", generation=1, reason="gone")
    void = await call.done(CENTRE, OTHER, "void", generation=1, reason="double", reply="请见另一案件")
    timers = await door.database.fetch("select 1 from router.timers")

    assert ("closed", True, door.city.reasons["force_close", "gone"]) == (
        forced["state"], forced["forced"], forced["reply"]["text"],
    )  # fmt: skip
    assert ("void", "请见另一案件") == (void["state"], void["reply"]["text"])
    assert [] == timers


async def test_pressing_for_a_case_is_counted_and_moves_nothing(door: Door, call: Caller) -> None:
    await brought_to(door, call, "accepted")
    before = await call.case(CASE)
    pressed = await call.done(CENTRE, CASE, "escalate", generation=1, reason="群众再次来电")

    assert (1, before["deadline"], "accepted") == (pressed["escalations"], pressed["deadline"], pressed["state"])
    assert "群众再次来电" == (await call.case(CASE))["history"][-1]["why"]
