"""The door over real HTTP: what is taken, what is refused and why, what a citizen sees afterwards."""

import asyncio
import io
import json
import shutil
import signal
import struct
import time
import uuid
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from nacl.public import SealedBox
from PIL import Image

from chassis import receipts
from chassis.receipts import sign
from schemas.ids import report_id_of
from tests.intake.conftest import Intake
from tests.intake.talk import (
    LIFE,
    WUYI,
    body,
    case_of,
    ended,
    key,
    kind_of,
    patiently,
    problem,
    published,
    reasons,
    report,
    said,
    tell_cases,
    until,
)
from tests.standins.photos import photo


def jpeg(size: tuple[int, int] = (64, 48), exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 120, 40)).save(out, "JPEG", **({"exif": exif} if exif else {}))
    return out.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def animated(form: str) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    frames[0].save(out, form, save_all=True, append_images=frames[1:])
    return out.getvalue()


def test_a_report_is_taken_published_and_found_at_once(intake: Intake, kafka: str) -> None:
    with intake.client() as app:
        answer = app.post("/v1/reports", json=body(), headers=key())
        seen = app.get(answer.json()["tracking"])

    assert (202, 200) == (answer.status_code, seen.status_code)
    assert ("上报", "received", "140106", None) == tuple(
        seen.json()[name] for name in ("stage", "state", "district", "reply")
    )
    assert ["report.received"] == [line["event"] for line in seen.json()["timeline"]]


async def test_the_record_says_what_the_citizen_said_and_no_contact(intake: Intake, kafka: str) -> None:
    said = body(text="联系我１３８００００１２３４，井盖没了", reporter={"ref": "u-2", "phone": "13900005678"})
    with intake.client() as app:
        report_id = app.post("/v1/reports", json=said, headers=key()).json()["report_id"]
    (record,) = await published(kafka, report_id)
    fact = json.loads(record.value)
    contact = json.loads(SealedBox(intake.private_key).decrypt(__import__("base64").b64decode(fact["contact"]["box"])))

    assert {"report_id": report_id, "app": "demo-app", "phone": "13900005678"} == contact
    assert {"personal_data", "photo_missing"} == {finding["code"] for finding in fact["findings"]}
    assert ("report.received", True) == (dict(record.headers)["ce_type"].decode(), "****" in fact["text"])
    assert not any(number in (record.value + intake.log.read_bytes()) for number in (b"13900005678", b"13800001234"))


def test_the_same_key_is_the_same_report_and_with_another_body_refused(intake: Intake) -> None:
    again = key()
    with intake.client() as app, intake.client("app2") as other:
        first = app.post("/v1/reports", json=body(), headers=again)
        app.get(first.json()["tracking"])
        second = app.post("/v1/reports", json=body(), headers=again)
        third = app.post("/v1/reports", json=body(text="别的话"), headers=again)
        foreign = other.post("/v1/reports", json=body(text="别的话"), headers=again)

    assert (202, 202, first.json()) == (first.status_code, second.status_code, second.json())
    assert (422, {("Idempotency-Key", "idempotency_key_reused")}) == (third.status_code, reasons(third))
    assert 202 == foreign.status_code
    assert str(report_id_of("demo-app", again["Idempotency-Key"])) == first.json()["report_id"]


def test_another_body_under_the_same_key_is_refused_before_the_read_model_knows_the_first(intake: Intake) -> None:
    again = key()
    with intake.client() as app:
        answers = [app.post("/v1/reports", json=body(text=words), headers=again) for words in ("甲", "乙", "甲")]

    assert [202, 422, 202] == [answer.status_code for answer in answers]


def test_a_report_is_shown_to_its_own_app_only(intake: Intake) -> None:
    with intake.client() as app, intake.client("app2") as other, intake.client("platform") as platform:
        tracking = app.post("/v1/reports", json=body(), headers=key()).json()["tracking"]

        assert [404, 403, 404] == [
            c.get(path).status_code
            for c, path in ((other, tracking), (platform, tracking), (app, f"/v1/reports/{uuid.uuid4()}"))
        ]


