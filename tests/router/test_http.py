"""What platforms and the centre do by HTTP, on a real ledger; the application is called in process."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chassis import receipts
from chassis.http.health import Health
from chassis.kafka.producer import broker_of
from schemas.ids import case_id_of
from services.router import ledger_reads
from services.router.act import Door
from services.router.app import application
from services.router.consumers import on_batch, read
from tests.router.conftest import RECEIPT_KEY, hour, record_of, report

DRAINS, ROADS, YINGZE = "ssp_platform_P016", "ssp_platform_P015", "ssp_platform_P002"
STRANGER, CENTRE, APP = "ssp_platform_P060", "ssp_centre_one", "ssp_app_one"
CASE = str(case_id_of(report(1).report_id))


class Caller:
    """Posts and gets as the holder of a key."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, key: str, path: str, body: Any, idempotency: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": idempotency or f"{path} {body}"[:255]}
        return await self.http.post(
            path, json=body, headers={n: v.encode("ascii", "replace").decode() for n, v in headers.items()}
        )

    async def act(self, key: str, act: str, idempotency: str | None = None, **body: Any) -> httpx.Response:
        return await self.post(key, f"/v1/cases/{CASE}/{act}", body, idempotency)

    async def get(self, key: str, path: str) -> Any:
        return await self.http.get(path, headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
async def call(door: Door) -> AsyncIterator[Caller]:
    app = application(door, broker_of("localhost:1", "test"), Health(asyncio.Event()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://router") as http:
        yield Caller(http)


async def reported(door: Door, *numbers: int, **changes: Any) -> None:
    pairs = [(record, read(record)) for record in (record_of(report(n, **changes), n) for n in numbers)]
    async with door.database.transaction() as connection:
        await on_batch(connection, door, pairs)


def photo(door: Door, holder: str = "P016", content: str = "ab", age: timedelta = timedelta(0)) -> str:
    return receipts.sign(RECEIPT_KEY, holder, content * 32, door.now() - age)


async def test_a_platform_sees_accepts_and_handles_its_case_and_the_citizen_gets_its_words(
    door: Door, call: Caller
) -> None:
    await reported(door, 1)
    listed = (await call.get(DRAINS, "/v1/platforms/me/cases")).json()["items"]
    accepted = await call.act(DRAINS, "accept", generation=1)
    handled = await call.act(DRAINS, "handle", generation=1, text="已更换井盖", media=[photo(door)])

    assert [(CASE, 1, "dispatched")] == [(i["case_id"], i["generation"], i["state"]) for i in listed]
    assert (200, "accepted") == (accepted.status_code, accepted.json()["state"])
    assert (200, "closed", "已更换井盖") == (
        handled.status_code, handled.json()["state"], handled.json()["reply"]["text"],
    )  # fmt: skip


async def test_the_same_key_gets_the_same_answer_and_another_body_under_it_is_refused(door: Door, call: Caller) -> None:
    await reported(door, 1)
    first = await call.act(DRAINS, "accept", "once", generation=1)
    again = await call.act(DRAINS, "accept", "once", generation=1)
    other = await call.act(DRAINS, "return", "once", generation=1, reason="not_ours", note="不在管辖范围")
    lines = (await call.get(CENTRE, f"/v1/cases/{CASE}")).json()["history"]

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["reason"])
    assert ["case.opened", "case.filed", "case.dispatched", "case.accepted"] == [line["event"] for line in lines]


async def test_an_act_of_an_older_generation_changes_nothing_and_is_remembered(door: Door, call: Caller) -> None:
    await reported(door, 1)
    await call.act(DRAINS, "return", generation=1, reason="not_ours", note="雨水井")
    late = await call.act(DRAINS, "accept", generation=1)
    case = (await call.get(CENTRE, f"/v1/cases/{CASE}")).json()

    assert (409, "older_generation", 2) == (late.status_code, late.json()["reason"], late.json()["generation"])
    assert ("P015", "dispatched") == (case["platform"]["code"], case["state"])
    assert ("refused", "platform:P016", "older_generation") == (
        case["history"][-1]["event"], case["history"][-1]["by"], case["history"][-1]["body"]["reason"],
    )  # fmt: skip


async def test_an_act_out_of_turn_is_refused_by_the_name_of_the_state(door: Door, call: Caller) -> None:
    await reported(door, 1)
    await call.act(DRAINS, "accept", "a", generation=1)
    twice = await call.act(DRAINS, "accept", "b", generation=1)

    assert (409, "not_while_accepted") == (twice.status_code, twice.json()["reason"])


async def test_another_platforms_case_and_one_that_does_not_exist_look_alike(door: Door, call: Caller) -> None:
    await reported(door, 1)
    foreign = await call.act(STRANGER, "accept", generation=1)
    nowhere = await call.post(STRANGER, f"/v1/cases/{case_id_of(report(77).report_id)}/accept", {"generation": 1})
    garbled = await call.post(STRANGER, "/v1/cases/42/accept", {"generation": 1})
    reading = await call.get(STRANGER, f"/v1/cases/{CASE}")

    assert [404] * 4 == [r.status_code for r in (foreign, nowhere, garbled, reading)]
    assert foreign.content == nowhere.content == garbled.content == reading.content


async def test_after_three_returns_the_centre_names_the_platform(door: Door, call: Caller) -> None:
    await reported(door, 1)
    for generation, key in enumerate((DRAINS, ROADS, YINGZE), 1):
        answer = await call.act(key, "return", generation=generation, reason="not_ours", note="不在管辖范围")
        assert answer.status_code == 200
    waiting = (await call.get(CENTRE, "/v1/review")).json()["items"]
    named = await call.act(CENTRE, "dispatch", platform="P013", generation=3)
    bounced = (await call.get(CENTRE, "/v1/returns")).json()["items"]

    assert [(CASE, "filed", "arbitration")] == [(i["case_id"], i["state"], i["waits_for"]) for i in waiting]
    assert (200, "P013", 4) == (named.status_code, named.json()["platform"]["code"], named.json()["generation"])
    assert {("R0289", "P016", 1), ("R0289", "P015", 1), ("R0289", "P002", 1)} == {
        (r["rule"], r["platform"], r["times"]) for r in bounced
    }


async def test_a_held_case_is_filed_by_the_centre_or_declined(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, category=None)
    unknown = await call.act(CENTRE, "file", category="C9999", generation=0)
    filed = await call.act(CENTRE, "file", category="C0102", generation=0)
    other = case_id_of(report(2).report_id)
    declined = await call.post(
        CENTRE, f"/v1/cases/{other}/decline", {"reason": "not_true", "reply": "未发现问题", "generation": 0}
    )

    assert (422, "category_unknown", "category") == (
        unknown.status_code, unknown.json()["reason"], unknown.json()["errors"][0]["field"],
    )  # fmt: skip
    assert ("dispatched", "1401062026112400001") == (filed.json()["state"], filed.json()["case_number"])
    assert ("declined", "未发现问题") == (declined.json()["state"], declined.json()["reply"]["text"])


async def test_a_suspicious_handling_waits_for_the_centre_which_sends_it_back_or_closes(
    door: Door, call: Caller
) -> None:
    await reported(door, 1)
    same = photo(door, content="cd")
    await call.act(DRAINS, "handle", generation=1, text="已处理", media=[same])
    case = await ledger_reads.one(door.database, case_id_of(report(1).report_id))
    assert case is not None
    assert case.state == "closed"
    await reported(door, 2, media=())
    other = case_id_of(report(2).report_id)
    missing = await call.post(DRAINS, f"/v1/cases/{other}/handle", {"generation": 1, "text": "已处理"})

    assert (422, "after_photo_missing") == (missing.status_code, missing.json()["reason"])


@pytest.mark.parametrize(
    ("holder", "age", "reason"),
    [("P015", timedelta(0), "media_not_yours"), ("P016", timedelta(hours=25), "media_too_old")],
)
async def test_a_photo_must_be_the_platforms_own_and_fresh(
    door: Door, call: Caller, holder: str, age: timedelta, reason: str
) -> None:
    await reported(door, 1)
    answer = await call.act(
        DRAINS, "handle", generation=1, text="已处理", media=[photo(door), photo(door, holder, age=age)]
    )

    assert (422, [("media[1]", reason)]) == (
        answer.status_code, [(e["field"], e["reason"]) for e in answer.json()["errors"]],
    )  # fmt: skip


async def test_a_forged_photo_is_named(door: Door, call: Caller) -> None:
    await reported(door, 1)
    answer = await call.act(DRAINS, "handle", generation=1, text="已处理", media=["x" * 80])

    assert [("media[0]", "media_unknown")] == [(e["field"], e["reason"]) for e in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "generation", "missing"), ({"generation": "1"}, "generation", "unfit"),
        ({"generation": 1, "platform": "P060"}, "platform", "unknown_field"),
        ({"generation": 0}, "generation", "unfit"), ([], "body", "unfit"),
    ],
)  # fmt: skip
async def test_an_unfit_body_is_refused_by_field_and_reason(
    door: Door, call: Caller, body: Any, field: str, reason: str
) -> None:
    await reported(door, 1)
    answer = await call.post(DRAINS, f"/v1/cases/{CASE}/accept", body)

    assert (422, [(field, reason)]) == (
        answer.status_code, [(e["field"], e["reason"]) for e in answer.json()["errors"]],
    )  # fmt: skip


