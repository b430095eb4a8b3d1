"""What the centre and platforms read: lists in order and in pages, single cases, and who may see what."""

from itertools import combinations
from typing import Any

import pytest

from schemas.ids import case_id_of
from services.router.act import Door
from tests.router.conftest import hour, report
from tests.router.desk import (
    BLOCKED_DRAIN,
    DIRTY_STREET,
    POTHOLE,
    brought_to,
    case_of,
    later,
    report_id,
    reported,
)
from tests.router.http import APP, CENTRE, DRAINS, OPS, ROADS, WORKLIST, YINGZE, Caller, refusal

CASE, OTHER = case_of(1), case_of(2)
NOT_OURS = {"reason": "not_ours", "note": "不在管辖范围"}
OF_CENTRE = (
    "/v1/review", "/v1/arbitration", "/v1/requests", "/v1/overdue", "/v1/returns", "/v1/accountability", "/v1/cases",
    "/v1/platforms", "/v1/platforms/P016/cases",
)  # fmt: skip


def ids(items: list[Any]) -> list[str]:
    return [item["case_id"] for item in items]


async def all_pages(call: Caller, path: str, limit: int, **query: Any) -> list[Any]:
    """Page by page, up to the first empty one."""
    found: list[Any] = []
    cursor = ""
    while (page := (await call.get(CENTRE, path, limit=limit, cursor=cursor, **query)).json())["items"]:
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next"]
    return found


async def test_lists_are_for_the_centre_and_operations_and_nobody_else(door: Door, call: Caller) -> None:
    await reported(door, 1)
    for path in (*OF_CENTRE, f"/v1/cases/{CASE}", "/v1/reasons"):
        answers = [await call.get(key, path) for key in (CENTRE, OPS, DRAINS, APP, "nobody")]

        platform = 403 if path in OF_CENTRE else 200
        assert [200, 200, platform, 403, 401] == [answer.status_code for answer in answers], path
        assert 401 == (await call.http.get(path)).status_code


async def test_the_cursor_and_the_limit_of_every_list_are_checked(call: Caller) -> None:
    bad = [{"limit": "0"}, {"limit": "201"}, {"cursor": "42"}, {"cursor": f"1.2.3.{'a' * 32}"}, {"cursor": "1.xyz"}]
    for path in ("/v1/review", "/v1/arbitration", "/v1/requests", "/v1/overdue", "/v1/cases"):
        answers = [refusal(await call.get(CENTRE, path, **query)) for query in bad]

        assert [(422, "limit_unfit", ["limit"])] * 2 + [(422, "cursor_unfit", ["cursor"])] * 3 == answers, path


async def test_what_nobody_has_is_listed_longest_waiting_first(door: Door, call: Caller) -> None:
    for number in (3, 1, 2):
        await brought_to(door, call, "bounced", number)
        await call.done(YINGZE, case_of(number), "return", generation=2, **NOT_OURS)
        later(door, minutes=5)
    await brought_to(door, call, "held", 4)
    listed = await call.items(OPS, "/v1/arbitration")
    paged = await all_pages(call, "/v1/arbitration", 2)

    assert [case_of(3), CASE, OTHER] == ids(listed) == ids(paged)
    assert [case_of(3), CASE, OTHER, case_of(4)] == ids(await call.items(CENTRE, "/v1/review"))


async def test_what_is_overdue_is_listed_longest_overdue_first_and_by_platform(door: Door, call: Caller) -> None:
    await reported(door, 1, category=DIRTY_STREET)  # the district, 16:00
    await reported(door, 2)  # 排水, 12:00
    await brought_to(door, call, "accepted", 3)  # 排水, 16:00
    await brought_to(door, call, "closed", 4)
    await brought_to(door, call, "suspended", 5)
    await reported(door, 6, category=POTHOLE)  # 道桥, Wednesday
    hour(door).at = hour(door).at.replace(hour=16)
    on_time = await call.items(CENTRE, "/v1/overdue")
    later(door, seconds=1)
    late = await call.items(CENTRE, "/v1/overdue")

    assert [OTHER] == ids(on_time)
    assert (OTHER, {CASE, case_of(3)}) == (ids(late)[0], set(ids(late)[1:]))
    assert ids(late) == ids(await all_pages(call, "/v1/overdue", 1))
    assert [OTHER, case_of(3)] == ids(await call.items(OPS, "/v1/overdue", platform="P016"))
    assert [] == await call.items(OPS, "/v1/overdue", platform="P015")
    assert (422, "platform_unknown", ["platform"]) == refusal(await call.get(CENTRE, "/v1/overdue", platform="P999"))