FIELDS = [
    ({"category": "C9999"}, "category", "category_unknown"),
    ({"category": "x"}, "category", "category_unknown"),
    ({"place": WUYI | {"lon": 116.39, "lat": 39.9}}, "place", "outside_city"),
    ({"place": WUYI | {"lon": 37.8558, "lat": 112.5589}}, "place", "lon_lat_swapped"),
    ({"place": WUYI | {"system": "XY-1"}}, "place.system", "system_unknown"),
    ({"place": WUYI | {"lon": "112.5"}}, "place.lon", "not_a_number"),
    ({"place": WUYI | {"lat": None}}, "place.lat", "not_a_number"),
    ({"place": WUYI | {"lat": True}}, "place.lat", "not_a_number"),
    ({"place": {"lon": 1.0, "lat": 2.0}}, "place.system", "missing"),
    ({"place": "here"}, "place", "not_an_object"),
    ({"text": "字" * 2001}, "text", "too_long"),
    ({"text": "  "}, "text", "empty"),
    ({"text": 5}, "text", "not_text"),
    ({"text": "\u200b\u202e\x00"}, "text", "empty"),
    ({"reporter": {"ref": "13800000000"}}, "reporter.ref", "contact_in_ref"),
    ({"reporter": {"ref": "u", "phone": "call me"}}, "reporter.phone", "phone_unfit"),
    ({"reporter": {}}, "reporter.ref", "missing"),
    ({"media": ["x"] * 10}, "media", "too_many"),
    ({"media": ["x" * 80]}, "media.0", "media_forged"),
    ({"observed_at": "2026-11-24T08:00:00"}, "observed_at", "without_offset"),
    ({"observed_at": "2099-01-01T00:00:00Z"}, "observed_at", "in_the_future"),
    ({"observed_at": "yesterday"}, "observed_at", "not_an_instant"),
    ({"status": "closed"}, "status", "unknown_field"),
]


