"""More time, a standing clock, a dispute: asked for, shown to the centre, granted or not; and what comes of it."""

from typing import Any

import pytest

from services.router.act import Door
from services.router.rounds import make_round
from tests.router.conftest import hour
from tests.router.desk import (
    BLOCKED_DRAIN,
    POTHOLE,
    beside,
    brought_to,
    case_of,
    disputed,
    events_of,
    later,
    rated,
    report_id,
    reported,
    standing,
    taken,
)
from tests.router.http import CENTRE, DRAINS, ROADS, WORKLIST, Caller, refusal

CASE, OTHER = case_of(1), case_of(2)
WEATHER = {"reason": "weather", "note": "大雪"}
WINTER = {"reason": "season", "note": "冬季停工"}


async def pothole(door: Door, call: Caller) -> None:
    """Case 1 with 道桥, 1 work_day from Tuesday 10:00: due on Wednesday at 10:00; accepted."""
    await reported(door, 1, category=POTHOLE)
    await call.done(ROADS, CASE, "accept", generation=1)


async def closed(door: Door, call: Caller) -> None:
    """Case 1, reported by 1 and 2, handled and closed."""
    await reported(door, 1, category=BLOCKED_DRAIN)
    await reported(door, 2, category=BLOCKED_DRAIN, place=beside(1))
    await call.done(DRAINS, CASE, "handle", generation=1, text="已疏通")


async def wanted(call: Caller, kind: str | None = None) -> list[Any]:
    """Case and kind of what waits for the centre's yes or no."""
    query = {"request": kind} if kind else {}
    return [(i["case_id"], i["requested"]["request"]) for i in await call.items(CENTRE, "/v1/requests", **query)]


async def test_an_extension_is_asked_for_shown_and_granted_at_most_twice(door: Door, call: Caller) -> None:
    await pothole(door, call)
    asked = await call.done(ROADS, CASE, "extend", generation=1, **WEATHER)
    shown = await call.items(CENTRE, "/v1/requests")
    twice = await call.act(ROADS, CASE, "extend", generation=1, **WEATHER)
    first = await call.done(CENTRE, CASE, "approve", generation=1, request="extension")
    await call.done(ROADS, CASE, "extend", generation=1, **WEATHER)
    second = await call.done(CENTRE, CASE, "approve", generation=1, request="extension")
    third = await call.act(ROADS, CASE, "extend", generation=1, **WEATHER)

    assert ("2026-11-25T10:00:00+08:00", "accepted") == (asked["deadline"], asked["state"])
    assert [{"request": "extension", "at": "2026-11-24T10:00:00+08:00", "until": None, **WEATHER}] == [
        item["requested"] for item in shown
    ]
    assert (409, "request_waiting", []) == refusal(twice)
    assert [("2026-11-26T10:00:00+08:00", 1, None), ("2026-11-27T10:00:00+08:00", 2, None)] == [
        (case["deadline"], case["extensions"], case["requested"]) for case in (first, second)
    ]
    assert "2026-11-25T10:00:00+08:00" == second["original_deadline"]
    assert (409, "extended_enough", []) == refusal(third)
    assert [] == await wanted(call)


async def test_a_refused_request_leaves_the_deadline_and_may_be_made_again(door: Door, call: Caller) -> None:
    await pothole(door, call)
    asked = await call.done(ROADS, CASE, "extend", generation=1, **WEATHER)
    other = await call.act(CENTRE, CASE, "refuse", generation=1, request="suspension", reason="工程不大")
    refused = await call.done(CENTRE, CASE, "refuse", generation=1, request="extension", reason="工程不大")
    none = await call.act(CENTRE, CASE, "approve", generation=1, request="extension")
    again = await call.done(ROADS, CASE, "suspend", generation=1, until="2026-12-01T08:00:00+08:00", **WINTER)

    assert [(409, "no_such_request", [])] * 2 == [refusal(other), refusal(none)]
    assert (asked["deadline"], 0, None) == (refused["deadline"], refused["extensions"], refused["requested"])
    assert "suspension" == again["requested"]["request"]
    assert "工程不大" in [line["why"] for line in (await call.case(CASE))["history"]]


