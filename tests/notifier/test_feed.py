"""The feed: every entry once and in order, whatever commits late, by page or by waiting; nobody else's."""

import asyncio

import pytest

from schemas.ids import dedup_key_of
from services.notifier.http_feed import MOST_WAITING
from tests.foreign import foreign_transactions
from tests.notifier.conftest import (
    CENTRE,
    FENHE,
    OPS,
    PLATFORM,
    Notifier,
    Story,
    report,
    until,
)

FIRST, SECOND = report(1), report(2, "fenhe")


async def filed(notifier: Notifier, *numbers: int, app: str = "jinyang") -> None:
    await notifier.tell(*(report(n, app) for n in numbers))
    stories = [Story(report(n, app)) for n in numbers]
    await notifier.tell(*(event for story in stories for event in (story.opened(), story.filed())))


async def page(notifier: Notifier, after: str = "", limit: int = 100) -> tuple[list[str], str]:
    answer = (await notifier.call("GET", f"/v1/feed?after={after}&limit={limit}")).json()
    return [item["reporter_ref"] for item in answer["items"]], answer["next"]


async def whole(notifier: Notifier, limit: int) -> list[str]:
    """What a reader sees who goes on from `next` until nothing comes."""
    seen, after = await page(notifier, limit=limit)
    while (told := await page(notifier, after, limit))[0]:
        seen, after = seen + told[0], told[1]
    return seen


async def until_waiting(notifier: Notifier, readers: int, app: str = "jinyang") -> None:
    async def count() -> int:
        return notifier.reading._waiting[app]

    await until(count, lambda waiting: waiting == readers)


async def test_an_entry_tells_what_became_of_the_case(notifier: Notifier) -> None:
    story = Story(FIRST)
    await notifier.tell(FIRST)
    await notifier.tell(story.opened(), story.filed(), story.dispatched(), story.closed(media=("m1",)))
    first, last = await notifier.feed(2)

    assert (None, "已立案，案件编号 1401062026112400001。") == (first["reply"], first["text"]["zh"])
    assert {
        "notice_id": last["notice_id"], "report_id": str(FIRST.report_id), "reporter_ref": "u-1",
        "dedup_key": str(dedup_key_of(story.case_id, 4, f"report:{FIRST.report_id}")),
        "case_id": str(story.case_id), "event": "case.closed", "seq": 4, "at": "2026-11-24T02:04:00Z",
        "text": {"zh": "已结案：已更换井盖", "en": "Closed: 已更换井盖"},
        "reply": {"at": "2026-11-24T02:04:00Z", "text": "已更换井盖", "media": ["m1"], "outcome": "closed"},
    } == last  # fmt: skip
    assert first["notice_id"] != last["notice_id"]
    assert first["dedup_key"] != last["dedup_key"]


@pytest.mark.parametrize("limit", [1, 3, 7, 500])
async def test_the_cursor_goes_through_everything_once_and_in_order(notifier: Notifier, limit: int) -> None:
    for begin in range(0, 12, 4):
        await filed(notifier, *range(begin, begin + 4))
    await notifier.feed(12)

    assert [f"u-{n}" for n in range(12)] == await whole(notifier, limit)


async def test_next_stays_where_it_is_when_there_is_nothing_new(notifier: Notifier) -> None:
    await filed(notifier, 1)
    await notifier.feed(1)
    _, after = await page(notifier)

    assert ([], after) == await page(notifier, after)
    assert "" != after


@pytest.mark.parametrize("wrote_first", ["the older", "the newer"])
async def test_a_row_that_commits_late_is_never_behind_a_cursor_given_out(notifier: Notifier, wrote_first: str) -> None:
    await filed(notifier, 1)
    await notifier.tell(report(2))
    await notifier.feed(1)
    _, after = await page(notifier)
    story = Story(report(2))
    async with notifier.database.transaction() as older:
        await older.execute("select pg_current_xact_id()")
        if wrote_first == "the older":
            await notifier.tell_within(older, story.opened(), story.filed())
        await filed(notifier, 3)
        meanwhile = await page(notifier, after)
        if wrote_first == "the newer":
            await notifier.tell_within(older, story.opened(), story.filed())
    await notifier.feed(3)

    assert ([], after) == meanwhile
    assert ["u-2", "u-3"] == (await page(notifier, after))[0]
    assert ["u-1", "u-2", "u-3"] == await whole(notifier, 1)


async def test_the_feed_does_not_wait_for_a_transaction_that_writes_nothing_of_it(
    notifier: Notifier, database_url: str, postgres: str
) -> None:
    async with foreign_transactions(database_url, postgres):
        for n in (1, 2, 3):
            await filed(notifier, n)
            await notifier.feed(n)

    assert ["u-1", "u-2", "u-3"] == await whole(notifier, 1)


async def test_readers_during_many_writers_see_every_entry_once(notifier: Notifier) -> None:
    writers = asyncio.gather(*(filed(notifier, *range(begin, begin + 3)) for begin in range(0, 60, 3)))
    seen: list[str] = []
    after = ""
    while not writers.done() or len(seen) < 60:
        told, after = await page(notifier, after, 7)
        seen += told
        await asyncio.sleep(0)

    assert sorted(f"u-{n}" for n in range(60)) == sorted(seen)
    assert seen == await whole(notifier, 500)