async def test_the_centre_reads_a_platforms_list_as_the_platform_is_told_it(door: Door, call: Caller) -> None:
    await reported(door, 1, 2)
    own, read = await call.get(DRAINS, WORKLIST), await call.get(CENTRE, "/v1/platforms/P016/cases")
    nobody = await call.get(CENTRE, "/v1/platforms/P999/cases")

    assert [own.json()["items"]] == [read.json()["items"]]
    assert (2, (404, "platform_unknown", ["code"])) == (len(own.json()["items"]), refusal(nobody))


async def test_cases_are_found_by_platform_state_district_category_number_and_report(door: Door, call: Caller) -> None:
    await reported(door, 1)
    await reported(door, 2, category=POTHOLE)
    later(door, minutes=1)
    await brought_to(door, call, "accepted", 3)
    place = report(4).place.model_copy(update={"district": "140105"})
    await reported(door, 4, category=DIRTY_STREET, place=place)
    found = {
        name: ids(await call.items(CENTRE, "/v1/cases", **query))
        for name, query in {
            "platform": {"platform": "P016"}, "state": {"state": "accepted"}, "district": {"district": "140105"},
            "category": {"category": POTHOLE}, "number": {"case_number": "1401062026112400003"},
            "report": {"report_id": str(report_id(2))}, "nothing": {"platform": "P016", "state": "closed"},
            "no report": {"report_id": str(report_id(77))},
        }.items()
    }  # fmt: skip

    assert {
        "platform": [CASE, case_of(3)], "state": [case_of(3)], "district": [case_of(4)], "category": [OTHER],
        "number": [case_of(3)], "report": [OTHER], "nothing": [], "no report": [],
    } == found  # fmt: skip
    everything = ids(await all_pages(call, "/v1/cases", 1))
    assert ({CASE, OTHER}, {case_of(3), case_of(4)}) == (set(everything[:2]), set(everything[2:]))
    for field, value in (("state", "lost"), ("district", "140100"), ("category", "C9999"), ("report_id", "42")):
        assert [field] == refusal(await call.get(CENTRE, "/v1/cases", **{field: value}))[2]


async def bounced_story(door: Door, call: Caller) -> None:
    """On Tuesday 排水 returns two cases and the district one; on Thursday 排水 returns another for another reason."""
    for number in (1, 2):
        await brought_to(door, call, "bounced", number)
    await call.done(YINGZE, CASE, "return", generation=2, reason="wrong_place", note="不在本区")
    later(door, days=2)
    await reported(door, 3)
    await call.done(DRAINS, case_of(3), "return", generation=1, reason="other_owner", note="属雨水")


EVENTS = [
    {"rule": "R0397", "category": BLOCKED_DRAIN, "platform": "P016", "reason": "not_ours"},
    {"rule": "R0397", "category": BLOCKED_DRAIN, "platform": "P016", "reason": "not_ours"},
    {"rule": "R0397", "category": BLOCKED_DRAIN, "platform": "P002", "reason": "wrong_place"},
    {"rule": "R0289", "category": "C0102", "platform": "P016", "reason": "other_owner"},
]
SUBSETS = [names for n in range(1, 5) for names in combinations(("rule", "category", "platform", "reason"), n)]


async def test_returns_are_counted_by_whatever_is_named(door: Door, call: Caller) -> None:
    await bounced_story(door, call)
    for names in (*SUBSETS, ("reason", "platform", "platform")):
        items = await call.items(CENTRE, "/v1/returns", by=",".join(names))
        keys = [tuple(event[name] for name in names) for event in EVENTS]

        assert {key: keys.count(key) for key in keys} == {
            tuple(item[name] for name in names): item["times"] for item in items
        }, names
        assert sorted((item["times"] for item in items), reverse=True) == [item["times"] for item in items]
        assert {*names, "times", "last_at"} == set(items[0])
    (most, *_) = await call.items(CENTRE, "/v1/returns")
    assert ("R0397", BLOCKED_DRAIN, "P016", 2, "2026-11-24T10:00:00+08:00") == tuple(most.values())