@pytest.mark.parametrize(("change", "field", "reason"), FIELDS)
def test_what_is_wrong_with_a_report_is_named(intake: Intake, change: dict[str, Any], field: str, reason: str) -> None:
    with intake.client() as app:
        answer = app.post("/v1/reports", content=json.dumps(body() | change), headers=key() | JSON)

    assert (422, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
    assert (field, reason) in reasons(answer)


JSON = {"Content-Type": "application/json"}
BODIES = [
    (b"{", JSON, 400, "body", "body_not_json"),
    (b"\xff\xfe", JSON, 400, "body", "body_not_utf8"),
    (b"[" * 40 + b"]" * 40, JSON, 400, "body", "too_deep"),
    (b'{"text": "a", "text": "b"}', JSON, 400, "text", "duplicate_key"),
    (b'{"place": {"lon": NaN}}', JSON, 400, "place.lon", "number_not_finite"),
    (b'{"place": {"lon": 1e999}}', JSON, 400, "place.lon", "number_not_finite"),
    (b'"' + b"a" * 70_000 + b'"', JSON, 413, "body", "body_too_large"),
    (b"text=a", {"Content-Type": "text/plain"}, 415, "Content-Type", "content_type"),
    (b"[]", JSON, 422, "body", "not_an_object"),
    (b"x", JSON | {"Content-Encoding": "gzip"}, 415, "Content-Encoding", "content_encoding"),
]


@pytest.mark.parametrize(("sent", "headers", "status", "field", "reason"), BODIES)
def test_a_body_that_cannot_be_read_is_refused(
    intake: Intake, sent: bytes, headers: dict[str, str], status: int, field: str, reason: str
) -> None:
    with intake.client() as app:
        answer = app.post("/v1/reports", content=sent, headers=key() | headers)

    assert (status, {(field, reason)}) == (answer.status_code, reasons(answer))


@pytest.mark.parametrize(
    ("kind", "headers", "status", "field", "reason"),
    [
        (None, key(), 401, "Authorization", "key_missing"),
        (None, key() | {"Authorization": "Bearer ssp_app_wrong"}, 401, "Authorization", "key_wrong"),
        ("platform", key(), 403, "Authorization", "key_not_for_this"),
        ("app", {}, 400, "Idempotency-Key", "idempotency_key_missing"),
        ("app", {"Idempotency-Key": "a b"}, 400, "Idempotency-Key", "idempotency_key_unfit"),
        ("app", {"Idempotency-Key": "a" * 201}, 400, "Idempotency-Key", "idempotency_key_unfit"),
    ],
)
def test_who_may_not_report_is_told_why(
    intake: Intake, kind: str | None, headers: dict[str, str], status: int, field: str, reason: str
) -> None:
    with intake.client(kind) as caller:
        answer = caller.post("/v1/reports", json=body(), headers=headers)

    assert (status, {(field, reason)}) == (answer.status_code, reasons(answer))


def test_a_photo_is_turned_stripped_kept_cited_and_given_back(intake: Intake) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "canary words"
    exif.get_ifd(0x8825)[2] = (37.0, 51.0, 19.5)
    with intake.client() as app, intake.client("app2") as other:
        kept = app.post("/v1/media", content=jpeg((80, 40), exif), headers={"Content-Type": "image/jpeg"})
        media_id = kept.json()["media_id"]
        photo = app.get(f"/v1/media/{media_id}")
        cited = app.post("/v1/reports", json=body(media=[media_id]), headers=key())
        foreign = other.post("/v1/reports", json=body(media=[media_id]), headers=key())
        twice = app.post("/v1/reports", json=body(media=[media_id, media_id]), headers=key())

    assert (201, 40, 80) == (kept.status_code, kept.json()["width"], kept.json()["height"])
    assert ((40, 80), {}) == ((opened := Image.open(io.BytesIO(photo.content))).size, dict(opened.getexif()))
    assert b"canary" not in photo.content
    assert ("image/jpeg", "nosniff") == (photo.headers["content-type"], photo.headers["x-content-type-options"])
    assert [202, 422, 422] == [a.status_code for a in (cited, foreign, twice)]
    assert ({("media.0", "media_not_yours")}, {("media.0", "media_twice")}) == (reasons(foreign), reasons(twice))


def test_a_photo_of_a_platform_says_where_it_was_taken_and_a_citizens_does_not(intake: Intake) -> None:
    sent, receipt_key = photo(7, 112.5526, 37.8553), bytes.fromhex(intake.environ["INTAKE_RECEIPT_KEY"])
    ids = {}
    for kind in ("app", "platform"):
        with intake.client(kind) as caller:
            kept = caller.post("/v1/media", content=sent, headers={"Content-Type": "image/jpeg"})
            ids[kind] = kept.json()["media_id"]
            assert (200, "image/jpeg") == ((shown := caller.get(kept.headers["location"])).status_code,
                                           shown.headers["content-type"])  # fmt: skip
    with intake.client("platform") as platform:
        without = platform.post("/v1/media", content=jpeg(), headers={"Content-Type": "image/jpeg"}).json()["media_id"]

    assert {"app": None, "platform": (112.5526, 37.8553)} == {
        kind: receipts.read(receipt_key, media_id).point for kind, media_id in ids.items()
    }
    # The citizen's carries the hash of the inner part where the platform's carries the place.
    assert [103, 103, 80] == [len(media_id) for media_id in (*ids.values(), without)]


def test_a_photo_may_come_as_a_form(intake: Intake) -> None:
    with intake.client() as app:
        kept = app.post("/v1/media", files={"file": ("a.jpg", jpeg(), "image/jpeg")})
        none = app.post("/v1/media", files={"file": (None, "words")})
        broken = app.post("/v1/media", content=b"x", headers={"Content-Type": "multipart/form-data"})

    assert [201, 422, 400] == [a.status_code for a in (kept, none, broken)]


PHOTOS = [
    (b"", 422, "not_an_image"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 422, "not_an_image"),
    (b"GIF89a" + b"\0" * 100, 422, "not_an_image"),
    (jpeg()[:20], 422, "image_cut_off"),
    (jpeg((400, 400))[:-200], 422, "undecodable"),
    (png_claiming(8000, 8000), 422, "too_many_pixels"),
    (png_claiming(64_000, 2), 422, "side_too_long"),
    (png_claiming(300, 300), 422, "undecodable"),
    (animated("PNG"), 422, "more_than_one_frame"),
    (animated("WEBP"), 422, "more_than_one_frame"),
]


@pytest.mark.parametrize(("sent", "status", "reason"), PHOTOS)
def test_a_file_that_is_no_photo_is_refused(intake: Intake, sent: bytes, status: int, reason: str) -> None:
    with intake.client() as app:
        answer = app.post("/v1/media", content=sent, headers={"Content-Type": "image/png"})

    assert (status, {("file", reason)}) == (answer.status_code, reasons(answer))


def test_a_photo_too_large_or_of_another_type_is_refused(intake: Intake) -> None:
    with intake.client() as app:
        large = app.post("/v1/media", content=b"\xff" * 10_000_001, headers={"Content-Type": "image/jpeg"})
        text = app.post("/v1/media", content=jpeg(), headers={"Content-Type": "text/html"})

        assert [413, 415, 404] == [
            large.status_code, text.status_code, app.get(f"/v1/media/{'A' * 80}").status_code
        ]  # fmt: skip


async def test_a_citizen_follows_the_case_to_its_reply(intake: Intake, kafka: str) -> None:
    with intake.client() as app:
        answer = app.post("/v1/reports", json=body(), headers=key()).json()
        await tell_cases(kafka, *case_of(uuid.UUID(answer["report_id"]), *LIFE))
        stage = await asyncio.to_thread(until, lambda: app.get(answer["tracking"]).json()["stage"], "结案")
        seen = app.get(answer["tracking"]).json()

    assert ("结案", "closed", "1401062026112400001", "2026-11-24T18:00:00+08:00") == (
        stage, seen["state"], seen["case_number"], seen["deadline"],
    )  # fmt: skip
    assert ("P031", "已补装井盖", ["m1"], "closed") == (
        seen["platform"]["code"], seen["reply"]["text"], seen["reply"]["media"], seen["reply"]["outcome"],
    )  # fmt: skip
    assert {"report.received", *LIFE} == {line["event"] for line in seen["timeline"]}


async def test_a_case_may_be_seen_before_its_report(intake: Intake, kafka: str) -> None:
    idempotency = key()
    report_id = report_id_of("demo-app", idempotency["Idempotency-Key"])
    await tell_cases(kafka, *case_of(report_id, *LIFE[:3]))
    with intake.client() as app:
        assert 404 == app.get(f"/v1/reports/{report_id}").status_code
        app.post("/v1/reports", json=body(), headers=idempotency)
        state = await asyncio.to_thread(
            until, lambda: app.get(f"/v1/reports/{report_id}").json()["state"], "dispatched"
        )

    assert "dispatched" == state


async def test_an_event_after_a_gap_is_parked_and_an_old_one_dropped(intake: Intake, kafka: str) -> None:
    with intake.client() as app:
        answer = app.post("/v1/reports", json=body(), headers=key()).json()
        opened, filed, dispatched, _, _, closed = case_of(uuid.UUID(answer["report_id"]), *LIFE)
        await tell_cases(kafka, opened, filed, filed, closed, opened, dispatched)
        state = await asyncio.to_thread(until, lambda: app.get(answer["tracking"]).json()["state"], "dispatched")
        parked = httpx.get(f"{intake.url}/metrics").text

    assert "dispatched" == state
    assert 'reason="gap"' in parked


def test_the_catalogue_has_every_category_of_the_city(intake: Intake) -> None:
    with intake.client() as app:
        items = app.get("/v1/categories").json()["items"]

    assert (269, {"kind": "urgent_hour", "amount": 2}) == (len(items), items[0]["clock"])


def test_pages_for_people_and_machines_answer(intake: Intake) -> None:
    with intake.client(None) as anyone:
        pages = [anyone.get(p).status_code for p in ("/docs", "/openapi.json", "/docs/asyncapi", "/livez", "/readyz")]

    assert [200] * 5 == pages


def test_a_revoked_key_opens_nothing_within_a_second(intake: Intake) -> None:
    from stack.keys import issue, revoke

    path = __import__("pathlib").Path(intake.environ["INTAKE_CLIENTS_PATH"])
    fresh = {"Authorization": f"Bearer {issue(path, 'short-lived', 'app')}"}
    with intake.client(None) as anyone:
        opened = until(lambda: anyone.get("/v1/categories", headers=fresh).status_code, 200)
        revoke(path, "short-lived")
        closed = until(lambda: anyone.get("/v1/categories", headers=fresh).status_code, 401, 2)

    assert (200, 401) == (opened, closed)


DISPUTE, RATING = {"text": "还是松的"}, {"stars": 4, "text": "很快"}
CALLS = {"dispute": DISPUTE, "rating": RATING}
NOWHERE = "127.0.0.1:9"


async def test_a_dispute_is_on_the_topic_when_it_is_answered(intake: Intake, kafka: str) -> None:
    report_id = await ended(intake, kafka)
    with intake.client() as app:
        sent = app.post("/v1/media", content=photo(8), headers={"Content-Type": "image/jpeg"}).json()
        words = {"text": "还是松的，打１３８００００１２３４", "media": [sent["media_id"]]}
        answer = app.post(f"/v1/reports/{report_id}/dispute", json=words, headers=key())
    (record,) = await said(kafka, report_id)
    fact = json.loads(record.value)

    expected = {"report_id": report_id, "status": "received", "tracking": f"/v1/reports/{report_id}"}
    assert (202, expected, f"/v1/reports/{report_id}") == (
        answer.status_code, answer.json(), answer.headers["location"],
    )  # fmt: skip
    assert (b"report.disputed", report_id, "demo-app") == (kind_of(record), fact["report_id"], fact["app"])
    assert ([sent["media_id"]], [sent["sha256"]]) == tuple(
        [one[name] for one in fact["media"]] for name in ("media_id", "sha256")
    )
    assert ("****" in fact["text"], False) == (True, "１３８００００１２３４" in record.value.decode())
    assert "１３８００００１２３４" not in intake.log.read_text()


@pytest.mark.parametrize("kinds", [LIFE, ("case.opened", "case.declined"), ("case.opened", "case.voided")])
async def test_a_rating_is_on_the_topic_when_it_is_answered(intake: Intake, kafka: str, kinds: tuple[str, ...]) -> None:
    report_id = await ended(intake, kafka, *kinds)
    words = {"stars": 2, "text": "请打13800001234"}
    with intake.client() as app:
        answer = app.post(f"/v1/reports/{report_id}/rating", json=words, headers=key())
    (record,) = await said(kafka, report_id)
    fact = json.loads(record.value)

    assert (202, b"report.rated", 2, "请打138****1234") == (
        answer.status_code, kind_of(record), fact["stars"], fact["text"],
    )  # fmt: skip


BAD: list[tuple[str, Any, str, str]] = [
    ("dispute", {}, "text", "missing"),
    ("dispute", {"text": ""}, "text", "empty"),
    ("dispute", {"text": "松"}, "text", "too_short"),
    ("dispute", {"text": "字" * 1001}, "text", "too_long"),
    ("dispute", {"text": 5}, "text", "not_text"),
    ("dispute", {"text": "\u202e\x00\u200b"}, "text", "empty"),
    ("dispute", DISPUTE | {"media": ["x" * 80]}, "media.0", "media_forged"),
    ("dispute", DISPUTE | {"media": ["x" * 91]}, "media.0", "media_forged"),
    ("dispute", DISPUTE | {"media": ["x"] * 10}, "media", "too_many"),
    ("dispute", DISPUTE | {"stars": 5}, "stars", "unknown_field"),
    ("dispute", [], "body", "not_an_object"),
    ("rating", {}, "stars", "missing"),
    ("rating", {"stars": 0}, "stars", "out_of_range"),
    ("rating", {"stars": 6}, "stars", "out_of_range"),
    ("rating", {"stars": 4.5}, "stars", "not_a_whole_number"),
    ("rating", {"stars": "4"}, "stars", "not_a_whole_number"),
    ("rating", {"stars": True}, "stars", "not_a_whole_number"),
    ("rating", RATING | {"text": "字" * 501}, "text", "too_long"),
    ("rating", RATING | {"report_id": "x"}, "report_id", "unknown_field"),
    ("rating", None, "body", "not_an_object"),
]


@pytest.mark.parametrize(("call", "words", "field", "reason"), BAD)
def test_what_is_wrong_with_the_words_is_named(intake: Intake, call: str, words: Any, field: str, reason: str) -> None:
    with intake.client() as app:
        answer = app.post(f"/v1/reports/{uuid.uuid4()}/{call}", content=json.dumps(words), headers=key() | JSON)

    assert (422, "unfit_feedback", "application/problem+json") == (
        answer.status_code, answer.json()["reason"], answer.headers["content-type"],
    )  # fmt: skip
    assert {(field, reason)} == reasons(answer)


UNREADABLE = [
    (b"{", JSON, 400, "body", "body_not_json"),
    (b'{"text": "aa", "text": "bb"}', JSON, 400, "text", "duplicate_key"),
    (b'{"stars": NaN}', JSON, 400, "stars", "number_not_finite"),
    (b'"' + b"a" * 70_000 + b'"', JSON, 413, "body", "body_too_large"),
    (b"text=aa", {"Content-Type": "text/plain"}, 415, "Content-Type", "content_type"),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("sent", "headers", "status", "field", "reason"), UNREADABLE)
def test_words_that_cannot_be_read_are_refused(
    intake: Intake, call: str, sent: bytes, headers: dict[str, str], status: int, field: str, reason: str
) -> None:
    with intake.client() as app:
        answer = app.post(f"/v1/reports/{uuid.uuid4()}/{call}", content=sent, headers=key() | headers)

    assert (status, {(field, reason)}) == (answer.status_code, reasons(answer))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("caller", "headers", "status", "field", "reason"),
    [
        (None, key(), 401, "Authorization", "key_missing"),
        ("platform", key(), 403, "Authorization", "key_not_for_this"),
        ("centre", key(), 403, "Authorization", "key_not_for_this"),
        ("app", {}, 400, "Idempotency-Key", "idempotency_key_missing"),
        ("app", {"Idempotency-Key": "a b"}, 400, "Idempotency-Key", "idempotency_key_unfit"),
        ("app", {"Idempotency-Key": "a" * 201}, 400, "Idempotency-Key", "idempotency_key_unfit"),
    ],
)
def test_who_may_not_speak_is_told_why(
    intake: Intake, call: str, caller: str | None, headers: dict[str, str], status: int, field: str, reason: str
) -> None:
    with intake.client(caller) as client:
        answer = client.post(f"/v1/reports/{uuid.uuid4()}/{call}", json=CALLS[call], headers=headers)

    assert (status, {(field, reason)}) == (answer.status_code, reasons(answer))


