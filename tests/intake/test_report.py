"""What an app may say in a report: everything that can be wrong with it, and what stays the same report."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.receipts import sign
from schemas.reports import Photo
from services.intake.city import read_city
from services.intake.claim import MOST_PHOTOS, Unfit
from services.intake.fingerprint import fingerprint_of_report
from services.intake.report import Terms, Understood, understand

CITY = read_city(Path(__file__).parents[2] / "cities/taiyuan")
KEY, OTHER_KEY = b"k" * 32, b"o" * 32
TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=8)))
MONDAY_1000 = TUESDAY_1000 - timedelta(days=1)
TERMS = Terms(CITY.categories.keys(), CITY.districts, KEY, timedelta(hours=24))
PLACE: dict[str, Any] = {"lon": 112.558851, "lat": 37.855804, "system": "GCJ-02", "address": "迎泽大街五一路口"}
BODY: dict[str, Any] = {"text": "便道井盖缺失", "category": "C0102", "place": PLACE, "reporter": {"ref": "u-1"}}
HASH, OTHER_HASH = "ab" * 32, "cd" * 32
MINE = sign(KEY, "app", HASH, TUESDAY_1000)
DAY_OLD = sign(KEY, "app", HASH, MONDAY_1000)
FOREIGN = sign(KEY, "other-app", HASH, TUESDAY_1000)
FORGED = sign(OTHER_KEY, "app", HASH, TUESDAY_1000)
TOO_OLD = sign(KEY, "app", OTHER_HASH, MONDAY_1000 - timedelta(seconds=1))
ABSENT: dict[str, Any] = {}
UNFIT_PHONES = [
    "", "00000", "12345", "1" * 16, "13800", "12800001234", "138000012345", "8613800", "+86123", "+0123456789",
    "+1111111111", "0351-123", "4123456", "call me", "138x0000y1234", "\u200b", "+852 9123 4567 8901 2345",
]  # fmt: skip
PHONES = [
    ("13800001234", "13800001234"), ("138 0000 1234", "13800001234"), ("１３８００００１２３４", "13800001234"),
    ("138-0000-1234", "13800001234"), ("138.0000.1234", "13800001234"), ("（138）0000–1234", "13800001234"),
    ("\u202a138\u200b0000 1234\u202c", "13800001234"), ("+8613800001234", "+8613800001234"),
    ("＋86 138 0000 1234", "+8613800001234"), ("8613800001234", "8613800001234"),
    ("0086 13800001234", "008613800001234"),
    ("0351-4123456", "03514123456"), ("(010) 1234 5678", "01012345678"), ("+86 351 412 3456", "+863514123456"),
    ("+852 9123 4567", "+85291234567"), ("0085291234567", "0085291234567"),
]  # fmt: skip
FAULTS: list[tuple[dict[str, Any], set[tuple[str, str]]]] = [
    ({"text": "字" * 2001}, {("text", "too_long")}),
    ({"text": " \n\u3000"}, {("text", "empty")}),
    ({"text": None}, {("text", "not_text")}),
    ({"text": 5}, {("text", "not_text")}),
    ({"text": "\u200b"}, {("text", "empty")}),
    ({"text": "\u200b \u3164\u2800\x00\n"}, {("text", "empty")}),
    ({"text": "\u0301"}, {("text", "empty")}),
    ({"category": "C9999"}, {("category", "category_unknown")}),
    ({"category": ""}, {("category", "category_unknown")}),
    ({"category": 102}, {("category", "not_text")}),
    ({"place": None}, {("place", "not_an_object")}),
    ({"place": []}, {("place", "not_an_object")}),
    ({"place": ABSENT}, {("place.lon", "missing"), ("place.lat", "missing"), ("place.system", "missing")}),
    ({"place": PLACE | {"lon": "112.5"}}, {("place.lon", "not_a_number")}),
    ({"place": PLACE | {"lon": True}}, {("place.lon", "not_a_number")}),
    ({"place": PLACE | {"lat": float("nan")}}, {("place.lat", "not_a_number")}),
    ({"place": PLACE | {"lat": float("inf")}}, {("place.lat", "not_a_number")}),
    ({"place": PLACE | {"lat": 10**400}}, {("place.lat", "not_a_number")}),
    ({"place": PLACE | {"lon": 1e308, "system": "BD-09"}}, {("place", "outside_city")}),
    ({"place": PLACE | {"lon": 116.39, "lat": 39.9}}, {("place", "outside_city")}),
    ({"place": PLACE | {"lon": 37.8558, "lat": 112.5589}}, {("place", "lon_lat_swapped")}),
    ({"place": PLACE | {"system": "gcj-02"}}, {("place.system", "system_unknown")}),
    ({"place": PLACE | {"system": None}}, {("place.system", "system_unknown")}),
    ({"place": PLACE | {"address": "路" * 201}}, {("place.address", "too_long")}),
    ({"place": PLACE | {"district": "140106"}}, {("place.district", "unknown_field")}),
    ({"media": None}, {("media", "not_a_list")}),
    ({"media": MINE}, {("media", "not_a_list")}),
    ({"media": [MINE] * (MOST_PHOTOS + 1)}, {("media", "too_many")}),
    ({"media": [5]}, {("media.0", "not_text")}),
    ({"media": [""]}, {("media.0", "media_forged")}),
    ({"media": [MINE, FORGED]}, {("media.1", "media_forged")}),
    ({"media": [FOREIGN]}, {("media.0", "media_not_yours")}),
    ({"media": [TOO_OLD]}, {("media.0", "media_expired")}),
    ({"media": [MINE, MINE]}, {("media.0", "media_twice")}),
    ({"media": [FORGED, FOREIGN, TOO_OLD]}, {
        ("media.0", "media_forged"), ("media.1", "media_not_yours"), ("media.2", "media_expired"),
    }),
    ({"observed_at": "yesterday"}, {("observed_at", "not_an_instant")}),
    ({"observed_at": "2026-11-31T10:00:00Z"}, {("observed_at", "not_an_instant")}),
    ({"observed_at": "1764000000"}, {("observed_at", "not_an_instant")}),
    ({"observed_at": 1764000000}, {("observed_at", "not_an_instant")}),
    ({"observed_at": "0001-01-01T00:00:00+14:00"}, {("observed_at", "not_an_instant")}),
    ({"observed_at": "2026-11-24"}, {("observed_at", "without_offset")}),
    ({"observed_at": "2026-11-24T09:00:00"}, {("observed_at", "without_offset")}),
    ({"observed_at": "2026-11-25T10:00:01+08:00"}, {("observed_at", "in_the_future")}),
    ({"reporter": None}, {("reporter", "not_an_object")}),
    ({"reporter": ABSENT}, {("reporter.ref", "missing")}),
    ({"reporter": {"ref": " "}}, {("reporter.ref", "empty")}),
    ({"reporter": {"ref": "\u200b"}}, {("reporter.ref", "empty")}),
    ({"reporter": {"ref": "138.0000.1234"}}, {("reporter.ref", "contact_in_ref")}),
    ({"reporter": {"ref": "11010519491231002X"}}, {("reporter.ref", "contact_in_ref")}),
    ({"reporter": {"ref": "u" * 129}}, {("reporter.ref", "too_long")}),
    ({"reporter": {"ref": "13800001234"}}, {("reporter.ref", "contact_in_ref")}),
    ({"reporter": {"ref": "8613800001234"}}, {("reporter.ref", "contact_in_ref")}),
    ({"reporter": {"ref": "li@example.com"}}, {("reporter.ref", "contact_in_ref")}),
    ({"reporter": {"ref": "u", "phone": "138 0000"}}, {("reporter.phone", "phone_unfit")}),
    *(({"reporter": {"ref": "u", "phone": phone}}, {("reporter.phone", "phone_unfit")}) for phone in UNFIT_PHONES),
    ({"reporter": {"ref": "u", "phone": 13800001234}}, {("reporter.phone", "not_text")}),
    ({"report_id": "b0ac4ba7-e08c-589e-9a41-18937c5ecbbd"}, {("report_id", "unknown_field")}),
    ({"category": "C9999", "place": PLACE | {"lon": 0}, "media": [FORGED]}, {
        ("category", "category_unknown"), ("place", "outside_city"), ("media.0", "media_forged"),
    }),
]  # fmt: skip
SAME: list[dict[str, Any]] = [
    {"category": "C0102", "reporter": {"ref": "u-1", "phone": None}, "media": [], "observed_at": None},
    {"text": " 便道井盖缺失\n"},
    {"reporter": {"ref": "u-1"}, "place": dict(reversed(PLACE.items()))},
]
OTHER: list[dict[str, Any]] = [
    {"text": "便道井盖缺失了"},
    {"category": "C0103"},
    {"category": None},
    {"place": PLACE | {"lon": 112.558852}},
    {"place": PLACE | {"system": "WGS-84"}},
    {"place": PLACE | {"address": ""}},
    {"media": [MINE]},
    {"observed_at": "2026-11-24T08:30:00+08:00"},
    {"reporter": {"ref": "u-2"}},
    {"reporter": {"ref": "u-1", "phone": "13800001234"}},
]
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, 1e308, -1e308, 112.55, 37.86]))
WORDS = st.one_of(st.text(), st.text(st.characters(exclude_categories=())), st.sampled_from([MINE, FORGED, "C0102"]))
INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=14))]))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, INSTANTS.map(datetime.isoformat))
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8
)
SYSTEMS = st.sampled_from(["GCJ-02", "BD-09", "WGS-84"])
LIKELY = st.fixed_dictionaries(
    {
        "text": st.just("井盖缺失") | ANY_JSON,
        "place": st.fixed_dictionaries({"lon": NUMBERS, "lat": NUMBERS, "system": SYSTEMS}) | st.just(PLACE) | ANY_JSON,
        "reporter": st.fixed_dictionaries({"ref": WORDS}, optional={"phone": WORDS}) | ANY_JSON,
    },
    optional={
        "category": WORDS | ANY_JSON,
        "media": st.lists(WORDS, max_size=3) | ANY_JSON,
        "observed_at": INSTANTS.map(datetime.isoformat) | ANY_JSON,
    },
)


def understood(**changes: Any) -> Understood:
    answer = understand(BODY | changes, "app", TUESDAY_1000, TERMS)
    assert isinstance(answer, Understood), answer
    return answer


def fingerprint(key: bytes = KEY, **changes: Any) -> str:
    return fingerprint_of_report(BODY | changes, key).body


def faults_of(claimed: Any) -> set[tuple[str, str]]:
    answer = understand(claimed, "app", TUESDAY_1000, TERMS)
    return {(fault.field, fault.reason) for fault in answer.faults} if isinstance(answer, Unfit) else set()


@pytest.mark.parametrize(("change", "faults"), FAULTS)
def test_everything_that_is_wrong_is_named_by_field_and_reason(
    change: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    assert faults == faults_of(BODY | change)


@pytest.mark.parametrize("claimed", [None, True, 5, "words", [], [BODY]])
def test_a_body_that_is_no_object_is_told_so(claimed: Any) -> None:
    assert {("body", "not_an_object")} == faults_of(claimed)


def test_an_empty_body_is_told_all_that_it_lacks() -> None:
    assert {(field, "missing") for field in ("text", "place", "reporter")} == faults_of({})


def test_every_fault_has_a_sentence() -> None:
    answers = [understand(BODY | change, "app", TUESDAY_1000, TERMS) for change, _ in FAULTS]
    details = [fault.detail for answer in answers if isinstance(answer, Unfit) for fault in answer.faults]

    assert sum(len(faults) for _, faults in FAULTS) == len(details)
    assert [] == [detail for detail in details if not detail]


def test_a_report_is_understood_with_its_place_and_its_photos() -> None:
    answer = understood(text=" 便道井盖缺失 ", media=[MINE], observed_at="2026-11-24T08:30:00+08:00")

    assert ("便道井盖缺失", "140106", "GCJ-02") == (answer.claimed.text, answer.place.district, answer.place.raw_system)
    assert (Photo(media_id=MINE, sha256=HASH),) == answer.photos
    assert datetime(2026, 11, 24, 0, 30, tzinfo=UTC) == answer.claimed.observed_at


@pytest.mark.parametrize(
    "change",
    [
        {"text": "字" * 2000},
        {"category": None},
        {"category": "S01"},
        {"media": [DAY_OLD]},
        {"media": [sign(KEY, "app", bytes([n] * 32).hex(), TUESDAY_1000) for n in range(MOST_PHOTOS)]},
        {"observed_at": "2026-11-25T10:00:00+08:00"},
        {"reporter": {"ref": "140106202611240001"}},
        {"reporter": {"ref": "202611241530000123"}},
        {"reporter": {"ref": "5f13812345678abcdef01234"}},
        {"reporter": {"ref": "13812345-678a-4bcd-8901-123456789012"}},
        {"text": "字" * 2000 + "\u200b" * 100 + " " * 100},
        {"observed_at": "2000-01-01T00:00:00+14:00"},
        {"reporter": {"ref": "u" * 128, "phone": "+8613800001234"}},
        {"place": PLACE | {"address": "路" * 200}},
        {"place": {name: value for name, value in PLACE.items() if name != "address"}},
        {"text": "一行\n另一行\t👩‍🔧"},
    ],
)
def test_what_is_just_within_the_limits_is_taken(change: dict[str, Any]) -> None:
    assert set() == faults_of(BODY | change)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("井盖\u200e没了\u202c", "井盖没了"),
        ("井盖\x0b没了\x0c", "井盖\n没了"),
        ("\ufeff井盖\u2028没了\x85", "井盖\n没了"),
        ("井盖\x00\x1b没了", "井盖没了"),
        ("井\u200b盖\u00ad没\u2060了\U000e0041", "井盖没了"),
        ("井盖\t没了\r\n速来👩‍🔧❤️‍🔥1️⃣", "井盖\t没了\r\n速来👩‍🔧❤️‍🔥1️⃣"),
    ],
)
def test_what_cannot_be_seen_is_removed_instead_of_refused(text: str, kept: str) -> None:
    answer = understood(text=text, place=PLACE | {"address": text})

    assert (kept, kept) == (answer.claimed.text, answer.place.address)


@pytest.mark.parametrize(
    "change",
    [
        {"text": "便道\u200e井盖\u202c缺\x00失\ufeff"},
        {"place": PLACE | {"address": "迎泽大街\u202e五一路口"}},
        {"reporter": {"ref": "\u200bu-1"}},
        {"category": "C0102\u200e"},
        {"reporter": {"ref": "u-1", "phone": None}, "observed_at": None},
    ],
)
def test_what_cannot_be_seen_makes_no_other_report(change: dict[str, Any]) -> None:
    assert understood() == understood(**change)


@pytest.mark.parametrize(("typed", "kept"), PHONES)
def test_a_phone_is_taken_as_people_type_it_and_kept_in_digits(typed: str, kept: str) -> None:
    assert kept == understood(reporter={"ref": "u-1", "phone": typed}).claimed.reporter.phone


@pytest.mark.parametrize(
    ("observed_at", "kept"),
    [
        ("2026-11-24T09:00:00+08:00", datetime(2026, 11, 24, 1, tzinfo=UTC)),
        ("2026-11-24T10:11:00+08:00", TUESDAY_1000),
        ("2026-11-24T10:00:00Z", TUESDAY_1000),  # local time, taken for UTC
        ("2026-11-25T10:00:00+08:00", TUESDAY_1000),
    ],
)
def test_a_phone_whose_clock_is_ahead_saw_it_when_the_report_came(observed_at: str, kept: datetime) -> None:
    assert (kept, None) == (understood(observed_at=observed_at).observed_at, understood().observed_at)


def test_a_body_without_anything_to_clean_keeps_the_digest_of_earlier_versions() -> None:
    reporter = {"ref": "u", "phone": "+8613800001234"}
    told = fingerprint(media=[MINE], observed_at="2026-11-24T08:30:00+08:00", reporter=reporter)

    assert "4ff784d8c8992021197dd81add406a9a61c1c9c3c5acee75941e1e87aeb74592" == told
    assert "005caf06b0d43b0a243a940a973a471212a56cfc37836f36d1b7cccf04f34610" == fingerprint(
        text="井盖缺失 👩‍🔧\r\n速来"
    )


@pytest.mark.parametrize("claimed", [ANY_JSON, LIKELY], ids=["any_value", "nearly_a_report"])
@given(data=st.data())
def test_any_value_is_understood_or_unfit(claimed: st.SearchStrategy[Any], data: st.DataObject) -> None:
    answer = understand(data.draw(claimed), "app", TUESDAY_1000, TERMS)

    assert isinstance(answer, Understood) or (isinstance(answer, Unfit) and answer.faults)


@pytest.mark.parametrize("change", SAME)
def test_the_same_meaning_has_the_same_digest(change: dict[str, Any]) -> None:
    assert fingerprint() == fingerprint(**change)


def test_an_instant_told_with_another_offset_is_the_same_meaning() -> None:
    one, other = (fingerprint(observed_at=at) for at in ("2026-11-24T08:30:00+08:00", "2026-11-24T00:30:00Z"))

    assert one == other


def test_other_words_have_another_digest() -> None:
    digests = [fingerprint(**change) for change in ({}, *OTHER)]

    assert len(OTHER) + 1 == len(set(digests))


def test_a_digest_cannot_be_guessed_without_the_key() -> None:
    assert fingerprint(KEY) != fingerprint(OTHER_KEY)
    assert 64 == len(bytes.fromhex(fingerprint()).hex())