async def test_a_waiting_reader_gets_what_is_written_meanwhile(notifier: Notifier) -> None:
    waiting = asyncio.create_task(notifier.call("GET", "/v1/feed?wait=30"))
    await until_waiting(notifier, 1)
    await filed(notifier, 1)
    notifier.bell.ring(["jinyang", "fenhe"])
    answer = await asyncio.wait_for(waiting, 10)

    assert ["u-1"] == [item["reporter_ref"] for item in answer.json()["items"]]


async def test_a_stop_ends_every_wait_without_an_entry(notifier: Notifier) -> None:
    waiting = asyncio.create_task(notifier.call("GET", "/v1/feed?wait=30"))
    await until_waiting(notifier, 1)
    notifier.stopping.set()
    notifier.bell.ring(["jinyang", "fenhe"])
    answer = await asyncio.wait_for(waiting, 10)

    assert (200, []) == (answer.status_code, answer.json()["items"])


async def test_one_reader_too_many_is_told_so_before_it_streams_and_others_apps_go_on(notifier: Notifier) -> None:
    many = [asyncio.create_task(notifier.call("GET", "/v1/feed?wait=30")) for _ in range(MOST_WAITING)]
    await until_waiting(notifier, MOST_WAITING)
    async with asyncio.timeout(20):
        refused = [await notifier.call("GET", path) for path in ("/v1/feed?wait=1", "/v1/feed/stream")]
    at_once = await notifier.call("GET", "/v1/feed")
    other = asyncio.create_task(notifier.call("GET", "/v1/feed?wait=30", FENHE))
    await until_waiting(notifier, 1, "fenhe")
    notifier.stopping.set()
    notifier.bell.ring(["jinyang", "fenhe"])
    ended = await asyncio.wait_for(asyncio.gather(other, *many), 10)

    assert [(429, "too_many_waiting", "1")] * 2 == [
        (r.status_code, r.json()["reason"], r.headers["retry-after"]) for r in refused
    ]
    assert 200 == at_once.status_code
    assert {200} == {answer.status_code for answer in ended}


async def test_a_foreign_app_sees_its_own_alone(notifier: Notifier) -> None:
    await notifier.tell(FIRST, SECOND)
    story = Story(FIRST)
    await notifier.tell(story.opened(), story.joined(SECOND), story.filed())

    assert [(3, "u-1")] == [(i["seq"], i["reporter_ref"]) for i in await notifier.feed(1)]
    assert [(2, "u-2"), (3, "u-2")] == [(i["seq"], i["reporter_ref"]) for i in await notifier.feed(2, FENHE)]


@pytest.mark.parametrize("path", ["/v1/feed", "/v1/feed/stream"])
@pytest.mark.parametrize(
    ("key", "told"),
    [(PLATFORM, (403, "key_not_for_this")), (CENTRE, (403, "key_not_for_this")), (OPS, (403, "key_not_for_this")),
     ("ssp_app_nobody", (401, "key_wrong"))],
)  # fmt: skip
async def test_the_feed_is_for_apps(notifier: Notifier, path: str, key: str, told: tuple[int, str]) -> None:
    answer = await notifier.call("GET", path, key)

    assert told == (answer.status_code, answer.json()["reason"])


@pytest.mark.parametrize(
    ("path", "field", "reason"),
    [
        ("/v1/feed?after=x", "after", "cursor_unfit"), ("/v1/feed?after=MS4", "after", "cursor_unfit"),
        ("/v1/feed?after=%E6%98%AF", "after", "cursor_unfit"), ("/v1/feed/stream?after=x", "after", "cursor_unfit"),
        ("/v1/feed?limit=0", "limit", "number_unfit"), ("/v1/feed?limit=501", "limit", "number_unfit"),
        ("/v1/feed?limit=-1", "limit", "number_unfit"), ("/v1/feed?limit=1.0", "limit", "number_unfit"),
        ("/v1/feed?limit=%D9%A1", "limit", "number_unfit"), ("/v1/feed?limit=", "limit", "number_unfit"),
        ("/v1/feed?wait=31", "wait", "number_unfit"), ("/v1/feed?wait=soon", "wait", "number_unfit"),
    ],
)  # fmt: skip
async def test_an_unfit_query_is_refused_by_field_and_reason(
    notifier: Notifier, path: str, field: str, reason: str
) -> None:
    answer = await notifier.call("GET", path)

    assert (400, [(field, reason)]) == (
        answer.status_code, [(e["field"], e["reason"]) for e in answer.json()["errors"]],
    )  # fmt: skip


async def test_an_unfit_last_event_id_is_refused_by_its_name(notifier: Notifier) -> None:
    answer = await notifier.call("GET", "/v1/feed/stream", headers={"Last-Event-ID": "x"})

    assert (400, [("Last-Event-ID", "cursor_unfit")]) == (
        answer.status_code, [(e["field"], e["reason"]) for e in answer.json()["errors"]],
    )  # fmt: skip