async def test_nothing_of_what_is_refused_is_published(intake: Intake, kafka: str) -> None:
    report_id = await ended(intake, kafka)
    with intake.client() as app, intake.client("app2") as other:
        path = f"/v1/reports/{report_id}"
        statuses = {
            app.post(f"{path}/{call}", content=json.dumps(words), headers=key() | JSON).status_code
            for call, words, _, _ in BAD
        }
        statuses |= {
            app.post(f"{path}/{call}", content=sent, headers=key() | headers).status_code
            for call in CALLS
            for sent, headers, _, _, _ in UNREADABLE
        }
        statuses |= {app.post(f"{path}/{call}", json=words).status_code for call, words in CALLS.items()}
        statuses |= {other.post(f"{path}/{call}", json=w, headers=key()).status_code for call, w in CALLS.items()}

    assert {400, 404, 413, 415, 422} == statuses
    assert [] == await said(kafka, report_id)


@pytest.mark.parametrize("call", CALLS)
async def test_a_report_that_is_unknown_or_anothers_is_not_there(intake: Intake, kafka: str, call: str) -> None:
    foreign = await ended(intake, kafka)
    with intake.client("app2") as other:
        answers = [
            other.post(f"/v1/reports/{name}/{call}", json=CALLS[call], headers=key())
            for name in (foreign, uuid.uuid4(), "x")
        ]

    assert [(404, {("report_id", "report_unknown")})] * 3 == [(one.status_code, reasons(one)) for one in answers]


