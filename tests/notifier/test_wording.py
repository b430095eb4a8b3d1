"""The words a recipient is told, and the frame that is the same bytes at every attempt."""

import json
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.cases import CaseEvent
from schemas.events import Words
from services.notifier.wording import FIELDS, Item, Wording, reply_of, unknown_fields, word
from tests.notifier.conftest import DRAINS, TUESDAY_1000, WORDING, Story, report, utc

NUMBER = "1401062026112400001"


def story() -> Story:
    return Story(report(1))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (story().filed(), Words(zh=f"已立案，案件编号 {NUMBER}。", en=f"Filed, case number {NUMBER}.")),
        (story().declined("不属于受理范围"), Words(zh="未予立案：不属于受理范围", en="Not filed: 不属于受理范围")),
        (story().dispatched(), Words(zh="已派遣至市排水管理处，处置时限 2026-11-24 12:00。",
                                     en="Sent to 市排水管理处, to be handled by 2026-11-24 12:00.")),
        (story().suspended("冻土"), Words(zh="暂时无法处置，2026-11-24 12:00前恢复。原因：冻土",
                                        en="Cannot be done before 2026-11-24 12:00. Reason: 冻土")),
        (story().closed("已更换"), Words(zh="已结案：已更换", en="Closed: 已更换")),
        (story().rescheduled(), Words(zh="因工作日历调整，处置时限为 2026-11-24 12:00。",
                                      en="The calendar has changed; the time limit is 2026-11-24 12:00.")),
        (story().request_refused(), Words(zh="市排水管理处的申请未获批准：可以按时完成",
                                          en="The request of 市排水管理处 was not granted: 可以按时完成")),
        (story().dispute_refused(), Words(zh="异议审核结果：经复查，已处置到位",
                                          en="Answer to your dispute: 经复查，已处置到位")),
        (story().voided(), Words(zh="案件作废：测试上报", en="Withdrawn: 测试上报")),
    ],
)  # fmt: skip
def test_an_event_is_told_in_both_languages_and_in_the_citys_time(event: CaseEvent, said: Words) -> None:
    assert said == word(event, NUMBER, DRAINS, WORDING)


def test_the_same_instant_is_told_in_another_citys_time() -> None:
    elsewhere = Wording(WORDING.templates, timezone(timedelta(hours=6)))

    assert "2026-11-24 10:00" in word(story().dispatched(), NUMBER, DRAINS, elsewhere).zh


@pytest.mark.parametrize(
    "braces", ["{case_number}", "{platform}", "{", "}", "{{", "}}", "{0}", "{reply}", "{reason.__class__}", "{x!r:>9}"]
)
def test_braces_in_somebodys_words_stay_as_they_are(braces: str) -> None:
    closed = word(story().closed(f"换 {braces} 好"), NUMBER, DRAINS, WORDING)
    suspended = word(story().suspended(braces), NUMBER, DRAINS, WORDING)

    assert (f"已结案：换 {braces} 好", f"Closed: 换 {braces} 好") == (closed.zh, closed.en)
    assert suspended.zh.endswith(f"原因：{braces}")


@given(st.text())
def test_no_words_break_or_change_the_wording(reply: str) -> None:
    assert f"已结案：{reply}" == word(story().closed(reply), None, None, WORDING).zh


def test_what_is_not_known_yet_stays_empty() -> None:
    told = word(
        story().filed(), None, None, Wording({"case.filed": Words(zh="{case_number}|{platform}", en="{until}")}, UTC)
    )

    assert Words(zh="|", en="") == told


@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("已立案。", set()), ("{case_number} {platform} {deadline} {until} {reason} {reply}", set()), ("{{x}}", set()),
        ("{phone}", {"phone"}), ("{reply} {text}", {"text"}), ("{}", {""}), ("{0}", {"0"}),
        ("{reply.__class__}", {"reply.__class__"}), ("{reply[0]}", {"reply[0]"}),
        ("{reply", {"{"}), ("reply}", {"{"}), ("{reply!}", {"{"}),
        ("{reply:{phone}}", {"reply:{phone}"}), ("{deadline:%H}", {"deadline:%H"}), ("{reply!x}", {"reply!x"}),
    ],
)  # fmt: skip
def test_a_template_names_only_what_an_event_can_fill(template: str, unknown: set[str]) -> None:
    assert unknown == unknown_fields(template)


@given(st.text("{}!:.[]abreply0 ", max_size=20))
def test_a_template_without_unknown_fields_can_always_be_filled(template: str) -> None:
    if not unknown_fields(template):
        assert isinstance(template.format_map(dict.fromkeys(FIELDS, "")), str)


@pytest.mark.parametrize(
    ("event", "reply"),
    [
        (story().closed("已更换", media=("m1",)), {"text": "已更换", "media": ["m1"], "outcome": "closed"}),
        (story().closed("无法处置", outcome="closed_undone"),
         {"text": "无法处置", "media": [], "outcome": "closed_undone"}),
        (story().closed("已解决", forced=True), {"text": "已解决", "media": [], "outcome": "closed"}),
        (story().declined("未发现"), {"text": "未发现", "media": [], "outcome": "declined"}),
        (story().voided("测试上报"), {"text": "测试上报", "media": [], "outcome": "void"}),
    ],
)  # fmt: skip
def test_a_result_carries_the_citys_reply(event: CaseEvent, reply: dict[str, Any]) -> None:
    assert reply | {"at": utc(TUESDAY_1000 + timedelta(minutes=1))} == reply_of(event)


@pytest.mark.parametrize(
    "event",
    [story().filed(), story().dispatched(), story().suspended(), story().reopened(), story().dispute_refused()],
)
def test_what_is_no_result_has_no_reply(event: CaseEvent) -> None:
    assert None is reply_of(event)


def test_an_item_is_the_same_compact_utf8_json_every_time() -> None:
    one = report(1)
    item = Item(
        one.report_id, one.report_id, one.report_id, "u-1", Story(one).case_id, "case.closed", 7,
        TUESDAY_1000.astimezone(UTC), Words(zh="已结案", en="Closed"), '{"text": "好"}',
    )  # fmt: skip
    told = json.loads(item.as_json())

    assert item.as_json() == replace(item).as_json()
    assert [
        "notice_id", "dedup_key", "report_id", "reporter_ref", "case_id", "event", "seq", "at", "text", "reply",
    ] == list(told)  # fmt: skip
    assert ("u-1", 7, "2026-11-24T02:00:00Z", {"text": "好"}) == (
        told["reporter_ref"], told["seq"], told["at"], told["reply"],
    )  # fmt: skip
    assert "已结案".encode() in item.as_json()
    assert None is json.loads(replace(item, reply=None).as_json())["reply"]
