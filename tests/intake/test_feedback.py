"""What may be said of a result: all that can be wrong with it, when it is refused, and what is the same event."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.receipts import sign
from schemas.ids import event_id_of, report_id_of
from schemas.reports import MOST_ADDITIONS, Finding, Photo, ReportDisputed, ReportRated, ReportSupplemented
from services.intake.city import read_city
from services.intake.claim import MOST_PHOTOS, Unfit
from services.intake.feedback import (
    Addition,
    Dispute,
    Feedback,
    Rating,
    Said,
    feedback_id_of,
    fingerprint_of,
    understand_feedback,
    why_refused,
)
from services.intake.report import Terms
from services.intake.timeline import STATES

CITY = read_city(Path(__file__).parents[2] / "cities/taiyuan")
KEY = b"k" * 32
TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=8)))
TERMS = Terms(CITY.categories.keys(), CITY.districts, KEY, timedelta(hours=24))
REPORT, OTHER_REPORT = report_id_of("app", "one"), report_id_of("app", "two")
HASH = "ab" * 32
MINE, FOREIGN = sign(KEY, "app", HASH, TUESDAY_1000), sign(KEY, "other-app", HASH, TUESDAY_1000)
TOO_OLD = sign(KEY, "app", HASH, TUESDAY_1000 - timedelta(hours=24, seconds=1))
FORGED = "x" * 80
WINDOW = timedelta(days=7)
BODIES: dict[type[Said], dict[str, Any]] = {
    Dispute: {"text": "还是松的"}, Rating: {"stars": 4}, Addition: {"text": "洞口更大了"},
}  # fmt: skip
FAULTS: list[tuple[type[Said], dict[str, Any], set[tuple[str, str]]]] = [
    (Dispute, {"text": "字" * 1001}, {("text", "too_long")}),
    (Dispute, {"text": " \n"}, {("text", "empty")}),
    (Dispute, {"text": " 松 "}, {("text", "too_short")}),
    (Dispute, {"text": None}, {("text", "not_text")}),
    (Dispute, {"text": 5}, {("text", "not_text")}),
    (Dispute, {"text": "\u200b\u200b"}, {("text", "empty")}),
    (Dispute, {"text": "松\u200b\u3164\u0301"}, {("text", "too_short")}),
    (Dispute, {"media": None}, {("media", "not_a_list")}),
    (Dispute, {"media": MINE}, {("media", "not_a_list")}),
    (Dispute, {"media": [MINE] * (MOST_PHOTOS + 1)}, {("media", "too_many")}),
    (Dispute, {"media": [5]}, {("media.0", "not_text")}),
    (Dispute, {"media": [FORGED]}, {("media.0", "media_forged")}),
    (Dispute, {"media": [MINE, FOREIGN]}, {("media.1", "media_not_yours")}),
    (Dispute, {"media": [TOO_OLD]}, {("media.0", "media_expired")}),
    (Dispute, {"media": [MINE, MINE]}, {("media.0", "media_twice")}),
    (Dispute, {"reason": "x"}, {("reason", "unknown_field")}),
    (Dispute, {"stars": 1}, {("stars", "unknown_field")}),
    (Dispute, {"text": "", "media": [5], "x": 1}, {("text", "empty"), ("media.0", "not_text"), ("x", "unknown_field")}),
    (Rating, {"stars": 0}, {("stars", "out_of_range")}),
    (Rating, {"stars": 6}, {("stars", "out_of_range")}),
    (Rating, {"stars": 10**29}, {("stars", "out_of_range")}),
    (Rating, {"stars": "5"}, {("stars", "not_a_whole_number")}),
    (Rating, {"stars": 4.5}, {("stars", "not_a_whole_number")}),
    (Rating, {"stars": 5.0}, {("stars", "not_a_whole_number")}),
    (Rating, {"stars": True}, {("stars", "not_a_whole_number")}),
    (Rating, {"stars": None}, {("stars", "not_a_whole_number")}),
    (Rating, {"text": "字" * 501}, {("text", "too_long")}),
    (Rating, {"text": None}, {("text", "not_text")}),
    (Rating, {"media": []}, {("media", "unknown_field")}),
    (Addition, {"text": ""}, {("body", "empty")}),
    (Addition, {"text": " \n", "media": []}, {("body", "empty")}),
    (Addition, {"text": "字" * 1001}, {("text", "too_long")}),
    (Addition, {"text": None}, {("text", "not_text")}),
    (Addition, {"media": [MINE] * (MOST_PHOTOS + 1)}, {("media", "too_many")}),
    (Addition, {"media": [FOREIGN]}, {("media.0", "media_not_yours")}),
    (Addition, {"media": [TOO_OLD]}, {("media.0", "media_expired")}),
    (Addition, {"category": "C0102"}, {("category", "unknown_field")}),
]
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from([MINE, FORGED])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
LIKELY = st.fixed_dictionaries({}, optional={"text": ANY_JSON, "media": ANY_JSON, "stars": ANY_JSON})


def said(body: type[Said], claimed: Any, app: str = "app") -> Feedback | Unfit:
    return understand_feedback(claimed, body, REPORT, app, TUESDAY_1000, TERMS, CITY.words)


def understood(body: type[Said], **changes: Any) -> Feedback:
    answer = said(body, BODIES[body] | changes)
    assert not isinstance(answer, Unfit), answer
    return answer


def faults_of(answer: Feedback | Unfit) -> set[tuple[str, str]]:
    return {(fault.field, fault.reason) for fault in answer.faults} if isinstance(answer, Unfit) else set()


@pytest.mark.parametrize(("body", "change", "faults"), FAULTS)
def test_everything_that_is_wrong_is_named_by_field_and_reason(
    body: type[Said], change: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    answer = said(body, BODIES[body] | change)

    assert faults == faults_of(answer)
    assert isinstance(answer, Unfit)
    assert [] == [fault for fault in answer.faults if not fault.detail]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("claimed", [None, True, 5, "words", [], [{}]])
def test_a_body_that_is_no_object_is_told_so(body: type[Said], claimed: Any) -> None:
    assert {("body", "not_an_object")} == faults_of(said(body, claimed))


def test_an_empty_body_is_told_what_it_lacks() -> None:
    assert [{("text", "missing")}, {("stars", "missing")}] == [faults_of(said(body, {})) for body in (Dispute, Rating)]


@pytest.mark.parametrize("body", BODIES)
@given(claimed=ANY_JSON | LIKELY)
def test_any_value_is_understood_or_unfit(body: type[Said], claimed: Any) -> None:
    answer = said(body, claimed)

    assert not isinstance(answer, Unfit) or answer.faults


@pytest.mark.parametrize(
    ("body", "change"),
    [
        (Dispute, {"text": "没修"}),
        (Dispute, {"text": "字" * 1000}),
        (Dispute, {"text": "一行\n另一行\t👩‍🔧"}),
        (Dispute, {"media": [sign(KEY, "app", bytes([n] * 32).hex(), TUESDAY_1000) for n in range(MOST_PHOTOS)]}),
        (Rating, {"stars": 1}),
        (Rating, {"stars": 5, "text": "字" * 500}),
        (Rating, {"text": ""}),
        (Addition, {"text": "", "media": [MINE]}),
        (Addition, {"text": "字" * 1000}),
    ],
)
def test_what_is_just_within_the_limits_is_taken(body: type[Said], change: dict[str, Any]) -> None:
    assert set() == faults_of(said(body, BODIES[body] | change))


def test_a_dispute_is_an_event_with_its_photos_and_without_personal_numbers() -> None:
    expected = ReportDisputed(
        at=TUESDAY_1000, report_id=REPORT, app="app", text="还是松的，打138****1234",
        media=(Photo(media_id=MINE, sha256=HASH),),
    )  # fmt: skip

    assert expected == understood(Dispute, text=" 还是松的，打13800001234 ", media=[MINE])


def test_a_rating_is_an_event_without_personal_numbers() -> None:
    expected = ReportRated(at=TUESDAY_1000, report_id=REPORT, app="app", stars=5, text="谢谢l****＠example.com")

    assert expected == understood(Rating, stars=5, text="谢谢li@example.com")


def test_an_addition_is_masked_and_screened_but_needs_no_photo() -> None:
    added = understood(Addition, text="打13800001234", media=[MINE])

    assert ReportSupplemented(
        at=TUESDAY_1000, report_id=REPORT, app="app", text="打138****1234", media=(Photo(media_id=MINE, sha256=HASH),),
        findings=(Finding(code="personal_data", detail="phone"),),
    ) == added  # fmt: skip
    assert () == understood(Addition).findings  # type: ignore[union-attr]


@pytest.mark.parametrize("state", ["received", *sorted(set(STATES.values()))])
def test_words_are_added_only_to_what_has_no_result_yet_and_not_without_end(state: str) -> None:
    ended = "report_closed" if state in ("closed", "declined", "void") else None
    counts = (0, MOST_ADDITIONS - 1, MOST_ADDITIONS)
    answers = [why_refused(understood(Addition), state, None, WINDOW, count) for count in counts]

    assert [ended, ended, ended or "too_many_additions"] == answers


@pytest.mark.parametrize("state", ["received", *sorted(set(STATES.values()))])
def test_only_what_was_said_to_be_done_can_be_disputed_and_only_what_ended_be_rated(state: str) -> None:
    answers = [why_refused(understood(body), state, TUESDAY_1000, WINDOW) for body in (Dispute, Rating)]
    disputable, rateable = state == "closed", state in ("closed", "declined", "void")

    assert [None if disputable else "not_closed", None if rateable else "not_closed"] == answers


@pytest.mark.parametrize(
    ("age", "why"),
    [
        (timedelta(0), None),
        (WINDOW, None),
        (WINDOW + timedelta(microseconds=1), "dispute_too_late"),
        (timedelta(days=400), "dispute_too_late"),
        (timedelta(minutes=-1), None),
    ],
)
def test_a_result_can_be_disputed_within_the_window_and_rated_for_ever(age: timedelta, why: str | None) -> None:
    answers = [why_refused(understood(body), "closed", TUESDAY_1000 - age, WINDOW) for body in (Dispute, Rating)]

    assert [why, None] == answers


def test_the_same_key_names_the_same_event_and_anything_else_another() -> None:
    others = [
        feedback_id_of("app", REPORT, Dispute, "other-key"),
        feedback_id_of("app", REPORT, Rating, "key"),
        feedback_id_of("app", OTHER_REPORT, Dispute, "key"),
        feedback_id_of("other-app", REPORT, Dispute, "key"),
        event_id_of(REPORT, "report.received"),
    ]

    assert feedback_id_of("app", REPORT, Dispute, "key") == feedback_id_of("app", REPORT, Dispute, "key")
    assert 6 == len({feedback_id_of("app", REPORT, Dispute, "key"), *others})


def test_other_words_have_another_digest_and_another_instant_has_not() -> None:
    said_once = understood(Dispute)
    later = said_once.model_copy(update={"at": TUESDAY_1000 + timedelta(days=1)})
    others = [
        understood(Dispute, text="别的话"), understood(Dispute, media=[MINE]), understood(Rating),
        understood(Rating, stars=5), understood(Rating, text="还是松的"),
    ]  # fmt: skip

    assert fingerprint_of(said_once) == fingerprint_of(later)
    assert 6 == len({fingerprint_of(said_once).body, *(fingerprint_of(other).body for other in others)})
