"""What a citizen is told: the events of a case in public words, as far as they are the citizen's business."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from schemas import cases as ev
from schemas.events import Named, Place, Sealed
from schemas.events import Words as PublicWords
from schemas.ids import case_id_of, notice_id_of, report_id_of
from schemas.notices import NoticeDelivered
from schemas.reports import Finding, Photo, ReportReceived
from services.intake.city import FIELDS, read_city
from services.intake.timeline import STAGES, STATES, Said, tell

SHANGHAI = timezone(timedelta(hours=8))
TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=SHANGHAI)
WEDNESDAY_0900 = datetime(2026, 11, 25, 9, 0, tzinfo=SHANGHAI)
THURSDAY_1200 = datetime(2026, 11, 26, 12, 0, tzinfo=SHANGHAI)
REPLIES = read_city(Path(__file__).parents[2] / "cities/taiyuan").replies
MINE, FIRST, LATER = (report_id_of("app-one", name) for name in ("mine", "first", "later"))
CASE = case_id_of(FIRST)
BUSES, DRAINS = Named(code="P031", name="公交集团"), Named(code="P016", name="排水中心")
SPENT = {"generation": 1, "platform": BUSES}
SAID: dict[str, dict[str, Any]] = {
    "case.opened": {"report_id": MINE, "category": None, "place": Place(), "text": "", "city_version": "x"},
    "case.joined": {"report_id": LATER, "text": "别人的话"},
    "case.held": {"reason": "category_missing"},
    "case.declined": {"reason": "not_in_scope", "reply": "不属于城市管理范围"},
    "case.filed": {"case_number": "1401062026112400001", "category": "C0102", "district": "140106"},
    "case.dispatched": SPENT | {
        "rule": "R1", "candidates": ("P031",), "city_version": "x",
        "accept_by": TUESDAY_1000, "deadline": WEDNESDAY_0900,
    },
    "case.accepted": SPENT,
    "case.returned": SPENT | {"reason": "not_ours", "note": "内部的话"},
    "case.extended": {"generation": 1, "deadline": THURSDAY_1200, "reason": "parts"},
    "case.suspended": {"generation": 1, "until": THURSDAY_1200, "reason": "等待配件"},
    "case.resumed": {"generation": 1, "deadline": THURSDAY_1200},
    "case.escalated": {"generation": 1, "stage": "handle", "step": "due", "deadline": WEDNESDAY_0900},
    "case.handled": SPENT | {"text": "已补装"},
    "case.reworked": {"generation": 1, "reason": "not_done"},
    "case.closed": {"reply": "已补装井盖", "media": ("m1", "m2")},
    "case.reopened": {"report_id": MINE, "reason": "disputed"},
    "case.requested": SPENT | {"request": "extension", "reason": "内部的话"},
    "case.request_refused": {"generation": 1, "request": "extension", "reason": "内部的话"},
    "case.rescheduled": {"generation": 1, "accept_by": TUESDAY_1000, "deadline": THURSDAY_1200},
    "case.unlinked": {"report_id": LATER, "moved_to": case_id_of(LATER), "reason": "两处井盖"},
    "case.linked": {"linked_to": case_id_of(LATER), "reason": "同一井盖"},
    "case.disputed": {"report_id": MINE, "reason": "还是松的"},
    "case.dispute_refused": {"report_ids": (MINE, LATER), "reply": "经核查，井盖已更换"},
    "case.voided": {"reason": "test_entry", "reply": "测试信息，已作废"},
    "case.rated": {"report_id": MINE, "stars": 5, "text": "很快"},
    "case.corrected": {
        "generation": 1, "changed": ("category", "place"), "category": "E0503", "district": "140105",
        "place": Place(lon=112.6, lat=37.9, address="晋阳街", district="140105"), "reason": "内部的话",
    },
    "case.supplemented": {"report_id": MINE, "text": "洞口更大了", "media": ("m9",)},
}  # fmt: skip


def received(**changes: Any) -> ReportReceived:
    fields: dict[str, Any] = {
        "at": TUESDAY_1000, "report_id": MINE, "app": "app-one", "reporter_ref": "u-1", "text": "井盖缺失",
        "category": "C0101", "place": Place(district="140107"), "body_digest": "d", "city_version": "x",
    }  # fmt: skip
    return ReportReceived(**(fields | changes))


def case(*told: str | tuple[str, dict[str, Any]]) -> list[ev.CaseEvent]:
    """The events of one case, a minute apart, each by its type or as (type, what differs)."""
    kinds = [(one, {}) if isinstance(one, str) else one for one in told]
    shared = {"case_id": CASE, "by": "router"}
    return [
        ev.KINDS[kind](**{**shared, "seq": seq, "at": TUESDAY_1000 + timedelta(minutes=seq), **SAID[kind], **changes})  # type: ignore[misc]
        for seq, (kind, changes) in enumerate(kinds, 1)
    ]


def delivered(event: str, seq: int, minute: int, to: str = "report", channel: Any = "callback") -> NoticeDelivered:
    return NoticeDelivered(
        at=TUESDAY_1000 + timedelta(minutes=minute), notice_id=notice_id_of(CASE, seq, to, channel),
        report_id=MINE, case_id=CASE, seq=seq, event=event, recipient=to, channel=channel, attempts=1,
    )  # fmt: skip


def told(
    events: Sequence[ev.CaseEvent] = (), joined_at: int | None = 1, notices: Sequence[NoticeDelivered] = (), **said: Any
) -> dict[str, Any]:
    return tell(received(**said), joined_at if events else None, events, notices, REPLIES, SHANGHAI)


def lines(answer: dict[str, Any]) -> list[str]:
    return [line["event"] for line in answer["timeline"]]


OPENED = ("case.opened", "case.filed", "case.dispatched")
CLOSED = (*OPENED, "case.accepted", "case.handled", "case.closed")
STEPS = [
    (("case.opened",), "上报", "opened"),
    (("case.opened", "case.held"), "上报", "held"),
    (("case.opened", "case.declined"), "上报", "declined"),
    (("case.opened", "case.filed"), "立案", "filed"),
    (OPENED, "派遣", "dispatched"),
    ((*OPENED, "case.accepted"), "处置", "accepted"),
    ((*OPENED, "case.returned"), "派遣", "filed"),
    ((*OPENED, "case.accepted", "case.extended"), "处置", "accepted"),
    ((*OPENED, "case.escalated"), "派遣", "dispatched"),
    ((*OPENED, "case.joined"), "派遣", "dispatched"),
    ((*OPENED, "case.accepted", "case.suspended"), "处置", "suspended"),
    ((*OPENED, "case.accepted", "case.suspended", "case.resumed"), "处置", "accepted"),
    ((*OPENED, "case.accepted", "case.handled"), "反馈", "handled"),
    ((*OPENED, "case.accepted", "case.handled", "case.reworked"), "处置", "filed"),
    (CLOSED, "结案", "closed"),
    ((*CLOSED, "case.reopened"), "处置", "filed"),
    ((*OPENED, "case.accepted", "case.requested"), "处置", "accepted"),
    ((*OPENED, "case.accepted", "case.requested", "case.request_refused"), "处置", "accepted"),
    ((*OPENED, "case.rescheduled"), "派遣", "dispatched"),
    ((*OPENED, "case.unlinked"), "派遣", "dispatched"),
    ((*OPENED, "case.linked"), "派遣", "dispatched"),
    ((*CLOSED, "case.disputed"), "结案", "closed"),
    ((*CLOSED, "case.disputed", "case.dispute_refused"), "结案", "closed"),
    ((*CLOSED, "case.rated"), "结案", "closed"),
    ((*OPENED, "case.voided"), "上报", "void"),
    ((*OPENED, "case.corrected"), "派遣", "dispatched"),
    ((*OPENED, "case.accepted", "case.supplemented"), "处置", "accepted"),
]


@pytest.mark.parametrize(("kinds", "stage", "state"), STEPS)
def test_every_event_leads_to_its_outward_stage(kinds: tuple[str, ...], stage: str, state: str) -> None:
    answer = told(case(*kinds))

    assert (stage, state) == (answer["stage"], answer["state"])


def test_the_table_of_steps_has_every_event_and_every_stage() -> None:
    assert set(ev.KINDS) == {kind for kinds, _, _ in STEPS for kind in kinds}
    assert set(STAGES) == {stage for _, stage, _ in STEPS}
    assert set(STATES.values()) == {state for _, _, state in STEPS}


def test_a_report_without_a_case_is_received() -> None:
    answer = told(
        media=(Photo(media_id="m0", sha256="ab" * 32),), observed_at=TUESDAY_1000, findings=(Finding(code="advert"),)
    )

    assert {
        "report_id": str(MINE), "case_id": None, "case_number": None, "category": "C0101", "district": "140107",
        "stage": "上报", "state": "received", "deadline": None, "platform": None, "text": "井盖缺失",
        "place": Place(district="140107").model_dump(mode="json"), "media": ["m0"],
        "observed_at": "2026-11-24T10:00:00+08:00", "publishable": False, "reply": None, "additions": [],
        "timeline": [{
            "at": "2026-11-24T10:00:00+08:00", "stage": "上报", "event": "report.received",
            "text": {"zh": "已收到您的上报，正在受理。", "en": "Your report has been received."},
        }],
    } == answer  # fmt: skip


def test_a_correction_is_shown_as_it_is_now_and_not_why() -> None:
    answer = told(case(*OPENED, "case.corrected"))

    assert ("E0503", "140105", "晋阳街", "1401062026112400001") == (
        answer["category"], answer["district"], answer["place"]["address"], answer["case_number"],
    )  # fmt: skip
    assert "内部的话" not in str(answer)


def test_a_correction_of_the_category_alone_leaves_the_place_that_the_citizen_named() -> None:
    answer = told(case(*OPENED, ("case.corrected", {"changed": ("category",)})))

    assert Place(district="140107").model_dump(mode="json") == answer["place"]


def test_a_citizen_sees_what_they_added_and_nothing_that_others_did() -> None:
    answer = told(case(*OPENED, "case.supplemented", ("case.supplemented", {"report_id": LATER, "text": "别人的话"})))

    assert [{"at": "2026-11-24T10:04:00+08:00", "text": "洞口更大了", "media": ["m9"]}] == answer["additions"]
    assert "别人的话" not in str(answer)


def test_a_clean_report_may_be_shown() -> None:
    assert told()["publishable"] is True


def test_filing_decides_number_category_and_district() -> None:
    answer = told(case("case.opened", "case.filed"))

    assert (str(CASE), "1401062026112400001", "C0102", "140106") == tuple(
        answer[name] for name in ("case_id", "case_number", "category", "district")
    )


def test_the_words_of_the_pack_are_filled_in_both_languages() -> None:
    texts = [line["text"] for line in told(case(*OPENED, "case.accepted", "case.suspended", "case.closed"))["timeline"]]

    assert [
        {"zh": "已立案，案件编号 1401062026112400001。", "en": "Filed, case number 1401062026112400001."},
        {
            "zh": "已派遣至公交集团，处置时限 2026-11-25 09:00。",
            "en": "Sent to 公交集团, to be handled by 2026-11-25 09:00.",
        },
        {"zh": "公交集团已签收，正在处置。", "en": "公交集团 has accepted it."},
        {
            "zh": "暂时无法处置，2026-11-26 12:00前恢复。原因：等待配件",
            "en": "Cannot be done before 2026-11-26 12:00. Reason: 等待配件",
        },
        {"zh": "已结案：已补装井盖", "en": "Closed: 已补装井盖"},
    ] == texts[2:]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("case.closed", "case_number", "1401062026112400001"),
        ("case.accepted", "platform", "公交集团"),
        ("case.dispatched", "deadline", "2026-11-25 09:00"),
        ("case.suspended", "until", "2026-11-26 12:00"),
        ("case.suspended", "reason", "等待配件"),
        ("case.declined", "reply", "不属于城市管理范围"),
    ],
)
def test_every_field_a_pack_may_name_is_filled(kind: str, field: str, value: str) -> None:
    replies = {kind: Said("结案", PublicWords(zh=f"[{{{field}}}]", en="-"))}
    (line,) = tell(received(), 1, case("case.opened", "case.filed", kind), (), replies, SHANGHAI)["timeline"]

    assert field in FIELDS
    assert f"[{value}]" == line["text"]["zh"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("kind", ["case.suspended", "case.closed", "case.declined", "case.accepted"])
def test_braces_in_somebodys_words_are_not_filled(kind: str, field: str) -> None:
    words = f"见{{{field}}}单"
    name = {"case.suspended": "reason", "case.accepted": "platform"}.get(kind, "reply")
    changes = {name: Named(code="P031", name=words) if name == "platform" else words}
    line = told(case("case.opened", "case.filed", (kind, changes)))["timeline"][-1]

    assert (kind, True, True) == (line["event"], words in line["text"]["zh"], words in line["text"]["en"])


@pytest.mark.parametrize(
    ("kinds", "platform", "deadline"),
    [
        (OPENED, "P031", "2026-11-25T09:00:00+08:00"),
        ((*OPENED, "case.returned"), None, None),
        ((*OPENED, "case.returned", ("case.dispatched", {"platform": DRAINS})), "P016", "2026-11-25T09:00:00+08:00"),
        ((*OPENED, "case.accepted", "case.extended"), "P031", "2026-11-26T12:00:00+08:00"),
        ((*OPENED, "case.accepted", "case.suspended"), "P031", None),
        ((*OPENED, "case.accepted", "case.suspended", "case.resumed"), "P031", "2026-11-26T12:00:00+08:00"),
        ((*OPENED, "case.escalated"), "P031", "2026-11-25T09:00:00+08:00"),
        ((*OPENED, "case.rescheduled"), "P031", "2026-11-26T12:00:00+08:00"),
        ((*OPENED, "case.requested"), "P031", "2026-11-25T09:00:00+08:00"),
        ((*OPENED, "case.requested", "case.request_refused"), "P031", "2026-11-25T09:00:00+08:00"),
    ],
)
def test_who_has_it_and_until_when(kinds: tuple[Any, ...], platform: str | None, deadline: str | None) -> None:
    answer = told(case(*kinds))

    assert (platform, deadline) == (answer["platform"] and answer["platform"]["code"], answer["deadline"])


def test_there_is_no_reply_until_there_is_one_and_a_reopened_case_has_none() -> None:
    life = case(*OPENED, "case.handled", "case.closed", "case.reopened", "case.dispatched", "case.closed")
    replies = [told(life[:number])["reply"] for number in range(1, 9)]
    said = {"text": "已补装井盖", "media": ["m1", "m2"], "outcome": "closed"}

    assert [None] * 4 == replies[:4]
    assert said | {"at": "2026-11-24T10:05:00+08:00"} == replies[4]
    assert [None, None, said | {"at": "2026-11-24T10:08:00+08:00"}] == replies[5:]


@pytest.mark.parametrize(
    ("kind", "changes", "outcome"),
    [
        ("case.declined", {}, "declined"),
        ("case.closed", {}, "closed"),
        ("case.closed", {"outcome": "closed_undone"}, "closed_undone"),
        ("case.closed", {"forced": True, "reason": "other"}, "closed"),
        ("case.voided", {}, "void"),
    ],
)
def test_a_reply_says_how_it_ended(kind: str, changes: dict[str, Any], outcome: str) -> None:
    reply = told(case("case.opened", (kind, changes)))["reply"]

    assert (outcome, ["m1", "m2"] if kind == "case.closed" else []) == (reply["outcome"], reply["media"])
    assert SAID[kind]["reply"] == reply["text"]


JOINED = (
    ("case.opened", {"report_id": FIRST, "text": "第一位市民的话"}), "case.filed", "case.joined",
    ("case.joined", {"report_id": MINE}), "case.joined", "case.dispatched", "case.closed",
)  # fmt: skip


def test_who_joined_a_case_sees_nothing_of_the_time_before() -> None:
    answer = told(case(*JOINED), joined_at=4)

    assert ["report.received", "case.joined", "case.dispatched", "case.closed"] == lines(answer)
    assert ("1401062026112400001", "C0102", "结案") == (answer["case_number"], answer["category"], answer["stage"])


def test_who_opened_a_case_is_not_told_of_others_who_joined_it() -> None:
    answer = told(case(*JOINED), joined_at=1)

    assert ["report.received", "case.opened", "case.filed", "case.dispatched", "case.closed"] == lines(answer)


def test_who_joins_a_closed_case_has_its_reply() -> None:
    answer = told(case("case.opened", "case.filed", "case.closed", ("case.joined", {"report_id": MINE})), joined_at=4)

    assert (["report.received", "case.joined"], "已补装井盖") == (lines(answer), answer["reply"]["text"])


@pytest.mark.parametrize("joined_at", [1, 3, 4, 5])
def test_no_reporter_is_shown_anothers_words_or_report(joined_at: int) -> None:
    shown = str(told(case(*JOINED), joined_at=joined_at))

    assert str(MINE) in shown
    assert [] == [hidden for hidden in (str(FIRST), str(LATER), "别人的话", "第一位市民的话") if hidden in shown]


TOLD_TO_WHOM = [
    ((*CLOSED, "case.disputed"), True),
    ((*CLOSED, ("case.disputed", {"report_id": LATER})), False),
    ((*CLOSED, "case.dispute_refused"), True),
    ((*CLOSED, ("case.dispute_refused", {"report_ids": (FIRST, LATER)})), False),
    ((*CLOSED, "case.reopened"), True),
    ((*CLOSED, ("case.reopened", {"report_id": LATER})), True),
    ((*CLOSED, ("case.rated", {"report_id": LATER})), False),
    ((*OPENED, "case.unlinked"), False),
    ((*OPENED, "case.linked"), False),
    ((*OPENED, "case.requested"), False),
    ((*OPENED, "case.request_refused"), False),
    ((*OPENED, "case.corrected"), True),
    ((*OPENED, "case.supplemented"), True),
    ((*OPENED, ("case.supplemented", {"report_id": LATER})), False),
    ((*OPENED, "case.rescheduled"), True),
    ((*OPENED, "case.voided"), True),
    ((*OPENED, "case.escalated"), True),
    ((*OPENED, ("case.escalated", {"stage": None, "step": None, "reason": "催办"})), True),
    ((*OPENED, ("case.escalated", {"step": "warning"})), False),
    ((*OPENED, ("case.escalated", {"stage": "reply"})), False),
]
EVERY_WORD = {kind: Said("处置", PublicWords(zh="{reason}{reply}", en="-")) for kind in ev.KINDS}


@pytest.mark.parametrize("replies", [REPLIES, EVERY_WORD], ids=["words_of_the_city", "a_city_with_words_for_all"])
@pytest.mark.parametrize(("kinds", "shown"), TOLD_TO_WHOM)
def test_a_reporter_is_told_of_what_concerns_the_report(
    kinds: tuple[Any, ...], shown: bool, replies: dict[str, Said]
) -> None:
    events = case(*kinds)
    answer = tell(received(), 1, events, (), replies, SHANGHAI)

    assert shown is (events[-1].kind in lines(answer))


def test_the_answer_to_a_dispute_is_told_and_the_reply_stays_that_of_the_result() -> None:
    answer = told(case(*CLOSED, "case.disputed", "case.dispute_refused"))

    assert "异议审核结果：经核查，井盖已更换" == answer["timeline"][-1]["text"]["zh"]
    assert ("已补装井盖", "closed") == (answer["reply"]["text"], answer["reply"]["outcome"])


def test_a_report_that_became_a_case_of_its_own_is_told_why_its_case_is_another() -> None:
    before = case(
        "case.opened", "case.filed", ("case.joined", {"report_id": MINE}), ("case.unlinked", {"report_id": MINE})
    )
    leaving = [event for event in before if isinstance(event, ev.CaseUnlinked)]
    own = [event.model_copy(update={"case_id": case_id_of(MINE), "at": leaving[0].at}) for event in case(*OPENED)]
    answer = tell(received(), 1, own, (), REPLIES, SHANGHAI, leaving)

    assert (str(case_id_of(MINE)), "派遣") == (answer["case_id"], answer["stage"])
    assert ["report.received", "case.unlinked", *OPENED] == lines(answer)
    assert "您的上报与原案件不是同一问题" in answer["timeline"][1]["text"]["zh"]


def test_what_is_sealed_or_said_among_officials_is_not_shown() -> None:
    box = Sealed(key_id="k1", box="c2VhbGVk")
    inner = ("case.requested", "case.request_refused", "case.returned")
    shown = str(told(case(*OPENED, *inner), contact=box, original_text=box))

    assert "公交集团退单" in shown
    assert [] == [hidden for hidden in ("c2VhbGVk", "内部的话", "app-one", "u-1") if hidden in shown]


def test_a_result_that_was_delivered_is_told_once_and_nothing_else_that_was_delivered() -> None:
    notices = [
        delivered("case.filed", 2, 3), delivered("case.dispatched", 3, 4, "platform:P031"),
        delivered("case.closed", 4, 6), delivered("case.closed", 4, 7, channel="sms"),
    ]  # fmt: skip
    answer = told(case(*OPENED, "case.closed"), notices=notices)

    assert ["report.received", *OPENED, "case.closed", "notice.delivered"] == lines(answer)
    assert "2026-11-24T10:06:00+08:00" == answer["timeline"][-1]["at"]


@pytest.mark.parametrize("result", ["case.closed", "case.declined", "case.voided"])
def test_every_kind_of_result_is_told_as_delivered(result: str) -> None:
    answer = told(case("case.opened", result), notices=[delivered(result, 2, 3)])

    assert ["report.received", "case.opened", result, "notice.delivered"] == lines(answer)


def test_the_timeline_is_in_order_of_time_whatever_came_first() -> None:
    answer = told(case(*OPENED, "case.closed", "case.reopened"), notices=[delivered("case.closed", 4, 4)])

    assert ["case.closed", "notice.delivered", "case.reopened"] == lines(answer)[-3:]
    assert sorted(line["at"] for line in answer["timeline"]) == [line["at"] for line in answer["timeline"]]


def test_an_event_the_pack_has_no_words_for_shapes_the_state_and_is_not_told() -> None:
    replies = {kind: said for kind, said in REPLIES.items() if kind != "case.filed"}
    answer = tell(received(), 1, case("case.opened", "case.filed"), (), replies, SHANGHAI)

    assert (["report.received", "case.opened"], "filed", "上报") == (lines(answer), answer["state"], answer["stage"])