async def test_what_is_overdue_gets_no_more_time_whoever_waits(door: Door, call: Caller) -> None:
    await pothole(door, call)
    await brought_to(door, call, "accepted", 2)
    await call.done(ROADS, CASE, "extend", generation=1, **WEATHER)
    later(door, days=1, seconds=1)
    await make_round(door)
    before = await standing(door)
    answers = [
        await call.act(CENTRE, CASE, "approve", generation=1, request="extension"),
        await call.act(DRAINS, OTHER, "extend", generation=1, **WEATHER),
        await call.act(DRAINS, OTHER, "suspend", generation=1, until="2026-12-01T08:00:00+08:00", **WINTER),
    ]

    assert [(409, "overdue", [])] * 3 == [refusal(answer) for answer in answers]
    assert before == await standing(door)
    refused = await call.done(CENTRE, CASE, "refuse", generation=1, request="extension", reason="已超期")
    assert refused["requested"] is None


@pytest.mark.parametrize(
    ("until", "reason"),
    [
        ("2026-11-24T10:00:00+08:00", "until_in_past"), ("2026-11-24T01:59:59Z", "until_in_past"),
        ("2027-11-24T10:00:01+08:00", "until_too_far"), ("2026-12-01T08:00:00", "unfit_body"),
        ("2026-12-01", "unfit_body"), (1796000000, "unfit_body"), (True, "unfit_body"), (None, "unfit_body"),
        ("下周", "unfit_body"), ("1796000000", "unfit_body"),
    ],
)  # fmt: skip
async def test_a_clock_cannot_stand_still_until_just_any_time(
    door: Door, call: Caller, until: Any, reason: str
) -> None:
    await brought_to(door, call, "accepted")
    before = await standing(door)
    answer = await call.act(DRAINS, CASE, "suspend", generation=1, until=until, **WINTER)

    assert (422, reason, ["until"]) == refusal(answer)
    assert before == await standing(door)


async def test_a_suspended_case_resumes_by_itself_with_the_time_that_was_left_and_comes_to_the_worklist_again(
    door: Door, call: Caller
) -> None:
    await pothole(door, call)
    later(door, hours=1)
    await call.done(ROADS, CASE, "suspend", generation=1, until="2026-12-01T08:00:00+08:00", **WINTER)
    assert [(CASE, "suspension")] == await wanted(call)
    suspended = await call.done(CENTRE, CASE, "approve", generation=1, request="suspension")
    sweep = (await call.get(ROADS, WORKLIST)).json()
    hour(door).at = hour(door).at.replace(month=12, day=1, hour=7, minute=59)
    early = await make_round(door)
    later(door, minutes=1)
    due = await make_round(door)
    case = await call.case(CASE)
    again = (await call.get(ROADS, WORKLIST, cursor=sweep["next"])).json()["items"]

    assert ("suspended", "2026-12-01T08:00:00+08:00", None) == (
        suspended["state"], suspended["suspended_until"], suspended["light"],
    )  # fmt: skip
    assert [("suspended", CASE)] == [(item["state"], item["case_id"]) for item in sweep["items"]]
    assert (0, 1) == (early, due)
    # Seven hours of eight were left at 11:00: Tuesday 8 to 12 and 14 to 17.
    assert ("accepted", "2026-12-01T17:00:00+08:00", None) == (case["state"], case["deadline"], case["suspended_until"])
    assert ("case.resumed", "clock") == (case["history"][-1]["event"], case["history"][-1]["by"])
    assert [CASE] == [item["case_id"] for item in again]


async def test_nothing_is_rung_while_the_clock_stands_still_and_the_centre_may_end_that(
    door: Door, call: Caller
) -> None:
    await brought_to(door, call, "suspended")
    later(door, days=2)
    rung = await make_round(door)
    resumed = await call.done(CENTRE, CASE, "resume", generation=1)

    assert (0, "accepted", "2026-11-26T16:00:00+08:00") == (rung, resumed["state"], resumed["deadline"])
    assert 0 == await make_round(door)


async def test_the_first_dispute_opens_the_case_again_and_the_next_waits_for_the_centre(
    door: Door, call: Caller
) -> None:
    await closed(door, call)
    await taken(door, disputed(door, 1))
    reopened = await call.case(CASE)
    await call.done(DRAINS, CASE, "handle", generation=2, text="再次疏通")
    await taken(door, disputed(door, 2, "还是堵"))
    await taken(door, disputed(door, 1, "没有人来过"), seq=1)
    waiting = await call.case(CASE)
    (item,) = await call.items(CENTRE, "/v1/requests", request="dispute")
    upheld = await call.done(CENTRE, CASE, "approve", generation=2, request="dispute")

    assert ("dispatched", 2, 1) == (reopened["state"], reopened["generation"], reopened["reworks"])
    assert ("closed", "dispute", [str(report_id(2)), str(report_id(1))]) == (
        waiting["state"], waiting["waits_for"], waiting["disputed_by"],
    )  # fmt: skip
    assert (CASE, {"request": "dispute"}) == (item["case_id"], item["requested"])
    assert ("dispatched", 3, "P016", None) == (
        upheld["state"], upheld["generation"], upheld["platform"]["code"], upheld["requested"],
    )  # fmt: skip
    assert [] == await wanted(call)


