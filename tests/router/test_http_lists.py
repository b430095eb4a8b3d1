"""Lists of acts: what a handling needs is announced, every act of the centre's day can be done for many at once."""

from typing import Any

import pytest

from services.router.act import Door
from services.router.http_centre_lists import LISTS
from services.router.http_platforms import HandleBody
from tests.router.desk import BLOCKED_DRAIN, DIRTY_STREET, brought_to, case_of, photo, reported, standing
from tests.router.http import CENTRE, DRAINS, WORKLIST, Caller, refusal
from tests.router.test_http import CENTRES, history

NOWHERE = case_of(77)
HANDLE = "/v1/platforms/me/handle"
REPLIED = {"approve": "extension", "refuse": "extension"}


async def test_the_worklist_and_the_case_say_what_a_handling_needs(door: Door, call: Caller) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    await reported(door, 2, category="C0102")
    items = {item["case_id"]: item for item in await call.items(CENTRE, "/v1/cases", limit=9)}
    needed = {case_id: item["needs"]["after_photo"] for case_id, item in items.items()}
    platform = {item["case_id"]: item["needs"] for item in await call.items(DRAINS, WORKLIST)}
    one = await call.case(case_of(1))

    assert {case_of(1): False, case_of(2): True} == needed
    assert {"after_photo": False, "photos": {"max": 9}, "text": {"min": 2, "max": 2000}} == one["needs"]
    assert platform[case_of(1)] == one["needs"]


@pytest.mark.parametrize("state", ["held", "dispatched", "accepted", "suspended", "handled", "closed"])
async def test_needs_are_told_while_a_handling_can_come_and_only_then(door: Door, call: Caller, state: str) -> None:
    case = await call.case(await brought_to(door, call, state))

    assert (state in ("dispatched", "accepted")) == (case["needs"] is not None)


async def test_a_list_of_handlings_that_have_what_is_needed_is_done_and_one_that_lacks_it_is_named(
    door: Door, call: Caller
) -> None:
    for number, category in enumerate((BLOCKED_DRAIN, "C0102", "C0102", BLOCKED_DRAIN), 1):
        await reported(door, number, category=category)
    items = []
    for number in range(1, 5):
        case = await call.case(case_of(number))
        media = [photo(door, case["platform"]["code"], f"{number:02x}")] if case["needs"]["after_photo"] else []
        items.append((case, {"case_id": case["case_id"], "generation": 1, "text": f"已处置 {number}", "media": media}))
    told: dict[str, int] = {}
    for code in {case["platform"]["code"] for case, _ in items}:
        mine = [item for case, item in items if case["platform"]["code"] == code]
        answer = await call.post(f"ssp_platform_{code}", HANDLE, {"items": mine})
        told |= {item["case_id"]: item["status"] for item in answer.json()["items"]}

    assert [200] * 4 == [told[case_of(number)] for number in range(1, 5)]


@pytest.mark.parametrize("act", LISTS)
async def test_half_of_a_list_is_done_and_the_other_half_is_told_why_not(door: Door, call: Caller, act: str) -> None:
    state, said = CENTRES[act]
    cases = [await call.case(await brought_to(door, call, state, number)) for number in (1, 2)]
    elsewhere = await brought_to(door, call, "held" if state != "held" else "dispatched", 3)
    items: list[dict[str, Any]] = [
        said | {"case_id": case["case_id"], "generation": case["generation"]} for case in cases
    ]
    other_generation = items[1] | {"generation": 7}
    stale = items[1] | {"seq": cases[1]["seq"] - 1}
    wrong_state = said | {"case_id": elsewhere, "generation": (await call.case(elsewhere))["generation"]}
    nowhere = said | {"case_id": NOWHERE, "generation": 1}
    path = f"/v1/review/{act}"
    mixed = [items[0], other_generation, wrong_state, nowhere]
    first = await call.post(CENTRE, path, {"items": mixed}, "first")
    before = await standing(door)
    again = await call.post(CENTRE, path, {"items": mixed}, "first")
    reused = await call.post(CENTRE, path, {"items": [items[0], items[1]]}, "first")
    late = await call.post(CENTRE, path, {"items": [stale]})
    after_the_refusals = await standing(door)
    seen = await call.post(CENTRE, path, {"items": [items[1] | {"seq": cases[1]["seq"]}]})

    told = [(item["case_id"], item["status"]) for item in first.json()["items"]]
    assert [200, 409, 409, 404] == [status for _, status in told]
    assert [item["case_id"] for item in mixed] == [name for name, _ in told]
    assert first.content == again.content
    assert (422, "idempotency_key_reused", ["Idempotency-Key"]) == refusal(reused)
    assert [(412, "changed_meanwhile")] == [(i["status"], i["body"]["reason"]) for i in late.json()["items"]]
    assert before == after_the_refusals
    assert [200] == [item["status"] for item in seen.json()["items"]]


UNFIT_LISTS: list[tuple[Any, str, list[str]]] = [
    ([], "unfit_body", ["items"]),
    (101, "unfit_body", ["items"]),
    ([{}, {"generation": None}], "unfit_body", ["items[1].generation"]),
    ([{}, {}, {"seq": 0}], "unfit_body", ["items[2].seq"]),
    ([{}, {"case_id": "x"}], "unfit_body", ["items[1].case_id"]),
    (
        [{}, {}, {"case_id": case_of(1)}, {"case_id": case_of(2)}],
        "case_twice",
        ["items[2].case_id", "items[3].case_id"],
    ),
    ([{"unknown": 1}], "unfit_body", ["items[0].unknown"]),
]


@pytest.mark.parametrize("act", LISTS)
async def test_an_unfit_list_is_refused_as_a_whole_and_its_items_are_named(door: Door, call: Caller, act: str) -> None:
    said, answers = CENTRES[act][1], []
    for items, _, _ in UNFIT_LISTS:
        parts = [{}] * items if isinstance(items, int) else items
        listed = [said | {"case_id": case_of(n), "generation": 1} | part for n, part in enumerate(parts, 1)]
        answers.append(await call.post(CENTRE, f"/v1/review/{act}", {"items": listed}))

    assert [(422, reason, fields) for _, reason, fields in UNFIT_LISTS] == [refusal(answer) for answer in answers]


async def test_a_refused_item_of_a_platform_without_the_photo_leaves_the_others_done(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, category=DIRTY_STREET)
    cases = [await call.case(case_of(number)) for number in (1, 2)]
    code = cases[0]["platform"]["code"]
    media = [photo(door, code)]
    items = [
        {"case_id": case_of(1), "generation": 1, "text": "已清扫", "media": media},
        {"case_id": case_of(2), "generation": 1, "text": "已清扫干净"},
    ]
    answer = await call.post(f"ssp_platform_{code}", HANDLE, {"items": items})

    assert [True, True] == [case["needs"]["after_photo"] for case in cases]
    assert [200, 422] == [item["status"] for item in answer.json()["items"]]
    assert ("after_photo_missing", "media") == (
        answer.json()["items"][1]["body"]["reason"], answer.json()["items"][1]["body"]["errors"][0]["field"],
    )  # fmt: skip
    assert "refused" == (await history(door, case_of(2)))[-1]["kind"]


def test_what_a_handling_needs_is_what_its_body_may_hold() -> None:
    schema = HandleBody.model_json_schema()["properties"]

    assert (9, 2, 2000) == (schema["media"]["maxItems"], schema["text"]["minLength"], schema["text"]["maxLength"])