async def test_keys_of_the_wrong_kind_and_missing_keys_are_refused(door: Door, call: Caller) -> None:
    await reported(door, 1)
    by_app = await call.act(APP, "accept", generation=1)
    by_centre = await call.act(CENTRE, "accept", generation=1)
    wrong = await call.act("ssp_platform_nobody", "accept", generation=1)
    keyless = await call.http.post(
        f"/v1/cases/{CASE}/accept", json={"generation": 1}, headers={"Authorization": f"Bearer {DRAINS}"}
    )

    assert [
        (403, "key_not_for_this"),
        (403, "key_not_for_this"),
        (401, "key_wrong"),
        (400, "idempotency_key_missing"),
    ] == [(r.status_code, r.json()["reason"]) for r in (by_app, by_centre, wrong, keyless)]


async def test_many_are_accepted_at_once_and_each_has_its_own_answer(door: Door, call: Caller) -> None:
    await reported(door, *range(5))
    items = [{"case_id": str(case_id_of(report(n).report_id)), "generation": 1} for n in range(5)]
    items[3]["generation"] = 9
    answer = await call.post(DRAINS, "/v1/platforms/me/accept", {"items": items})
    again = await call.post(DRAINS, "/v1/platforms/me/accept", {"items": items})

    assert [200, 200, 200, 409, 200] == [item["status"] for item in answer.json()["items"]]
    assert answer.content == again.content


