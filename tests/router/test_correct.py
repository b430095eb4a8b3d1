"""What was filed wrong is put right: category, district, place; and whoever it concerns then gets it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.pack import PackError
from schemas import cases as ev
from schemas.coordinates import wgs_to_gcj
from schemas.events import Place
from schemas.ids import case_id_of
from services.router import consumers, ledger, ledger_accounts, ledger_recount
from services.router.act import Ask, Door, act
from services.router.city import City, read_city
from services.router.commands_of_centre import Correct, Dispatch
from tests.router.conftest import CITY, ROOT, TUESDAY_1000, record_of, report
from tests.router.desk import (
    BLOCKED_DRAIN,
    DIRTY_STREET,
    POTHOLE,
    beside,
    brought_to,
    case_of,
    changed_pack,
    events_of,
    later,
    reported,
    standing,
)
from tests.router.http import CENTRE, DRAINS, ROADS, WORKLIST, Caller, calling, refusal
from tests.router.kernel import (
    after,
    decided,
    dispatched,
    holder,
    in_state,
    paused,
    seen,
)
from tests.router.kernel import refusal as refused
from tests.router.test_killed import until_somebody_waits

CASE = case_of(1)
WHY = {"reason": "类别有误"}
STILL = replace(CITY, limits=replace(CITY.limits, restarting=frozenset()))
"""The same city, in which no correction starts a new clock."""


def correct(**what: Any) -> Correct:
    return Correct("centre:one", "有误", **what)


async def test_another_category_whose_platform_is_another_one_is_dispatched_to_it_under_the_same_number(
    door: Door, call: Caller
) -> None:
    await brought_to(door, call, "accepted")
    number = (await call.case(CASE))["case_number"]
    fixed = await call.done(CENTRE, CASE, "correct", generation=1, category=POTHOLE, **WHY)
    gone = await call.act(DRAINS, CASE, "handle", generation=1, text="已疏通")

    assert ("dispatched", 2, "P015", POTHOLE, number) == (
        fixed["state"], fixed["generation"], fixed["platform"]["code"], fixed["category"], fixed["case_number"],
    )  # fmt: skip
    assert (409, "older_generation", ["generation"]) == refusal(gone)
    assert ([], [CASE]) == (
        await call.items(DRAINS, WORKLIST), [item["case_id"] for item in await call.items(ROADS, WORKLIST)],
    )  # fmt: skip


async def test_history_and_explanation_say_what_was_corrected_and_why_the_next_platform_was_chosen(
    door: Door, call: Caller
) -> None:
    await brought_to(door, call, "dispatched")
    await call.done(CENTRE, CASE, "correct", generation=1, category=POTHOLE, **WHY)
    case = await call.case(CASE)
    line = next(line for line in case["history"] if line["event"] == "case.corrected")

    assert ("类别有误", "centre:centre-one", ["category"]) == (line["why"], line["by"], line["body"]["changed"])
    assert [BLOCKED_DRAIN, POTHOLE] == [choice["inputs"]["category"] for choice in case["choices"]]
    assert POTHOLE == case["choice"]["inputs"]["category"]


async def test_another_district_is_another_platforms_and_a_new_point_may_be_told_in_any_system(
    door: Door, call: Caller
) -> None:
    await reported(door, 1, category=DIRTY_STREET)
    lon, lat = wgs_to_gcj(112.60, 37.90)
    place = {"lon": lon, "lat": lat, "system": "GCJ-02", "address": "晋阳街"}
    fixed = await call.done(CENTRE, CASE, "correct", generation=1, district="140105", place=place, reason="位置有误")

    assert ("P001", "140105", "晋阳街", 112.6, 37.9) == (
        fixed["platform"]["code"], fixed["place"]["district"], fixed["place"]["address"],
        round(fixed["place"]["lon"], 6), round(fixed["place"]["lat"], 6),
    )  # fmt: skip


async def test_words_alone_leave_the_point_the_clock_and_the_platform(door: Door, call: Caller) -> None:
    await brought_to(door, call, "accepted")
    before = await call.case(CASE)
    fixed = await call.done(CENTRE, CASE, "correct", generation=1, place={"address": "12 号门前"}, reason="门牌有误")

    assert ("accepted", 1, before["deadline"]) == (fixed["state"], fixed["generation"], fixed["deadline"])
    assert before["place"] | {"address": "12 号门前"} == fixed["place"]


async def test_reports_find_the_case_where_and_as_what_it_was_corrected_to_and_no_longer_where_it_was(
    door: Door, call: Caller
) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    there = {"lon": beside(50).lon, "lat": beside(50).lat}
    await call.done(CENTRE, CASE, "correct", generation=1, category=POTHOLE, place=there, **WHY)
    await reported(door, 2, category=POTHOLE, place=beside(50))
    await reported(door, 3, category=BLOCKED_DRAIN, place=beside(1))

    assert 2 == (await call.case(CASE))["reports"]
    assert "dispatched" == (await call.case(case_of(3)))["state"]


async def test_a_report_whose_case_is_corrected_between_look_and_lock_opens_a_case_of_its_own(
    door: Door, call: Caller
) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    record = record_of(report(2, category=BLOCKED_DRAIN, place=beside(1)))
    async with door.database.transaction() as holding:
        await ledger.lock(holding, [report_case(1)])
        waiting = asyncio.create_task(batch(door, record))
        await until_somebody_waits(door)
        command = replace(correct(category=POTHOLE), generation=1)
        await act(holding, door, [Ask(report_case(1), command)], door.now())
    await waiting

    assert (1, "dispatched") == ((await call.case(CASE))["reports"], (await call.case(case_of(2)))["state"])


def report_case(number: int) -> Any:
    return case_id_of(report(number).report_id)


async def batch(door: Door, record: Any) -> None:
    async with door.database.transaction() as connection:
        await consumers.on_batch(connection, door, [(record, consumers.read(record))])


async def test_the_corrected_case_comes_again_on_the_worklist_of_the_platform_that_keeps_it(
    door: Door, call: Caller
) -> None:
    still = replace(door, city=STILL)
    await brought_to(door, call, "accepted")
    begun = (await call.get(DRAINS, WORKLIST)).json()["next"]
    async with calling(still) as quiet:
        await quiet.done(CENTRE, CASE, "correct", generation=1, place={"lon": 112.7, "lat": 37.7}, reason="位置有误")
    page = (await call.get(DRAINS, WORKLIST, cursor=begun)).json()

    assert [(CASE, 112.7)] == [(item["case_id"], item["place"]["lon"]) for item in page["items"]]


@pytest.mark.parametrize(
    ("body", "status", "reason", "fields"),
    [
        ({"category": BLOCKED_DRAIN}, 409, "nothing_to_correct", []),
        ({}, 409, "nothing_to_correct", []),
        ({"place": {}}, 409, "nothing_to_correct", []),
        ({"category": "C9999"}, 422, "category_unknown", ["category"]),
        ({"district": "999999"}, 422, "district_unknown", ["district"]),
        ({"place": {"lon": 112.5}}, 422, "unfit_body", ["place"]),
        ({"place": {"lon": 212.5, "lat": 37.8}}, 422, "unfit_body", ["place.lon"]),
        ({"place": {"lon": 112.5, "lat": 37.8, "system": "EPSG:3857"}}, 422, "unfit_body", ["place.system"]),
        ({"category": POTHOLE, "generation": 2}, 409, "generation_unknown", ["generation"]),
    ],
)
async def test_what_cannot_be_corrected_is_named_and_changes_nothing(
    body: Any, status: int, reason: str, fields: list[str], door: Door, call: Caller
) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    before = await standing(door)
    answer = await call.act(CENTRE, CASE, "correct", **({"generation": 1, **WHY} | body))

    assert (status, reason, fields) == refusal(answer)
    assert before == await standing(door)


async def test_a_correction_is_the_centres_carries_a_key_and_says_what_it_saw(door: Door, call: Caller) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    body = {"category": POTHOLE, **WHY}
    foreign = await call.act(DRAINS, CASE, "correct", generation=1, **body)
    blind = await call.act(CENTRE, CASE, "correct", **body)
    old = await call.act(CENTRE, CASE, "correct", seen='"1"', **body)
    once = await call.act(CENTRE, CASE, "correct", once="k", seen='"3"', **body)
    again = await call.act(CENTRE, CASE, "correct", once="k", seen='"3"', **body)

    assert [403, 428, 412, 200] == [answer.status_code for answer in (foreign, blind, old, once)]
    assert once.content == again.content
    assert 1 == (await events_of(call, CASE)).count("case.corrected")


@pytest.mark.parametrize("state", ["held", "closed", "declined", "void", "linked"])
def test_what_was_never_filed_or_has_ended_is_not_corrected(state: Any) -> None:
    assert f"not_while_{state}" == refused(in_state(state), correct(category=POTHOLE))


def test_a_handling_that_waits_is_put_right_without_a_dispatch() -> None:
    case = in_state("handled")
    events = decided(case, correct(category=DIRTY_STREET, district="140105"), TUESDAY_1000)

    assert ["case.corrected"] == [event.kind for event in events]
    assert {"state": "handled", "category": DIRTY_STREET, "waits_for": case.waits_for} == seen(
        after(case, correct(category=DIRTY_STREET), TUESDAY_1000), ("state", "category", "waits_for")
    )


@pytest.mark.parametrize(
    ("city", "what", "kinds", "generation"),
    [
        (CITY, {"category": "E0503"}, ["case.corrected", "case.dispatched"], 2),
        (STILL, {"category": "E0503"}, ["case.corrected"], 1),
        (CITY, {"point": (112.56, 37.85)}, ["case.corrected"], 1),
    ],
)
def test_the_pack_decides_whether_a_correction_starts_a_new_clock_at_the_same_platform(
    city: City, what: Any, kinds: list[str], generation: int
) -> None:
    case = dispatched("C0102")  # both are of P016
    events = decided(case, correct(**what), TUESDAY_1000 + timedelta(hours=1), city)
    fixed = after(case, correct(**what), TUESDAY_1000 + timedelta(hours=1), city)

    assert kinds == [event.kind for event in events]
    assert ("P016", generation) == (holder(fixed), fixed.generation)
    assert (fixed.deadline == case.deadline) == (generation == 1)


def test_where_the_centre_itself_has_named_the_platform_its_choice_stands() -> None:
    named = after(dispatched(), Dispatch("centre:one", "P013"), TUESDAY_1000)
    fixed = after(named, correct(category=POTHOLE), TUESDAY_1000, STILL)

    assert ("P013", POTHOLE, 2) == (holder(fixed), fixed.category, fixed.generation)


def test_what_nobody_has_goes_to_whom_the_rules_name_now() -> None:
    fixed = after(in_state("filed"), correct(district="140105", category=DIRTY_STREET), TUESDAY_1000)

    assert ("dispatched", "P001", "") == (fixed.state, holder(fixed), fixed.waits_for)


def test_a_clock_that_stands_still_goes_on_standing_still_unless_a_new_one_starts() -> None:
    still = paused(in_state("accepted"), TUESDAY_1000, TUESDAY_1000 + timedelta(days=3))
    moved = after(still, correct(point=(112.56, 37.85)), TUESDAY_1000)
    sent = after(still, correct(category=DIRTY_STREET), TUESDAY_1000)

    assert ("suspended", "dispatched", None) == (moved.state, sent.state, sent.suspended_until)


def test_what_the_phone_said_of_a_point_stays_only_as_long_as_the_point() -> None:
    case = replace(dispatched(), place=Place(lon=112.55, lat=37.85, raw_lon=112.556, raw_lat=37.851,
                                             raw_system="GCJ-02", district="140106"))  # fmt: skip
    words, point = (
        decided(case, correct(**what), TUESDAY_1000)[0] for what in ({"address": "x"}, {"point": (112.6, 37.9)})
    )
    assert isinstance(words, ev.CaseCorrected)
    assert isinstance(point, ev.CaseCorrected)

    assert ("GCJ-02", None) == (words.place.raw_system, point.place.raw_system)
    assert (("place",), ("place",)) == (words.changed, point.changed)


async def test_statistics_count_under_what_is_right_from_then_on_and_leave_a_past_period_as_it_was_told(
    door: Door, call: Caller
) -> None:
    still = replace(door, city=STILL)
    await brought_to(door, call, "accepted")
    begun, hour_before = TUESDAY_1000 - timedelta(days=1), door.now() + timedelta(hours=5)
    later(door, hours=6)
    async with calling(still) as quiet:
        await quiet.done(CENTRE, CASE, "correct", generation=1, category="C0102", **WHY)  # also of P016
    now = door.now() + timedelta(hours=1)

    async def due(as_of: Any, only: str | None = None) -> dict[str, int]:
        rows = await ledger_accounts.sums(door.database, "category", begun, now, as_of, (None, None, only))
        return {row.code: row.due for row in rows}

    assert ({BLOCKED_DRAIN: 1}, {"C0102": 1}) == (await due(hour_before), await due(now))
    assert ({BLOCKED_DRAIN: 1}, {}) == (await due(hour_before, BLOCKED_DRAIN), await due(now, BLOCKED_DRAIN))
    accounts = "select a::text from router.accounts a order by 1"
    before = await door.database.fetch(accounts)
    async with door.database.transaction() as connection:
        again = await ledger_recount.recount(connection)
    assert (before, 0) == (await door.database.fetch(accounts), again.cases_changed)


def test_a_pack_without_the_row_starts_no_clock_and_an_unknown_word_stops_the_boot(tmp_path: Path) -> None:
    rows = (ROOT / "cities/taiyuan/policy.csv").read_text("utf-8").splitlines(keepends=True)
    row = next(row for row in rows if row.startswith("correction_restarts_clock"))
    packs = [tmp_path / "without", tmp_path / "wrong"]
    for pack in packs:
        pack.mkdir()
    without = read_city(changed_pack(packs[0], "policy.csv", row, ""))
    wrong = changed_pack(packs[1], "policy.csv", "restarts_clock,category", "restarts_clock,kind")

    assert (frozenset(), frozenset({"category"})) == (without.limits.restarting, CITY.limits.restarting)
    with pytest.raises(PackError, match="kind is none of category, district, place"):
        read_city(wrong)
