"""Fingerprints: the same request for ever, whatever the rules have become; any other one is another."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from chassis.personal import mask
from chassis.plain_text import visible_length
from chassis.receipts import sign
from services.intake import fingerprint as shapes
from services.intake.feedback import Dispute, Rating
from services.intake.fingerprint import Fingerprint, fingerprint_of_feedback, fingerprint_of_report
from services.intake.report import ClaimedPlace, Report, Reporter

KEY = b"k" * 32
TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=8)))
PLACE: dict[str, Any] = {"lon": 112.558851, "lat": 37.855804, "system": "GCJ-02", "address": " 迎泽大街五一路口"}
BODY: dict[str, Any] = {"text": " 便道井盖缺失\n", "category": "C0102", "place": PLACE, "reporter": {"ref": "u-1"}}
FIRST, AGAIN = (sign(KEY, "app", "ab" * 32, TUESDAY_1000 + timedelta(hours=hours)) for hours in (0, 20))
OTHER = sign(KEY, "app", "cd" * 32, TUESDAY_1000)
WORDS = st.text(st.characters(exclude_categories=["C"]), min_size=2, max_size=20).filter(visible_length)
REFS = st.from_regex(r"[a-z]{1,9}", fullmatch=True)
BODIES = st.fixed_dictionaries(
    {
        "text": WORDS,
        "place": st.fixed_dictionaries(
            {"lon": st.floats(70, 140), "lat": st.floats(3, 55) | st.integers(3, 55), "system": st.just("WGS-84")},
            optional={"address": WORDS},
        ),
        "reporter": st.fixed_dictionaries({"ref": REFS}, optional={"phone": st.just("13900005678") | st.none()}),
    },
    optional={
        "category": st.just("C0102") | st.none(),
        "media": st.lists(st.sampled_from([FIRST, OTHER]), max_size=3),
        "observed_at": st.builds(
            lambda seconds, hours: (TUESDAY_1000 - timedelta(seconds=seconds))
            .astimezone(timezone(timedelta(hours=hours)))
            .isoformat(),
            st.floats(0, 1e7), st.sampled_from([-5, 0, 8]),
        ),
    },
)  # fmt: skip
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "media", "place"]), inner),
)


@given(BODIES)
def test_what_is_taken_has_the_digest_of_the_version_before(claimed: dict[str, Any]) -> None:
    place, reporter = claimed["place"], claimed["reporter"]
    observed_at = claimed.get("observed_at")
    at = datetime.fromisoformat(observed_at).astimezone(UTC).isoformat().replace("+00:00", "Z") if observed_at else None
    written = {
        "text": claimed["text"].strip(),
        "category": claimed.get("category"),
        "place": {
            "lon": float(place["lon"]), "lat": float(place["lat"]), "system": place["system"],
            "address": place.get("address", "").strip(),
        },
        "media": claimed.get("media", []),
        "observed_at": at,
        "reporter": {"ref": reporter["ref"], "phone": reporter.get("phone")},
    }  # fmt: skip
    text = json.dumps(written, ensure_ascii=False, separators=(",", ":"))
    before = hmac.new(KEY, b"body\n" + text.encode(), hashlib.sha256).hexdigest()

    assert before == fingerprint_of_report(claimed, KEY).body


@given(WORDS, st.lists(st.sampled_from([FIRST, OTHER]), max_size=3), st.integers(1, 5))
def test_feedback_has_the_digest_of_the_version_before(text: str, media: list[str], stars: int) -> None:
    said: list[tuple[str, dict[str, Any], Any]] = [
        ("report.disputed", {"text": text, "media": media}, media),
        ("report.rated", {"text": text, "stars": stars}, stars),
    ]
    before = [hashlib.sha256(json.dumps([mask(text.strip())[0], rest]).encode()).hexdigest() for *_, rest in said]

    assert before == [fingerprint_of_feedback(claimed, kind, KEY).body for kind, claimed, _ in said]


def test_a_photo_that_was_sent_again_makes_no_other_request_and_another_photo_does() -> None:
    one, again, other = (fingerprint_of_report(BODY | {"media": [m]}, KEY) for m in (FIRST, AGAIN, OTHER))
    said = [fingerprint_of_feedback({"text": "还是松的", "media": [m]}, "report.disputed", KEY)
            for m in (FIRST, AGAIN, OTHER)]  # fmt: skip

    assert [True, False, True, False] == [one.is_of(again), one.is_of(other), said[0].is_of(said[1]),
                                          said[0].is_of(said[2])]  # fmt: skip
    assert one.body != again.body


@pytest.mark.parametrize(
    ("known", "same"),
    [
        (Fingerprint("b", "r"), True), (Fingerprint("b"), True), (Fingerprint("x", "r"), True),
        (Fingerprint("x"), False), (Fingerprint("x", "y"), False), (Fingerprint("", ""), False),
    ],
)  # fmt: skip
def test_a_request_is_the_same_by_either_digest_and_never_by_a_missing_one(known: Fingerprint, same: bool) -> None:
    assert (same, same) == (known.is_of(Fingerprint("b", "r")), Fingerprint("b", "r").is_of(known))
    assert not known.is_of(Fingerprint("z"))


@pytest.mark.parametrize(
    "change",
    [{"text": "别的话"}, {"category": None}, {"place": PLACE | {"lon": 112.6}}, {"place": PLACE | {"address": ""}},
     {"reporter": {"ref": "u-2"}}, {"reporter": {"ref": "u-1", "phone": "13900005678"}}, {"media": [FIRST]},
     {"observed_at": "2026-11-24T08:30:00+08:00"}, {"unknown": 1}],
)  # fmt: skip
def test_any_other_word_makes_another_request(change: dict[str, Any]) -> None:
    assert not fingerprint_of_report(BODY, KEY).is_of(fingerprint_of_report(BODY | change, KEY))


@pytest.mark.parametrize(
    "change", [{"text": "字" * 9000}, {"category": "gone"}, {"observed_at": "1970-01-01T00:00:00Z"}]
)
def test_what_the_rules_refuse_by_now_is_still_known(change: dict[str, Any]) -> None:
    spaced = BODY | change | {"place": PLACE | {"address": "迎泽大街五一路口 "}}

    assert fingerprint_of_report(BODY | change, KEY).is_of(fingerprint_of_report(spaced, KEY))


@pytest.mark.parametrize("kind", ["report.received", "report.disputed", "report.rated"])
def test_any_value_is_like_itself_and_what_has_no_shape_like_no_other(kind: str) -> None:
    def of(claimed: Any) -> Fingerprint:
        if kind == "report.received":
            return fingerprint_of_report(claimed, KEY)
        return fingerprint_of_feedback(claimed, kind, KEY)

    @given(ANY_JSON, ANY_JSON)
    def check(one: Any, other: Any) -> None:
        same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)

        assert of(one).is_of(of(one))
        assert same == of([one]).is_of(of([other]))

    check()


def test_the_shapes_have_every_field_that_can_be_said_in_its_order() -> None:
    pairs: list[tuple[type[BaseModel], type[BaseModel]]] = [
        (Report, shapes._Report), (Dispute, shapes._Dispute), (Rating, shapes._Rating),
        (ClaimedPlace, shapes._Place), (Reporter, shapes._Reporter),
    ]  # fmt: skip

    for said, shape in pairs:
        assert list(said.model_fields) == list(shape.model_fields)