async def test_the_cursor_of_a_worklist_goes_through_everything_once(door: Door, call: Caller) -> None:
    await reported(door, *range(7))
    seen: list[str] = []
    cursor = ""
    while page := (await call.get(DRAINS, f"/v1/platforms/me/cases?limit=3&cursor={cursor}")).json():
        cursor = page["next"]
        if not page["items"] and len(seen) >= 7:
            break
        seen += [item["case_id"] for item in page["items"]]

    assert sorted(str(case_id_of(report(n).report_id)) for n in range(7)) == sorted(seen)


async def test_a_waiting_platform_is_told_as_soon_as_it_is_given_a_case(door: Door, call: Caller) -> None:
    waiting = asyncio.create_task(call.get(DRAINS, "/v1/platforms/me/cases?wait=10"))
    while not door.waking._waiting:
        await asyncio.sleep(0.01)
    await reported(door, 1)
    door.waking.tell()
    answer = await asyncio.wait_for(waiting, 5)

    assert [CASE] == [item["case_id"] for item in answer.json()["items"]]


async def test_of_two_acts_that_race_one_is_refused(door: Door, call: Caller) -> None:
    await reported(door, 1)
    answers = await asyncio.gather(
        *(
            call.act(DRAINS, "return", f"race-{n}", generation=1, reason="not_ours", note="不在管辖范围")
            for n in range(6)
        ),
        call.act(DRAINS, "accept", "race-accept", generation=1),
    )
    case = (await call.get(CENTRE, f"/v1/cases/{CASE}")).json()
    dispatches = [line for line in case["history"] if line["event"] == "case.dispatched"]

    assert [200] == sorted(a.status_code for a in answers if a.request.url.path.endswith("return"))[:1]
    assert ([1, 2], 2) == ([line["body"]["generation"] for line in dispatches], case["generation"])


async def test_one_key_posted_many_times_at_once_acts_once(door: Door, call: Caller) -> None:
    await reported(door, 1)
    answers = await asyncio.gather(*(call.act(DRAINS, "accept", "same", generation=1) for _ in range(8)))

    assert {(200, answers[0].content)} == {(a.status_code, a.content) for a in answers}


async def test_a_case_explains_why_its_platform_was_chosen(door: Door, call: Caller) -> None:
    await reported(door, 1)
    choice = (await call.get(CENTRE, f"/v1/cases/{CASE}")).json()["choice"]

    inputs = {"category": "C0102", "district": "140106", "owner": None}
    assert ("R0289", door.city.version, inputs, [("P015", "further_down"), ("P002", "further_down")]) == (
        choice["rule"], choice["city_version"], choice["inputs"], [(c["code"], c["why"]) for c in choice["not_taken"]],
    )  # fmt: skip


async def test_a_deadline_is_shown_in_the_citys_time(door: Door, call: Caller) -> None:
    await reported(door, 1)
    item = (await call.get(DRAINS, "/v1/platforms/me/cases")).json()["items"][0]

    assert hour(door).at.replace(hour=12).isoformat() == item["deadline"]


async def test_the_pages_that_document_the_router_open(call: Caller) -> None:
    pages = [await call.http.get(path) for path in ("/docs", "/openapi.json", "/docs/asyncapi", "/metrics", "/livez")]

    assert [200] * 5 == [page.status_code for page in pages]