@pytest.mark.parametrize("kinds", [(), LIFE[:1], LIFE[:3], LIFE[:5], (*LIFE, "case.reopened")])
async def test_there_is_nothing_to_say_before_there_is_a_result(
    intake: Intake, kafka: str, kinds: tuple[str, ...]
) -> None:
    report_id = await ended(intake, kafka, *kinds) if kinds else report(intake)
    with intake.client() as app:
        answers = [app.post(f"/v1/reports/{report_id}/{call}", json=w, headers=key()) for call, w in CALLS.items()]

    assert [(409, "not_closed")] * 2 == [(one.status_code, one.json()["reason"]) for one in answers]
    assert [] == await said(kafka, report_id)


@pytest.mark.parametrize("kinds", [("case.opened", "case.declined"), ("case.opened", "case.voided")])
async def test_what_was_never_said_to_be_done_cannot_be_disputed(
    intake: Intake, kafka: str, kinds: tuple[str, ...]
) -> None:
    report_id = await ended(intake, kafka, *kinds)
    with intake.client() as app:
        answer = app.post(f"/v1/reports/{report_id}/dispute", json=DISPUTE, headers=key())

    assert (409, "not_closed") == (answer.status_code, answer.json()["reason"])


async def test_a_dispute_may_come_too_late_and_a_rating_never(intake: Intake, kafka: str) -> None:
    late, in_time = [
        await ended(intake, kafka, age=timedelta(days=7) + minutes)
        for minutes in (timedelta(minutes=1), timedelta(minutes=-1))
    ]
    with intake.client() as app:
        answers = [app.post(f"/v1/reports/{name}/dispute", json=DISPUTE, headers=key()) for name in (late, in_time)]
        rated = app.post(f"/v1/reports/{late}/rating", json=RATING, headers=key())

    assert [409, 202, 202] == [answer.status_code for answer in (*answers, rated)]
    assert "dispute_too_late" == answers[0].json()["reason"]


