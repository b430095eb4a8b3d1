"""What an app or a platform arranges by HTTP: endpoints, how its notices stand, and their replay; its own alone."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.notifier.http import MOST_ENDPOINTS
from tests.notifier.conftest import (
    CENTRE,
    FENHE,
    JINYANG,
    OPS,
    PLATFORM,
    TUESDAY_1000,
    Notifier,
    Receiver,
    Story,
    at_work,
    listening,
    report,
    says,
    until,
    utc,
)

HERE, ELSEWHERE = "http://127.0.0.1:9/a", "http://127.0.0.1:9/b"
CALLS = [
    ("GET", "/v1/endpoints"), ("PUT", "/v1/endpoints/main"), ("GET", "/v1/endpoints/main"),
    ("DELETE", "/v1/endpoints/main"), ("POST", "/v1/endpoints/main/test"), ("POST", "/v1/endpoints/main/rotate"),
    ("GET", "/v1/notices"), ("POST", "/v1/notices/replay?since=2026-11-24T00:00:00Z"),
]  # fmt: skip


async def owing(notifier: Notifier, *numbers: int) -> None:
    """Cases that each owe a callback (and a feed entry) about filing and closing."""
    await notifier.tell(*(report(n) for n in numbers))
    for story in (Story(report(n)) for n in numbers):
        await notifier.tell(story.opened(), story.filed(), story.closed())


async def delivered(notifier: Notifier, channel: str = "callback:main") -> list[Any]:
    return [n for n in await notifier.notices(channel) if n["state"] == "delivered"]


async def test_an_endpoint_tells_its_secret_when_it_is_made_and_never_again(notifier: Notifier) -> None:
    made = await notifier.call("PUT", "/v1/endpoints/main", json={"url": HERE})
    again = await notifier.call("PUT", "/v1/endpoints/main", json={"url": ELSEWHERE})
    shown = await notifier.call("GET", "/v1/endpoints/main")
    listed = await notifier.call("GET", "/v1/endpoints")

    assert (201, 200, 200) == (made.status_code, again.status_code, shown.status_code)
    assert made.json()["secret"].startswith("whsec_")
    assert {
        "name": "main", "url": ELSEWHERE, "state": "enabled", "made_at": utc(TUESDAY_1000).replace("Z", "+00:00"),
        "delivered_at": None, "failing_since": None, "disabled_at": None, "disabled_why": None, "secrets": 1,
    } == shown.json() == again.json() == listed.json()["items"][0]  # fmt: skip


async def test_a_url_that_changes_keeps_the_secret(notifier: Notifier) -> None:
    receiver = Receiver(says(204))
    secret = await notifier.register(HERE)
    notifier.clock.set_right()
    async with listening(receiver) as url:
        await notifier.call("PUT", "/v1/endpoints/main", json={"url": url})
        await notifier.call("POST", "/v1/endpoints/main/test")
    (heard,) = receiver.heard

    assert "endpoint.test" == Webhook(secret).verify(heard.body, heard.headers)["event"]


async def test_an_endpoint_that_is_put_again_is_enabled_again(notifier: Notifier) -> None:
    await notifier.register(HERE)
    await notifier.database.execute(
        "update notifier.endpoints set disabled_at = now(), disabled_why = 'gone', failing_since = now()"
    )
    disabled = await notifier.endpoint()
    await notifier.call("PUT", "/v1/endpoints/main", json={"url": HERE})
    enabled = await notifier.endpoint()

    assert ("disabled", "gone") == (disabled["state"], disabled["disabled_why"])
    assert ("enabled", None, None, None) == (
        enabled["state"], enabled["disabled_why"], enabled["disabled_at"], enabled["failing_since"],
    )  # fmt: skip


async def test_a_forgotten_endpoint_is_unknown_and_what_waited_for_it_is_gone(notifier: Notifier) -> None:
    await notifier.register(HERE)
    await owing(notifier, 1)
    gone = await notifier.call("DELETE", "/v1/endpoints/main")
    again = await notifier.call("DELETE", "/v1/endpoints/main")
    told = [(kind, body["seq"], body["outcome"]) for kind, body in await notifier.announced()]

    assert (204, b"", 404) == (gone.status_code, gone.content, again.status_code)
    assert [("gone", "endpoint_removed")] * 2 == [
        (n["state"], n["detail"]) for n in await notifier.notices("callback:main")
    ]
    assert [("notice.gave_up", 2, "gone"), ("notice.gave_up", 3, "gone")] == told


async def test_a_test_is_signed_sent_at_once_and_recorded_nowhere(notifier: Notifier) -> None:
    receiver = Receiver(says(503))
    notifier.clock.set_right()
    async with listening(receiver) as url:
        secret = await notifier.register(url)
        before = await notifier.everything()
        answer = (await notifier.call("POST", "/v1/endpoints/main/test")).json()
    (heard,) = receiver.heard

    assert ("unavailable", "503", heard.headers["webhook-id"]) == (
        answer["outcome"], answer["detail"], answer["notice_id"],
    )  # fmt: skip
    assert "endpoint.test" == Webhook(secret).verify(heard.body, heard.headers)["event"]
    assert before == await notifier.everything()


async def test_after_a_rotation_both_secrets_sign_for_a_day_and_then_the_new_one_alone(notifier: Notifier) -> None:
    receiver = Receiver(says(204))
    notifier.clock.set_right()
    notifier.clock.at -= timedelta(hours=24)
    async with listening(receiver) as url:
        old = await notifier.register(url)
        new = (await notifier.call("POST", "/v1/endpoints/main/rotate")).json()
        two = (await notifier.endpoint())["secrets"]
        notifier.clock.at += timedelta(hours=24) - timedelta(seconds=1)
        await notifier.call("POST", "/v1/endpoints/main/test")
        notifier.clock.at += timedelta(seconds=1)
        await notifier.call("POST", "/v1/endpoints/main/test")
    during, after = receiver.heard

    assert (2, 2, 1) == (new["secrets"], two, (await notifier.endpoint())["secrets"])
    assert new["secret"] != old
    for secret, heard in ((old, during), (new["secret"], during), (new["secret"], after)):
        assert Webhook(secret).verify(heard.body, heard.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(after.body, after.headers)


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_every_call_needs_the_key_of_an_app_or_a_platform(notifier: Notifier, method: str, path: str) -> None:
    answers = [await notifier.call(method, path, key, json={"url": HERE}) for key in (CENTRE, OPS, "ssp_app_nobody")]
    keyless = await notifier.http.request(method, path, json={"url": HERE})
    fit = [await notifier.call(method, path, key, json={"url": HERE}) for key in (JINYANG, PLATFORM)]

    assert [
        (403, "key_not_for_this"), (403, "key_not_for_this"), (401, "key_wrong"), (401, "key_missing"),
    ] == [(r.status_code, r.json()["reason"]) for r in (*answers, keyless)]  # fmt: skip
    assert {200, 201, 202, 404} >= {r.status_code for r in fit}


async def test_a_foreign_endpoint_and_one_that_does_not_exist_look_alike(notifier: Notifier) -> None:
    await notifier.register(HERE)
    calls = [("GET", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate")]
    foreign = [await notifier.call(method, f"/v1/endpoints/main{path}", FENHE) for method, path in calls]
    nowhere = [await notifier.call(method, f"/v1/endpoints/none{path}", FENHE) for method, path in calls]
    odd = [await notifier.call(method, f"/v1/endpoints/a%00b%FF{path}", FENHE) for method, path in calls]

    assert [(404, "endpoint_unknown")] * 12 == [(r.status_code, r.json()["reason"]) for r in (*foreign, *nowhere, *odd)]
    assert 1 == len({r.content for r in (*foreign, *nowhere, *odd)})
    assert [] == (await notifier.call("GET", "/v1/endpoints", FENHE)).json()["items"]
    assert HERE == (await notifier.endpoint())["url"]


async def test_two_clients_may_use_one_name_and_neither_touches_the_others(notifier: Notifier) -> None:
    for key, url in ((JINYANG, HERE), (FENHE, ELSEWHERE), (PLATFORM, HERE)):
        await notifier.register(url, key=key)
    await notifier.call("DELETE", "/v1/endpoints/main", FENHE)

    assert (HERE, HERE) == ((await notifier.endpoint())["url"], (await notifier.endpoint(key=PLATFORM))["url"])


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "url", "url_missing"), ([], "url", "url_missing"), ({"url": None}, "url", "url_missing"),
        ({"url": 5}, "url", "url_missing"), ({"url": HERE, "secret": "mine"}, "secret", "field_unknown"),
        ({"url": HERE, "state": "enabled", "client": "fenhe"}, "client", "field_unknown"),
        ({"url": "http://example.com/"}, "url", "scheme_not_https"),
        ({"url": "https://10.0.0.1/"}, "url", "address_barred"), ({"url": ""}, "url", "url_unfit"),
        ({"url": "https://a@example.com/"}, "url", "url_userinfo"),
        ({"url": "https://example.com:81/"}, "url", "port_barred"), ({"url": "https://0x7f.1/"}, "url", "host_unfit"),
    ],
)  # fmt: skip
async def test_an_unfit_endpoint_is_refused_by_field_and_reason(
    notifier: Notifier, body: Any, field: str, reason: str
) -> None:
    answer = await notifier.call("PUT", "/v1/endpoints/main", json=body)

    assert (422, reason, [(field, reason)]) == (
        answer.status_code, answer.json()["reason"],
        [(e["field"], e["reason"]) for e in answer.json()["errors"]],
    )  # fmt: skip
    assert [] == (await notifier.call("GET", "/v1/endpoints")).json()["items"]


@pytest.mark.parametrize("name", ["Main", "-a", "a" * 33, "a_b", "%E6%98%AF", "a%20b", "a%00"])
async def test_an_unfit_name_is_refused(notifier: Notifier, name: str) -> None:
    answer = await notifier.call("PUT", f"/v1/endpoints/{name}", json={"url": HERE})

    assert (422, [("name", "name_unfit")]) == (
        answer.status_code, [(e["field"], e["reason"]) for e in answer.json()["errors"]],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"{", "application/json", (400, "body_not_json")), (b"{}", "text/plain", (415, "content_type")),
        (b'{"url":"%b"}' % (b"a" * 5000), "application/json", (413, "body_too_large")),
        (b'{"url":"a","url":"b"}', "application/json", (400, "duplicate_key")),
    ],
)  # fmt: skip
async def test_a_body_that_is_no_json_object_of_fit_size_is_refused(
    notifier: Notifier, content: bytes, kind: str, told: tuple[int, str]
) -> None:
    answer = await notifier.call("PUT", "/v1/endpoints/main", content=content, headers={"Content-Type": kind})

    assert told == (answer.status_code, answer.json()["reason"])


async def test_there_is_room_for_a_few_endpoints_and_a_known_one_may_always_change(notifier: Notifier) -> None:
    for number in range(MOST_ENDPOINTS):
        await notifier.register(HERE, f"e{number}")
    refused = await notifier.call("PUT", "/v1/endpoints/more", json={"url": HERE})
    changed = await notifier.call("PUT", "/v1/endpoints/e0", json={"url": ELSEWHERE})

    assert (409, "too_many_endpoints", 200) == (refused.status_code, refused.json()["reason"], changed.status_code)
    await notifier.register(HERE, "first", FENHE)


async def test_many_who_register_at_once_get_no_more_room(notifier: Notifier) -> None:
    answers = await asyncio.gather(
        *(notifier.call("PUT", f"/v1/endpoints/e{n}", json={"url": HERE}) for n in range(3 * MOST_ENDPOINTS))
    )
    listed = (await notifier.call("GET", "/v1/endpoints")).json()["items"]

    assert {201: MOST_ENDPOINTS, 409: 2 * MOST_ENDPOINTS} == {
        status: [a.status_code for a in answers].count(status) for status in {a.status_code for a in answers}
    }
    assert MOST_ENDPOINTS == len(listed)


async def test_notices_are_listed_by_state_and_report_and_page(notifier: Notifier) -> None:
    await notifier.register(HERE)
    await owing(notifier, 1, 2)
    seen: list[Any] = []
    after = "0"
    while after:
        page = (await notifier.call("GET", f"/v1/notices?limit=3&after={after}")).json()
        seen, after = seen + page["items"], page["next"]
    due = (await notifier.call("GET", "/v1/notices?state=due")).json()["items"]
    one = (await notifier.call("GET", f"/v1/notices?report_id={report(1).report_id}&state=delivered")).json()["items"]

    assert [("feed", "delivered"), ("callback:main", "due")] * 4 == [(n["channel"], n["state"]) for n in seen]
    assert 8 == len({n["notice_id"] for n in seen})
    assert ([n for n in seen if n["state"] == "due"], 4) == (due, len(due))
    assert [(str(report(1).report_id), "feed")] * 2 == [(n["report_id"], n["channel"]) for n in one]


async def test_the_dedup_key_is_one_for_each_event_and_citizen_whatever_the_channel(notifier: Notifier) -> None:
    for name in ("main", "spare"):
        await notifier.register(HERE, name)
    story, beside = Story(report(1)), report(2)
    await notifier.tell(report(1), beside)
    await notifier.tell(story.opened(), story.joined(beside), story.filed())
    items = (await notifier.call("GET", "/v1/notices?limit=500")).json()["items"]
    entries = await notifier.feed(3)
    channels: dict[str, set[str]] = {}
    for item in items:
        channels.setdefault(item["dedup_key"], set()).add(item["channel"])
    told = {(item["dedup_key"], item["seq"], item["report_id"]) for item in items}

    assert [{"feed", "callback:main", "callback:spare"}] * 3 == list(channels.values())
    assert 3 == len(told) == len(channels)
    assert set(channels) == {entry["dedup_key"] for entry in entries}
    assert 9 == len({item["notice_id"] for item in items})


async def test_a_foreign_client_sees_no_notices(notifier: Notifier) -> None:
    await notifier.register(HERE)
    await owing(notifier, 1)
    mine = (await notifier.call("GET", "/v1/notices")).json()["items"]

    assert 4 == len(mine)
    for key in (FENHE, PLATFORM):
        answer = await notifier.call("GET", f"/v1/notices?report_id={report(1).report_id}", key)
        assert [] == answer.json()["items"]


async def test_a_platform_is_not_told_whose_report_it_is(notifier: Notifier) -> None:
    await notifier.register(HERE, key=PLATFORM)
    story = Story(report(1))
    await notifier.tell(report(1))
    await notifier.tell(story.opened(), story.filed(), story.dispatched())
    (notice,) = await notifier.notices("callback:main", PLATFORM)

    assert ("case.dispatched", None) == (notice["event"], notice["reporter_ref"])


@pytest.mark.parametrize(
    ("method", "path", "field", "reason"),
    [
        ("GET", "/v1/notices?state=lost", "state", "state_unfit"),
        ("GET", "/v1/notices?state=", "state", "state_unfit"),
        ("GET", "/v1/notices?report_id=7", "report_id", "report_id_unfit"),
        ("GET", "/v1/notices?report_id=a%00", "report_id", "report_id_unfit"),
        ("GET", "/v1/notices?limit=501", "limit", "number_unfit"),
        ("GET", "/v1/notices?after=x", "after", "number_unfit"),
        ("POST", "/v1/notices/replay", "since", "instant_unfit"),
        ("POST", "/v1/notices/replay?since=yesterday", "since", "instant_unfit"),
        ("POST", "/v1/notices/replay?since=2026-11-24T10:00:00", "since", "instant_unfit"),
        ("POST", "/v1/notices/replay?since=2026-13-24T10:00:00Z", "since", "instant_unfit"),
        ("POST", "/v1/notices/replay?since=0001-01-01T00:00:00%2B14:00", "since", "instant_unfit"),
        ("POST", "/v1/notices/replay?since=9999-12-31T23:59:59-14:00", "since", "instant_unfit"),
        ("POST", "/v1/notices/replay?since=2026-11-24T10:00:00Z&what=most", "what", "what_unfit"),
    ],
)  # fmt: skip
async def test_an_unfit_query_is_refused_by_field_and_reason(
    notifier: Notifier, method: str, path: str, field: str, reason: str
) -> None:
    answer = await notifier.call(method, path)

    assert (400, [(field, reason)]) == (
        answer.status_code, [(e["field"], e["reason"]) for e in answer.json()["errors"]],
    )  # fmt: skip


@pytest.mark.parametrize("since", ["2026-11-24T10:00:00%2B08:00", "2026-11-24T10:00:00+08:00", "2026-11-24T02:00:00Z"])
async def test_an_instant_is_read_with_a_bare_plus_too(notifier: Notifier, since: str) -> None:
    answer = await notifier.call("POST", f"/v1/notices/replay?since={since}")

    assert (202, {"notices": 0}) == (answer.status_code, answer.json())


async def test_a_replay_sends_what_never_arrived_again_under_its_id_and_nothing_else(notifier: Notifier) -> None:
    receiver = Receiver(says(410))
    async with listening(receiver) as url:
        await notifier.register(url)
        await owing(notifier, 1)
        async with at_work(notifier) as rounds:
            await until(notifier.endpoint, lambda e: e["state"] == "disabled")
            while_disabled = await notifier.call("POST", f"/v1/notices/replay?since={utc(TUESDAY_1000)}")
            receiver.answer = says(204)
            await notifier.call("PUT", "/v1/endpoints/main", json={"url": url})
            late = await notifier.call("POST", "/v1/notices/replay?since=2026-11-24T02:00:01Z")
            foreign = await notifier.call("POST", f"/v1/notices/replay?since={utc(TUESDAY_1000)}", FENHE)
            again = await notifier.call("POST", f"/v1/notices/replay?since={utc(TUESDAY_1000)}")
            rounds.wake()
            done = await until(lambda: delivered(notifier), lambda found: len(found) == 2)
            nothing = await notifier.call("POST", f"/v1/notices/replay?since={utc(TUESDAY_1000)}")
            everything = await notifier.call("POST", f"/v1/notices/replay?since={utc(TUESDAY_1000)}&what=all")
            rounds.wake()
            await until(receiver.count, lambda count: count == 5)

    assert [0, 0, 0, 2, 0, 2] == [
        r.json()["notices"] for r in (while_disabled, late, foreign, again, nothing, everything)
    ]
    assert [2, 1] == [n["attempts"] for n in done]
    assert [2, 2, 3, 2, 3] == [heard.notice["seq"] for heard in receiver.heard]
    assert {n["notice_id"] for n in done} == {heard.headers["webhook-id"] for heard in receiver.heard}


async def test_the_pages_that_document_the_notifier_open(notifier: Notifier) -> None:
    pages = [await notifier.http.get(path) for path in ("/docs", "/openapi.json", "/metrics", "/livez", "/readyz")]

    assert [200] * 5 == [page.status_code for page in pages]