async def test_returns_are_counted_of_a_period_from_its_first_instant_up_to_its_end(door: Door, call: Caller) -> None:
    await bounced_story(door, call)

    async def times(**query: str) -> int:
        return sum(item["times"] for item in await call.items(OPS, "/v1/returns", by="platform", **query))

    assert [4, 3, 1, 0] == [
        await times(),
        await times(since="2026-11-24", until="2026-11-25"),
        await times(since="2026-11-25"),
        await times(since="2026-11-25", until="2026-11-26"),
    ]
    assert [1, 0, 3] == [
        await times(since="2026-11-26T10:00:00+08:00"),
        await times(since="2026-11-26T02:00:00.000001Z", until="2026-11-27"),
        await times(since="2026-11-01", until="2026-11-26T10:00:00+08:00"),
    ]
    later(door, days=31)
    assert 0 == await times()


UNFIT = [
    ({"by": "colour"}, "by"), ({"by": ""}, "by"), ({"by": "platform,"}, "by"), ({"since": "yesterday"}, "since"),
    ({"until": "2026-11-24T10:00:00"}, "until"), ({"since": "2026-11-24", "until": "2026-11-24"}, "since"),
    ({"since": "2026-11-25"}, "since"), ({"since": "0001-01-01"}, "since"), ({"until": "0001-01-01"}, "until"),
    ({"until": "9999-12-31T23:59:59-12:00"}, "until"), ({"since": ""}, "since"), ({"since": "1764000000"}, "since"),
]  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/returns", "/v1/accountability"])
async def test_a_period_or_a_grouping_that_does_not_fit_is_named(call: Caller, path: str) -> None:
    for query, field in UNFIT:
        answer = await call.get(CENTRE, path, **query)

        assert (422, [field]) == (answer.status_code, [error["field"] for error in answer.json()["errors"]]), query


async def test_the_reasons_of_every_act_are_listed_with_their_words(door: Door, call: Caller) -> None:
    items = (await call.get(ROADS, "/v1/reasons")).json()["items"]

    assert {"decline", "return", "extend", "suspend", "force_close", "void"} == set(items)
    assert [("not_ours", "不属于本单位职责"), ("wrong_category", "类别有误")] == [
        (reason["code"], reason["text"]) for reason in items["return"][:2]
    ]


async def test_the_platforms_are_listed_in_the_packs_order(door: Door, call: Caller) -> None:
    items = await call.items(CENTRE, "/v1/platforms")

    assert list(door.city.platforms.items()) == [(item["code"], item["name"]) for item in items]


async def test_a_case_explains_every_platform_it_was_given_to(door: Door, call: Caller) -> None:
    await reported(door, 1)
    await call.done(DRAINS, CASE, "return", generation=1, reason="not_ours", note="雨水井")
    await call.done(CENTRE, CASE, "dispatch", generation=2, platform="P013")
    case = await call.case(CASE)

    inputs = {"category": "C0102", "district": "140106", "owner": None}
    assert [
        ("R0289", door.city.version, inputs, "P016", [("P015", "further_down"), ("P002", "further_down")]),
        ("R0289", door.city.version, inputs, "P015", [("P016", "returned"), ("P002", "further_down")]),
        (
            "centre", door.city.version, inputs, "P013",
            [("P016", "returned"), ("P015", "not_named"), ("P002", "not_named")],
        ),
    ] == [
        (c["rule"], c["city_version"], c["inputs"], c["taken"]["code"], [(o["code"], o["why"]) for o in c["not_taken"]])
        for c in case["choices"]
    ]  # fmt: skip
    assert case["choices"][-1] == case["choice"]


async def test_a_platform_reads_what_it_has_and_no_reporter_with_it(door: Door, call: Caller) -> None:
    await brought_to(door, call, "bounced")
    own = await call.get(YINGZE, f"/v1/cases/{CASE}")
    former = await call.get(DRAINS, f"/v1/cases/{CASE}")

    assert (200, 404) == (own.status_code, former.status_code)
    assert set() == {"history", "report_ids", "ratings", "disputed_by", "returned_by"} & own.json().keys()
    assert str(report_id(1)) not in own.text


async def test_times_are_shown_in_the_citys_own(door: Door, call: Caller) -> None:
    await reported(door, 1)
    (item,) = await call.items(DRAINS, WORKLIST)

    assert hour(door).at.replace(hour=12).isoformat() == item["deadline"]
    assert (hour(door).at.isoformat(), str(case_id_of(report_id(1)))) == (item["opened_at"], item["case_id"])
