"""The door over real HTTP: what is taken, what is refused and why, what a citizen sees afterwards."""

import asyncio
import io
import json
import signal
import struct
import time
import uuid
import zlib
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nacl.public import SealedBox
from PIL import Image

from chassis.kafka.envelope import headers_of
from schemas import cases as ev
from schemas.events import Named, Place
from schemas.ids import case_id_of, event_id_of, report_id_of
from tests.intake.conftest import Intake

WUYI = {"lon": 112.558851, "lat": 37.855804, "system": "GCJ-02", "address": "迎泽大街五一路口"}


def body(**changes: Any) -> dict[str, Any]:
    return {"text": "便道井盖缺失", "category": "C0102", "place": WUYI, "reporter": {"ref": "u-1"}} | changes


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid.uuid4().hex}


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


def reasons(answer: httpx.Response) -> set[tuple[str, str]]:
    return {(e["field"], e["reason"]) for e in answer.json()["errors"]}


async def published(kafka: str, report_id: str) -> list[Any]:
    consumer = AIOKafkaConsumer(
        "reports", bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found = []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                got = await consumer.getmany(partition, timeout_ms=1000)
                found += [r for records in got.values() for r in records if r.key == report_id.encode()]
        return found
    finally:
        await consumer.stop()


async def tell_cases(kafka: str, *events: ev.CaseEvent) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        for event in events:
            headers = headers_of(event_id_of(event.case_id, event.kind, event.seq), event.kind, "router", event.at)
            await producer.send_and_wait(
                "cases",
                event.model_dump_json().encode(),
                key=str(event.case_id).encode(),
                headers=[(name, value.encode()) for name, value in headers.items()],
            )


def case_of(report_id: uuid.UUID, *kinds: str) -> list[ev.CaseEvent]:
    shared = {"case_id": case_id_of(report_id), "at": "2026-11-24T08:00:00Z", "by": "router"}
    platform = Named(code="P031", name="太原公交集团二级平台")
    fields: dict[str, dict[str, Any]] = {
        "case.opened": {"report_id": report_id, "category": "C0102", "place": Place(), "text": "", "city_version": "x"},
        "case.filed": {"case_number": "1401062026112400001", "category": "C0102", "district": "140106"},
        "case.dispatched": {
            "generation": 1, "platform": platform, "rule": "R1", "candidates": ("P031",), "city_version": "x",
            "accept_by": "2026-11-24T10:00:00Z", "deadline": "2026-11-24T10:00:00Z",
        },
        "case.accepted": {"generation": 1, "platform": platform},
        "case.handled": {"generation": 1, "platform": platform, "text": "已补装井盖"},
        "case.closed": {"reply": "已补装井盖", "media": ("m1",)},
    }  # fmt: skip
    return [
        ev.KINDS[kind].model_validate({**shared, "seq": seq, **fields[kind]})  # type: ignore[misc]
        for seq, kind in enumerate(kinds, 1)
    ]


LIFE = ("case.opened", "case.filed", "case.dispatched", "case.accepted", "case.handled", "case.closed")


def until(answer: Any, wanted: Any, patience: float = 10) -> Any:
    deadline = time.monotonic() + patience
    while (got := answer()) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return got


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
    ({"text": "a\x07b"}, "text", "control_characters"),
    ({"text": "a\x00b"}, "text", "control_characters"),
    ({"text": "a\u202eb"}, "text", "bidi_characters"),
    ({"place": WUYI | {"address": "a\x1bb"}}, "place.address", "control_characters"),
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
    with intake.client() as app, intake.client("platform") as platform, intake.client("app2") as other:
        kept = app.post("/v1/media", content=jpeg((80, 40), exif), headers={"Content-Type": "image/jpeg"})
        media_id = kept.json()["media_id"]
        photo = platform.get(f"/v1/media/{media_id}")
        cited = app.post("/v1/reports", json=body(media=[media_id]), headers=key())
        foreign = other.post("/v1/reports", json=body(media=[media_id]), headers=key())
        twice = app.post("/v1/reports", json=body(media=[media_id, media_id]), headers=key())

    assert (201, 40, 80) == (kept.status_code, kept.json()["width"], kept.json()["height"])
    assert ((40, 80), {}) == ((opened := Image.open(io.BytesIO(photo.content))).size, dict(opened.getexif()))
    assert b"canary" not in photo.content
    assert ("image/jpeg", "nosniff") == (photo.headers["content-type"], photo.headers["x-content-type-options"])
    assert [202, 422, 422] == [a.status_code for a in (cited, foreign, twice)]
    assert ({("media.0", "media_not_yours")}, {("media.0", "media_twice")}) == (reasons(foreign), reasons(twice))


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


def test_what_was_answered_202_is_there_after_kill_minus_nine(intake: Intake) -> None:
    with intake.client() as app:
        taken = [app.post("/v1/reports", json=body(), headers=key()).json()["tracking"] for _ in range(50)]
        intake.end(signal.SIGKILL)
        intake.start()

        assert [200] * 50 == [until(lambda p=p: app.get(p).status_code, 200) for p in taken]
