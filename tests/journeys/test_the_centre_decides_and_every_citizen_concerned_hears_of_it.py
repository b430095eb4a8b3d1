"""The desk from outside: disputes, requests, links, voiding; what the centre decides reaches whom it concerns."""

import uuid
from typing import Any

from tests.journeys.town import Town, until


def centre(town: Town, case: dict[str, Any], act: str, **body: Any) -> Any:
    """An act of the centre, repeated with the same key until it is answered."""
    said, key = {"generation": case["generation"], **body}, uuid.uuid4().hex
    path = f"/v1/cases/{case['case_id']}/{act}"
    return town.patiently("router", "POST", path, "CENTRE_KEY", json=said, idempotency=key)


def listed(town: Town, name: str, case_id: str) -> dict[str, Any]:
    """The case on one of the centre's lists, as soon as it stands there; the lists of a town at work are long."""

    def look() -> list[dict[str, Any]]:
        found, cursor = [], ""
        while (page := town.patiently("router", "GET", f"/v1/{name}?limit=200&cursor={cursor}", "CENTRE_KEY"))["items"]:
            found += [item for item in page["items"] if item["case_id"] == case_id]
            cursor = page["next"]
        return found

    return until(look)[0]


def done(town: Town, report_id: str, words: str, key: str = "APP_KEY") -> dict[str, Any]:
    """The report's case handled by whoever has it; the page once it is closed."""
    page = until(lambda: town.page(report_id, key), lambda told: told["state"] == "dispatched")
    code = page["platform"]["code"]
    case = until(lambda: [c for c in town.worklist(code) if c["case_id"] == page["case_id"]])[0]
    town.act(code, case, "handle", text=f"{words}（{case['case_number']}-{case['generation']}）")
    return town.in_state(report_id, "closed", key)


def feedback(town: Town, report_id: str, what: str, **body: Any) -> Any:
    path = f"/v1/reports/{report_id}/{what}"
    return town.patiently("intake", "POST", path, "APP_KEY", json=body, idempotency=uuid.uuid4().hex)


def heard(town: Town, report_id: str, event: str, key: str = "APP_KEY") -> list[dict[str, Any]]:
    return until(lambda: [i for i in town.feed(key) if (i["report_id"], i["event"]) == (report_id, event)])


def test_a_first_dispute_opens_the_case_by_itself_and_the_centre_answers_the_second(town: Town) -> None:
    report_id = town.report()
    done(town, report_id, "已清理")
    feedback(town, report_id, "dispute", text="摊位还在原处")
    again = done(town, report_id, "再次清理")
    feedback(town, report_id, "dispute", text="还是没有清走")
    case = listed(town, "requests", again["case_id"])
    centre(town, case, "refuse", request="dispute", reason="经现场核查，路面已清空。")
    told = heard(town, report_id, "case.dispute_refused")
    feedback(town, report_id, "rating", stars=2, text="太慢")

    def rated() -> Any:
        told = town.patiently("router", "GET", f"/v1/cases/{case['case_id']}", "CENTRE_KEY")
        return told["ratings"]

    assert 1 == len(heard(town, report_id, "case.reopened"))
    assert 2 == len([i for i in town.feed() if (i["report_id"], i["event"]) == (report_id, "case.closed")])
    assert ["异议审核结果：经现场核查，路面已清空。"] == [item["text"]["zh"] for item in told]
    assert [{"report_id": report_id, "stars": 2}] == until(rated)
    assert "closed" == town.page(report_id)["state"]


def test_what_was_joined_by_mistake_becomes_a_case_of_its_own_and_each_gets_its_own_result(town: Town) -> None:
    place = town.body()["place"]
    first = town.report(place=place)
    town.in_state(first, "dispatched")
    second = town.report(place=place | {"lat": place["lat"] + 0.0002})
    page = until(lambda: town.page(second), lambda told: told["case_number"])
    shared = {"case_id": page["case_id"], "generation": 1}
    centre(town, shared, "unlink", report_id=second, reason="两处摊位")
    moved = until(lambda: town.page(second), lambda told: told["case_id"] != shared["case_id"])
    replies = {report_id: done(town, report_id, words)["reply"]["text"] for report_id, words in
               ((first, "第一处已清理"), (second, "第二处已清理"))}  # fmt: skip

    assert moved["case_number"] != page["case_number"]
    assert {first: 1, second: 1} == town.results([first, second])
    assert [True, True] == [replies[first].startswith("第一处"), replies[second].startswith("第二处")]
    assert [shared["case_id"]] == [item["case_id"] for item in heard(town, second, "case.unlinked")]


def test_two_cases_of_one_problem_are_linked_by_hand_and_both_citizens_get_the_one_result(town: Town) -> None:
    reports = [town.report(), town.report(key="APP2_KEY")]
    pages = [town.in_state(reports[0], "dispatched"), town.in_state(reports[1], "dispatched", "APP2_KEY")]
    source = {"case_id": pages[1]["case_id"], "generation": 1}
    ended = centre(town, source, "link", linked_to=pages[0]["case_id"], reason="同一摊位")
    moved = until(lambda: town.page(reports[1], "APP2_KEY"), lambda told: told["case_id"] == pages[0]["case_id"])
    done(town, reports[0], "已劝离")

    assert "linked" == ended["state"]
    assert pages[0]["case_number"] == moved["case_number"]
    assert {reports[0]: 1} == town.results(reports[:1])
    assert {reports[1]: 1} == town.results(reports[1:], "APP2_KEY")


def test_a_platform_gets_the_time_it_asks_for_and_the_citizen_sees_the_new_deadline(town: Town) -> None:
    report_id = town.report()
    case = town.case(report_id)
    code = case["platform"]
    town.act(code, case, "accept")
    town.act(code, case, "extend", reason="other_party", note="需交警配合")
    waiting = listed(town, "requests", case["case_id"])
    centre(town, waiting, "approve", request="extension")
    page = until(lambda: town.page(report_id), lambda told: told["deadline"][:16] != case["deadline"][:16])
    mine = next(c for c in town.worklist(code, "accepted") if c["case_id"] == case["case_id"])

    assert (1, case["deadline"], None) == (mine["extensions"], mine["original_deadline"], mine["requested"])
    assert page["deadline"] > case["deadline"]


def test_a_voided_case_answers_its_citizen_and_its_platform_can_do_nothing_more(town: Town) -> None:
    report_id = town.report()
    case = town.case(report_id)
    centre(town, case, "void", reason="test_entry")
    page = town.in_state(report_id, "void")
    late = town.try_act(case["platform"], case, "accept")

    assert ("void", "该案件为测试信息，已作废。") == (page["reply"]["outcome"], page["reply"]["text"])
    assert (409, "not_while_void") == (late.status_code, late.json()["reason"])
    assert ["void"] == [item["reply"]["outcome"] for item in heard(town, report_id, "case.voided")]