ADDITION = {"text": "洞口更大了，打13800001234"}


@pytest.mark.parametrize("kinds", [(), LIFE[:1], LIFE[:3], LIFE[:5], (*LIFE, "case.reopened")])
async def test_words_and_photos_are_added_to_an_open_report_once_for_each_key(
    intake: Intake, kafka: str, kinds: tuple[str, ...]
) -> None:
    report_id = await ended(intake, kafka, *kinds) if kinds else report(intake)
    once = key()
    with intake.client() as app:
        sent = app.post("/v1/media", content=photo(9), headers={"Content-Type": "image/jpeg"}).json()
        words = ADDITION | {"media": [sent["media_id"]]}
        if (*LIFE, "case.reopened") == kinds:  # until the model has come so far it is not known to be open again
            until(lambda: app.get(f"/v1/reports/{report_id}").json()["state"], "filed")
        answers = [patiently(app, f"/v1/reports/{report_id}/additions", words, once) for _ in range(2)]
        other = app.post(f"/v1/reports/{report_id}/additions", json={"text": "别的"}, headers=once)
    (record,) = await said(kafka, report_id)
    fact = json.loads(record.value)

    assert ([202, 202], 422) == ([answer.status_code for answer in answers], other.status_code)
    assert (b"report.supplemented", "洞口更大了，打138****1234", [sent["media_id"]], ["personal_data"]) == (
        kind_of(record), fact["text"], [one["media_id"] for one in fact["media"]],
        [finding["code"] for finding in fact["findings"]],
    )  # fmt: skip


@pytest.mark.parametrize("kinds", [LIFE, ("case.opened", "case.declined"), ("case.opened", "case.voided")])
async def test_nothing_is_added_to_a_report_that_has_its_result_or_is_anothers(
    intake: Intake, kafka: str, kinds: tuple[str, ...]
) -> None:
    report_id = await ended(intake, kafka, *kinds)
    with intake.client() as app, intake.client("app2") as stranger:
        until(lambda: bool(app.get(f"/v1/reports/{report_id}").json()["reply"]), True)
        late = patiently(app, f"/v1/reports/{report_id}/additions", ADDITION, key())
        foreign = stranger.post(f"/v1/reports/{report_id}/additions", json=ADDITION, headers=key())
        empty = app.post(f"/v1/reports/{report_id}/additions", json={}, headers=key())

    assert [(409, "report_closed"), (404, "report_unknown"), (422, "unfit_feedback")] == [
        (answer.status_code, answer.json()["reason"]) for answer in (late, foreign, empty)
    ]
    assert [] == await said(kafka, report_id)


async def test_each_report_and_each_call_has_keys_of_its_own(intake: Intake, kafka: str) -> None:
    reports, same = [await ended(intake, kafka) for _ in range(2)], key()
    with intake.client() as app:
        answers = [
            app.post(f"/v1/reports/{report_id}/{call}", json=words, headers=same)
            for report_id in reports
            for call, words in CALLS.items()
        ]
        of_a_report = app.post("/v1/reports", json=body(), headers=same)
    records = [record for report_id in reports for record in await said(kafka, report_id)]

    assert [202] * 5 == [answer.status_code for answer in (*answers, of_a_report)]
    assert (4, 4) == (len(records), len({dict(record.headers)["ce_id"] for record in records}))


