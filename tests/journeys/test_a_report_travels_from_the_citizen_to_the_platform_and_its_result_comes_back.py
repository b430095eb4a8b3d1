"""The main journey, through HTTP alone: report, photo, dispatch, return, next platform, handle, reply."""

import io
from typing import Any

from PIL import Image

from schemas.topics import CASES, NOTICES, REPORTS
from tests.journeys.town import Town, lives, until

ORDER = ["上报", "立案", "派遣", "处置", "反馈", "结案"]


def jpeg(colour: tuple[int, int, int]) -> bytes:
    made = io.BytesIO()
    Image.effect_noise((640, 480), 30).convert("RGB").point(lambda v: (v + sum(colour)) % 256).save(made, "JPEG")
    return made.getvalue()


def upload(town: Town, key: str, picture: bytes) -> str:
    answer = town.http.post(
        f"{town.env['INTAKE_URL']}/v1/media",
        content=picture,
        headers={"Authorization": f"Bearer {town.env[key]}", "Content-Type": "image/jpeg"},
    )
    assert 201 == answer.status_code, answer.text
    media_id: str = answer.json()["media_id"]
    return media_id


def test_a_report_travels_from_the_citizen_to_the_platform_and_its_result_comes_back(town: Town) -> None:
    before = upload(town, "APP_KEY", jpeg((10, 20, 30)))
    report_id = town.report(
        text="迎泽大街与五一路口便道井盖缺失", category="C0102", media=[before],
        place={"lon": 112.5589, "lat": 37.8558, "system": "GCJ-02", "address": "迎泽大街五一路口"},
    )  # fmt: skip
    case = town.case(report_id)
    first = case["platform"]
    town.act(first, case, "accept")
    after = upload(town, f"PLATFORM_KEY_{first}", jpeg((90, 80, 70)))
    town.act(first, case, "handle", text="已更换井盖", media=[after])

    page = town.in_state(report_id, "closed")
    item: Any = until(lambda: [i for i in town.feed() if i["report_id"] == report_id and i["event"] == "case.closed"])

    assert ("140106", "C0102", "结案") == (page["district"], page["category"], page["stage"])
    stages = list(dict.fromkeys(e["stage"] for e in page["timeline"]))
    reply = page["reply"]
    assert ["上报", "立案", "派遣", "处置", "反馈", "结案"] == sorted(stages, key=ORDER.index)
    assert ("已更换井盖", [after], "closed") == (reply["text"], reply["media"], reply["outcome"])
    assert [("已更换井盖", 1)] == [(i["reply"]["text"], len(item)) for i in item]
    shown = town.call("intake", "GET", f"/v1/media/{after}", "APP_KEY")
    assert (200, "JPEG", {}) == (
        shown.status_code,
        Image.open(io.BytesIO(shown.content)).format,
        dict(Image.open(io.BytesIO(shown.content)).getexif()),
    )


def test_a_returned_case_goes_to_the_next_platform_and_the_first_can_do_nothing_more(town: Town) -> None:
    report_id = town.report(category="C0102")
    case = town.case(report_id)
    first = case["platform"]
    town.act(first, case, "return", reason="not_ours", note="不在管辖范围")
    page = until(lambda: town.page(report_id), lambda p: p["state"] == "dispatched" and p["platform"]["code"] != first)
    second = page["platform"]["code"]
    fresh = town.case(report_id)

    refused = [town.try_act(first, case, act, **body) for act, body in (("accept", {}), ("handle", {"text": "做完了"}))]
    stale = town.try_act(second, fresh | {"generation": 1}, "accept")

    assert [(409, "older_generation")] * 2 == [(answer.status_code, answer.json()["reason"]) for answer in refused]
    assert (409, "older_generation") == (stale.status_code, stale.json()["reason"])
    assert 2 == fresh["generation"]
    assert "dispatched" == town.page(report_id)["state"]


def test_events_of_one_case_are_numbered_without_a_gap(town: Town) -> None:
    town.handle_all(town.reports(10))

    for events in lives(town.topic("cases")):
        assert list(range(1, len(events) + 1)) == [event["seq"] for event in events]


def test_the_same_problem_is_one_case_and_each_reporter_gets_its_result(town: Town) -> None:
    place = town.body()["place"]
    near = place | {"lat": place["lat"] + 0.0002}
    reports = [town.report(place=place), town.report(place=near, key="APP2_KEY")]
    pages = [until(lambda: town.page(reports[0]), lambda p: p["case_number"])]
    pages.append(until(lambda: town.page(reports[1], "APP2_KEY"), lambda p: p["case_number"]))
    town.handle_all(reports[:1])

    assert 1 == len({page["case_number"] for page in pages})
    assert {reports[0]: 1} == town.results(reports[:1])
    assert {reports[1]: 1} == town.results(reports[1:], "APP2_KEY")


def test_one_app_never_sees_another_apps_report(town: Town) -> None:
    report_id = town.report()

    foreign = town.call("intake", "GET", f"/v1/reports/{report_id}", "APP2_KEY")
    unknown = town.call("intake", "GET", "/v1/reports/00000000-0000-5000-8000-000000000000", "APP_KEY")

    assert [(404, "report_unknown")] * 2 == [(a.status_code, a.json()["reason"]) for a in (foreign, unknown)]


def test_what_was_answered_202_can_be_read_at_once(town: Town) -> None:
    assert ["E0401"] * 20 == [town.page(town.report())["category"] for _ in range(20)]


def test_each_service_documents_its_calls_and_every_kind_of_record_it_reads_and_writes(town: Town) -> None:
    described = {"intake": (REPORTS, CASES, NOTICES), "router": (REPORTS, CASES), "notifier": (REPORTS, CASES, NOTICES)}

    for service, topics in described.items():
        page = town.call(service, "GET", "/docs/asyncapi").text
        kinds = {model.__name__ for topic in topics for model in topic.kinds.values()}
        written = next(topic.name for topic in topics if topic.writer == service)

        assert (200, 200) == tuple(town.call(service, "GET", path).status_code for path in ("/docs", "/openapi.json"))
        assert set() == {kind for kind in kinds if kind not in page}
        assert f"{written}.out" in page