async def test_a_refused_dispute_leaves_the_case_closed_and_its_words_in_the_history(door: Door, call: Caller) -> None:
    await closed(door, call)
    await taken(door, disputed(door, 1))
    await call.done(DRAINS, CASE, "handle", generation=2, text="再次疏通")
    await taken(door, disputed(door, 2))
    told = await call.done(CENTRE, CASE, "refuse", generation=2, request="dispute", reason="现场已核实完成")
    line = (await call.case(CASE))["history"][-1]

    assert ("closed", None, None) == (told["state"], told["waits_for"], told["requested"])
    assert ("case.dispute_refused", [str(report_id(2))], "现场已核实完成") == (
        line["event"], line["body"]["report_ids"], line["body"]["reply"],
    )  # fmt: skip
    assert [] == await wanted(call)


async def test_a_dispute_of_a_case_that_was_ended_by_force_waits_even_if_nobody_ever_had_it(
    door: Door, call: Caller
) -> None:
    await brought_to(door, call, "bounced")
    await call.done("ssp_platform_P002", CASE, "return", generation=2, reason="not_ours", note="不在管辖范围")
    await call.done(CENTRE, CASE, "force_close", generation=2, reason="gone")
    await taken(door, disputed(door, 1))

    assert ([(CASE, "dispute")], [(CASE, "dispute")]) == (await wanted(call), await wanted(call, "dispute"))
    assert [CASE] == [item["case_id"] for item in await call.items(CENTRE, "/v1/review")]


async def test_a_dispute_that_comes_twice_or_too_late_changes_nothing(door: Door, call: Caller) -> None:
    await closed(door, call)
    dispute = disputed(door, 1)
    await taken(door, dispute)
    await call.done(DRAINS, CASE, "handle", generation=2, text="再次疏通")
    before = await standing(door)
    await taken(door, dispute, dispute)
    assert before == await standing(door)
    later(door, days=7, seconds=1)
    await taken(door, disputed(door, 2))
    line = (await call.case(CASE))["history"][-1]

    assert before == await standing(door)
    assert ("refused", "dispute_too_late") == (line["event"], line["why"])


async def test_a_dispute_of_an_unknown_report_is_set_aside(door: Door, call: Caller) -> None:
    asides = await taken(door, disputed(door, 1), rated(door, 1, 5))

    assert ["unknown_report"] * 2 == [aside.reason for aside in asides]


async def test_the_last_mark_of_each_reporter_is_shown_to_the_centre(door: Door, call: Caller) -> None:
    await closed(door, call)
    await taken(door, rated(door, 1, 2), rated(door, 2, 5))
    await taken(door, rated(door, 1, 4), seq=1)
    case = await call.case(CASE)

    assert {str(report_id(1)): 4, str(report_id(2)): 5} == {r["report_id"]: r["stars"] for r in case["ratings"]}
    assert ["case.rated"] * 3 == (await events_of(call, CASE))[-3:]


async def test_requests_are_shown_nearest_deadline_first_by_kind_and_in_pages(door: Door, call: Caller) -> None:
    await pothole(door, call)
    await call.done(ROADS, CASE, "extend", generation=1, **WEATHER)
    await brought_to(door, call, "requesting", 2)
    await brought_to(door, call, "accepted", 3)
    await call.done(DRAINS, case_of(3), "suspend", generation=1, until="2026-12-01T08:00:00+08:00", **WINTER)
    page = (await call.get(CENTRE, "/v1/requests", limit=2)).json()
    rest = (await call.get(CENTRE, "/v1/requests", limit=2, cursor=page["next"])).json()
    both = [item["case_id"] for item in page["items"]]

    assert ({OTHER, case_of(3)}, [CASE]) == (set(both), [item["case_id"] for item in rest["items"]])
    assert [(case_of(3), "suspension")] == await wanted(call, "suspension")
    assert {(CASE, "extension"), (OTHER, "extension")} == set(await wanted(call, "extension"))
    assert (422, "request_unknown", ["request"]) == refusal(await call.get(CENTRE, "/v1/requests", request="more"))