@pytest.fixture
def without_kafka(intake: Intake) -> Iterator[Intake]:
    one = intake.beside(KAFKA_BOOTSTRAP=NOWHERE, PUBLISH_SECONDS="1")
    one.start(ready=False)
    yield one
    one.end()


@pytest.mark.parametrize("call", CALLS)
async def test_what_is_not_durable_is_not_taken(intake: Intake, without_kafka: Intake, kafka: str, call: str) -> None:
    report_id, again = await ended(intake, kafka), key()
    path = f"/v1/reports/{report_id}"
    with intake.client() as app, without_kafka.client() as elsewhere:
        state = until(lambda: app.get(path).json()["state"], "closed")
        began = time.monotonic()
        away = elsewhere.post(f"{path}/{call}", json=CALLS[call], headers=again)
        took = time.monotonic() - began
        unknown = elsewhere.post(f"/v1/reports/{uuid.uuid4()}/{call}", json=CALLS[call], headers=key())
        taken = app.post(f"{path}/{call}", json=CALLS[call], headers=again)

    assert ("closed", (503, "not_durable", True), True) == (state, problem(away), took < 5)
    assert (503, "kafka_away", True) == problem(unknown)
    assert (202, 1) == (taken.status_code, len(await said(kafka, report_id)))


async def test_without_kafka_a_foreign_report_is_answered_like_an_unknown_one(
    intake: Intake, without_kafka: Intake, kafka: str
) -> None:
    foreign = await ended(intake, kafka)
    with intake.client() as owner, without_kafka.client("app2") as other:
        until(lambda: owner.get(f"/v1/reports/{foreign}").json()["state"], "closed")
        answers = {
            name: [
                other.get(f"/v1/reports/{name}"),
                *[other.post(f"/v1/reports/{name}/{call}", json=CALLS[call], headers=key()) for call in CALLS],
            ]
            for name in (foreign, uuid.uuid4())
        }
    of_foreign, of_unknown = ([(one.status_code, one.content) for one in told] for told in answers.values())

    assert of_foreign == of_unknown
    assert [(503, "kafka_away", True)] * 3 == [problem(one) for one in answers[foreign]]


async def test_no_is_not_said_while_the_result_may_be_under_way(
    intake: Intake, without_kafka: Intake, kafka: str
) -> None:
    report_id = await ended(intake, kafka, *LIFE[:3])
    with intake.client() as app, without_kafka.client() as elsewhere:
        state = until(lambda: app.get(f"/v1/reports/{report_id}").json()["state"], "dispatched")
        answer = elsewhere.post(f"/v1/reports/{report_id}/dispute", json=DISPUTE, headers=key())

    assert ("dispatched", (503, "kafka_away", True)) == (state, problem(answer))


async def test_a_result_that_was_just_published_can_be_disputed_at_once(intake: Intake, kafka: str) -> None:
    reports = [report(intake) for _ in range(3)]
    answers = []
    with intake.client() as app:
        for report_id in reports:
            await tell_cases(kafka, *case_of(uuid.UUID(report_id), *LIFE, at=datetime.now(UTC)))
            answers.append(app.post(f"/v1/reports/{report_id}/dispute", json=DISPUTE, headers=key()))

    assert [202] * 3 == [answer.status_code for answer in answers]


def test_a_report_and_what_is_said_of_it_may_follow_at_once(intake: Intake) -> None:
    again = key()
    report_id = report_id_of("demo-app", again["Idempotency-Key"])
    with intake.client() as app:
        app.post("/v1/reports", json=body(), headers=again)
        answer = app.post(f"/v1/reports/{report_id}/rating", json=RATING, headers=key())

    assert (409, "not_closed") == (answer.status_code, answer.json()["reason"])


@pytest.mark.parametrize(("call", "fields"), [("dispute", {"text", "media"}), ("rating", {"stars", "text"})])
def test_the_call_is_documented_with_its_body_and_key(intake: Intake, call: str, fields: set[str]) -> None:
    with intake.client(None) as anyone:
        page = anyone.get("/openapi.json").json()["paths"][f"/v1/reports/{{report_id}}/{call}"]["post"]
    schema = page["requestBody"]["content"]["application/json"]["schema"]

    assert {"report_id", "Idempotency-Key"} == {parameter["name"] for parameter in page["parameters"]}
    assert (fields, True) == (set(schema["properties"]), "202" in page["responses"])


# From here on other processes come and go that read the same topics: until the partitions are dealt out anew, a call
# may be told to come again.


async def test_a_retry_is_the_same_event_even_when_the_case_lives_again(intake: Intake, kafka: str) -> None:
    report_id, again = await ended(intake, kafka), key()
    path, neighbour = f"/v1/reports/{report_id}", intake.beside()  # which takes its share of the partitions
    neighbour.start()
    try:
        with intake.client() as app, neighbour.client() as elsewhere:
            first = patiently(app, f"{path}/dispute", DISPUTE, again)
            await tell_cases(kafka, *case_of(uuid.UUID(report_id), *LIFE, "case.reopened"))
            state = until(lambda: app.get(path).json()["state"], "filed")
            # The neighbour has it from the read model alone.
            retries = [patiently(client, f"{path}/dispute", DISPUTE, again) for client in (app, elsewhere)]
            others = [patiently(client, f"{path}/dispute", {"text": "别的话"}, again) for client in (app, elsewhere)]
            fresh = patiently(app, f"{path}/dispute", DISPUTE, key())
    finally:
        neighbour.end()

    assert ("filed", [202] * 3, [first.json()] * 2) == (
        state, [one.status_code for one in (first, *retries)], [one.json() for one in retries],
    )  # fmt: skip
    assert [(422, {("Idempotency-Key", "idempotency_key_reused")})] * 2 == [
        (one.status_code, reasons(one)) for one in others
    ]
    assert (409, "not_closed") == (fresh.status_code, fresh.json()["reason"])
    assert [b"report.disputed"] == [kind_of(record) for record in await said(kafka, report_id)]


@pytest.fixture
def later(intake: Intake, tmp_path: Path) -> Iterator[Intake]:
    """Intake when time has passed and the pack has changed: photos expire and disputes are late sooner, and a category
    is gone."""
    pack = tmp_path / "pack"
    shutil.copytree(intake.environ["INTAKE_CITY_PATH"], pack)
    policy, components = pack / "policy.csv", pack / "components.csv"
    text = policy.read_text("utf-8").replace("receipt_hours,24", "receipt_hours,1")
    policy.write_text(text.replace("dispute_window_days,7", "dispute_window_days,1"), "utf-8")
    lines = components.read_text("utf-8").splitlines(keepends=True)
    components.write_text("".join(line for line in lines if not line.startswith("C0119,")), "utf-8")
    one = intake.beside(CITY_PATH=str(pack))
    one.start()
    yield one
    one.end()


async def test_what_was_taken_is_answered_the_same_whatever_time_and_pack_have_changed(
    intake: Intake, later: Intake, kafka: str
) -> None:
    receipt_key = bytes.fromhex(intake.environ["INTAKE_RECEIPT_KEY"])
    old, fresh, other = (
        sign(receipt_key, "demo-app", sha * 32, datetime.now(UTC) - timedelta(hours=hours))
        for sha, hours in (("ab", 2), ("ab", 0), ("cd", 0))
    )
    dispute = f"/v1/reports/{await ended(intake, kafka, age=timedelta(days=2))}/dispute"
    requests = {
        "/v1/reports": body(category="C0119", media=[old]),
        dispute: {"text": "井盖还是松的", "media": [old]},
    }
    with intake.client() as app, later.client() as client:
        for path, words in requests.items():
            again, elsewhere = key(), key()
            first = patiently(app, path, words, again)
            repeated = [
                patiently(who, path, words | {"media": [media_id]}, again)
                for who in (client, app)
                for media_id in (old, fresh)
            ]
            reused = [patiently(who, path, words | {"media": [other]}, again) for who in (client, app)]
            refused = patiently(client, path, words, elsewhere)

            assert [(202, first.content)] * 4 == [(one.status_code, one.content) for one in repeated]
            assert [(422, {("Idempotency-Key", "idempotency_key_reused")})] * 2 == [
                (one.status_code, reasons(one)) for one in reused
            ]
            assert (422, "media_expired") == (refused.status_code, refused.json()["errors"][-1]["reason"])


@pytest.fixture
def without_postgres(intake: Intake) -> Iterator[Intake]:
    """It takes its share of the partitions and cannot keep what it reads: no test may go on beside it."""
    one = intake.beside(DATABASE_URL=f"postgresql://intake@{NOWHERE}/none")
    one.start(ready=False)
    yield one
    one.end()


def test_without_the_read_model_nobody_can_say(without_postgres: Intake) -> None:
    path = f"/v1/reports/{uuid.uuid4()}"
    with without_postgres.client() as app:
        answers = [app.post(f"{path}/{call}", json=words, headers=key()) for call, words in CALLS.items()]

    assert [(503, "database_away", True)] * 2 == [problem(answer) for answer in answers]


def test_what_was_answered_202_is_there_after_kill_minus_nine(intake: Intake) -> None:
    with intake.client() as app:
        taken = [app.post("/v1/reports", json=body(), headers=key()).json()["tracking"] for _ in range(50)]
        intake.end(signal.SIGKILL)
        intake.start()

        assert [200] * 50 == [until(lambda p=p: app.get(p).status_code, 200) for p in taken]
