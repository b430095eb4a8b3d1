"""Rounds with real receivers: what is owed arrives, in turn, again and again by schedule, and never too often."""

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from operator import eq
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from services.notifier import ledger_attempts
from services.notifier.attempt import WAITS, spread_of
from services.notifier.ledger_attempts import LEASE
from services.notifier.rounds import LONGEST_SEND, ROOM, ROOM_WHILE_FAILING, Rounds
from tests.notifier.conftest import (
    FENHE,
    JINYANG,
    TUESDAY_1000,
    Answer,
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
from tests.standins import app as upstream

DAY = timedelta(days=1)


async def owing(notifier: Notifier, *numbers: int, app: str = "jinyang") -> list[Story]:
    """Cases that each owe their reporter a callback about the filing."""
    stories = [Story(report(n, app)) for n in numbers]
    await notifier.tell(*(story.report for story in stories))
    await notifier.tell(*(event for story in stories for event in (story.opened(), story.filed())))
    return stories


async def in_state(notifier: Notifier, state: str, count: int, key: str = JINYANG) -> list[Any]:
    async def ask() -> list[Any]:
        return [n for n in await notifier.notices("callback:main", key) if n["state"] == state]

    return await until(ask, lambda found: len(found) == count)


async def attempted(notifier: Notifier, times: int) -> Any:
    """The only notice of the app, once it was attempted so often."""

    async def ask() -> Any:
        return (await notifier.notices("callback:main"))[0]

    return await until(ask, lambda notice: notice["attempts"] == times)


async def neighbour_served(notifier: Notifier, rounds: Rounds, number: int) -> None:
    """Returns when a new notice of another app has gone out: whatever else was due by now has gone too."""
    await owing(notifier, number, app="fenhe")
    rounds.wake()

    async def ask() -> list[Any]:
        return [n for n in await notifier.notices("callback:main", FENHE) if n["reporter_ref"] == f"u-{number}"]

    await until(ask, lambda found: [n["state"] for n in found] == ["delivered"])


def hanging(until_set: asyncio.Event) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        await until_set.wait()
        return web.Response(status=204)

    return answer


async def test_an_app_gets_each_notice_once_signed_and_the_topic_hears_of_it(notifier: Notifier) -> None:
    notifier.clock.set_right()
    app = upstream.App("jinyang", JINYANG, "")
    async with upstream.listening(app) as url, listening(Receiver(says(204))) as beside:
        app.secret = await notifier.register(url)
        await notifier.register(beside, key=FENHE)
        (story,) = await owing(notifier, 1)
        await notifier.tell(story.dispatched(), story.closed())
        async with at_work(notifier) as rounds:
            done = await in_state(notifier, "delivered", 2)
            for number in (2, 3):
                await neighbour_served(notifier, rounds, number)
    told = [(kind, body["notice_id"]) for kind, body in await notifier.announced()]

    assert {n["notice_id"]: 1 for n in done} == app.received
    assert (0, 0) == (app.unverified, app.contradicted)
    assert ["已立案，案件编号 1401062026112400001。", "已结案：已更换井盖"] == [
        app.bodies[n["notice_id"]]["text"]["zh"] for n in done
    ]
    assert [("notice.delivered", n["notice_id"]) for n in done] == [t for t in told if t[1] in app.received]
    assert (await notifier.endpoint())["delivered_at"] is not None


async def test_an_app_that_was_away_for_a_moment_gets_the_same_under_the_same_id(notifier: Notifier) -> None:
    notifier.clock.set_right()
    app = upstream.App("jinyang", JINYANG, "", answer=503)
    async with upstream.listening(app) as url:
        app.secret = await notifier.register(url)
        await owing(notifier, 1)
        async with at_work(notifier) as rounds:
            failed = await attempted(notifier, 1)
            failing = await notifier.endpoint()
            app.answer = 204
            notifier.clock.at += timedelta(seconds=6)
            rounds.wake()
            await in_state(notifier, "delivered", 1)

    assert ("due", "unavailable", "503") == (failed["state"], failed["outcome"], failed["detail"])
    assert (None, None) != (failing["failing_since"], None)
    assert ({failed["notice_id"]: 2}, 0, 0) == (app.received, app.unverified, app.contradicted)
    assert None is (await notifier.endpoint())["failing_since"]
    assert ["notice.failed", "notice.delivered"] == [kind for kind, _ in await notifier.announced()]


async def test_ten_tries_go_out_by_the_schedule_under_one_id_with_equal_bodies_and_then_none(
    notifier: Notifier,
) -> None:
    receiver = Receiver(says(503))
    async with listening(receiver) as url, listening(Receiver(says(204))) as beside:
        await notifier.register(url)
        await notifier.register(beside, key=FENHE)
        await owing(notifier, 1)
        async with at_work(notifier) as rounds:
            for tried in range(1, len(WAITS)):
                notice = await attempted(notifier, tried)
                spread = spread_of(UUID(notice["notice_id"]))
                due = notifier.clock() + WAITS[tried] * spread
                assert utc(due) == notice["due_at"].replace("+00:00", "Z")
                notifier.clock.at = due - timedelta(microseconds=1)
                await neighbour_served(notifier, rounds, 100 + tried)
                assert tried == len(receiver.heard)
                notifier.clock.at = due
                rounds.wake()
            (last,) = await in_state(notifier, "gave_up", 1)
            notifier.clock.at += 30 * DAY
            await neighbour_served(notifier, rounds, 200)
    stamps = [int(heard.headers["webhook-timestamp"]) for heard in receiver.heard]

    assert (10, 10) == (last["attempts"], len(receiver.heard))
    assert {(last["notice_id"], receiver.heard[0].body)} == {(h.headers["webhook-id"], h.body) for h in receiver.heard}
    assert (10, sorted(stamps)) == (len(set(stamps)), stamps)
    assert [last["notice_id"]] == [
        body["notice_id"] for kind, body in await notifier.announced() if kind == "notice.gave_up"
    ]
    assert 1 == len([item for item in await notifier.feed(1) if item["event"] == "case.filed"])


async def test_a_retry_after_moves_the_next_try(notifier: Notifier) -> None:
    async with listening(Receiver(says(429, Retry_After="3600"))) as url:
        await notifier.register(url)
        await owing(notifier, 1)
        async with at_work(notifier):
            notice = await attempted(notifier, 1)

    assert utc(TUESDAY_1000 + timedelta(hours=1)) == notice["due_at"].replace("+00:00", "Z")


async def test_an_endpoint_that_says_gone_is_never_called_again(notifier: Notifier) -> None:
    receiver = Receiver(says(410))
    async with listening(receiver) as url, listening(Receiver(says(204))) as beside:
        await notifier.register(url)
        await notifier.register(beside, key=FENHE)
        (story,) = await owing(notifier, 1)
        await notifier.tell(story.closed())
        async with at_work(notifier) as rounds:
            first = await in_state(notifier, "gone", 2)
            await owing(notifier, 2)
            notifier.clock.at += 10 * DAY
            await neighbour_served(notifier, rounds, 3)
    endpoint = await notifier.endpoint()

    assert ("disabled", "gone", 1) == (endpoint["state"], endpoint["disabled_why"], len(receiver.heard))
    assert [(1, "410"), (0, "endpoint_gone")] == [(n["attempts"], n["detail"]) for n in first]
    assert ["gone"] * 3 == [n["state"] for n in await notifier.notices("callback:main")]
    assert 3 == len(await notifier.feed(3))


@pytest.mark.parametrize(("days", "state"), [(4.99, "enabled"), (5.0, "disabled")])
async def test_five_days_of_nothing_but_failure_disable_an_endpoint(
    notifier: Notifier, days: float, state: str
) -> None:
    async with listening(Receiver(says(500))) as url:
        await notifier.register(url)
        await owing(notifier, 1)
        async with at_work(notifier) as rounds:
            await attempted(notifier, 1)
            notifier.clock.at = TUESDAY_1000 + days * DAY
            rounds.wake()
            last = await attempted(notifier, 2)
            endpoint = await notifier.endpoint()

    assert (state, "five_days_of_failure" if state == "disabled" else None) == (
        endpoint["state"], endpoint["disabled_why"],
    )  # fmt: skip
    assert {"enabled": "due", "disabled": "gone"}[state] == last["state"]
    assert utc(TUESDAY_1000) == endpoint["failing_since"].replace("+00:00", "Z")


async def test_one_delivery_in_between_begins_the_five_days_anew(notifier: Notifier) -> None:
    receiver = Receiver(says(500))
    async with listening(receiver) as url:
        await notifier.register(url)
        await owing(notifier, 1)
        async with at_work(notifier) as rounds:
            await attempted(notifier, 1)
            receiver.answer = says(200)
            notifier.clock.at += 4 * DAY
            rounds.wake()
            await in_state(notifier, "delivered", 1)
            receiver.answer = says(500)
            notifier.clock.at += 2 * DAY
            await owing(notifier, 2)
            rounds.wake()
            await until(receiver.count, lambda count: count == 3)
            endpoint = await until(notifier.endpoint, lambda e: e["failing_since"])

    assert ("enabled", utc(TUESDAY_1000 + 6 * DAY)) == (
        endpoint["state"], endpoint["failing_since"].replace("+00:00", "Z"),
    )  # fmt: skip


async def test_a_hanging_endpoint_delays_only_itself_and_holds_no_more_than_its_room(notifier: Notifier) -> None:
    release, beside = asyncio.Event(), Receiver(says(204))
    stuck = Receiver(hanging(release))
    numbers = range(ROOM + 8)
    async with listening(stuck) as url, listening(beside) as other:
        await notifier.register(url)
        await notifier.register(other, key=FENHE)
        await owing(notifier, *numbers)
        async with at_work(notifier) as rounds:
            await until(stuck.count, lambda count: count == ROOM)
            await owing(notifier, *numbers, app="fenhe")
            rounds.wake()
            await in_state(notifier, "delivered", len(numbers), FENHE)
            held = len(stuck.heard)
            release.set()
            await in_state(notifier, "delivered", len(numbers))

    assert ROOM == held
    assert {1} == set(Counter(heard.headers["webhook-id"] for heard in stuck.heard).values())
    assert (len(numbers), len(numbers)) == (len(stuck.heard), len(beside.heard))


async def test_an_endpoint_that_fails_has_room_for_a_few_attempts_only(notifier: Notifier) -> None:
    release, receiver = asyncio.Event(), Receiver(says(503))
    async with listening(receiver) as url, listening(Receiver(says(204))) as other:
        await notifier.register(url)
        await notifier.register(other, key=FENHE)
        await owing(notifier, 0)
        async with at_work(notifier) as rounds:
            await attempted(notifier, 1)
            receiver.answer = hanging(release)
            await owing(notifier, *range(1, 10))
            rounds.wake()
            await until(receiver.count, lambda count: count == 1 + ROOM_WHILE_FAILING)
            for number in (20, 21):
                await neighbour_served(notifier, rounds, number)
            held = len(receiver.heard) - 1
            release.set()
            await in_state(notifier, "delivered", 9)

    assert ROOM_WHILE_FAILING == held


async def test_an_endless_answer_holds_nobody_up(notifier: Notifier) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 16_384)

    receiver = Receiver(endless)
    async with listening(receiver) as url:
        await notifier.register(url)
        await owing(notifier, *range(5))
        async with at_work(notifier):
            await in_state(notifier, "delivered", 5)

    assert 5 == len(receiver.heard)


async def test_a_redirect_leads_nowhere(notifier: Notifier) -> None:
    target = Receiver(says(204))
    async with listening(target) as elsewhere, listening(Receiver(says(307, Location=elsewhere))) as url:
        await notifier.register(url)
        await notifier.register(elsewhere, key=FENHE)
        await owing(notifier, 1)
        async with at_work(notifier) as rounds:
            notice = await attempted(notifier, 1)
            await neighbour_served(notifier, rounds, 2)

    assert ("due", "unavailable", "307") == (notice["state"], notice["outcome"], notice["detail"])
    assert ["u-2"] == [heard.notice["reporter_ref"] for heard in target.heard]


async def test_what_a_report_is_owed_arrives_in_the_order_of_its_case(notifier: Notifier) -> None:
    async def slowly(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(len(receiver.heard) % 5 / 500)
        return web.Response(status=204)

    receiver = Receiver(slowly)
    async with listening(receiver) as url:
        await notifier.register(url)
        stories = await owing(notifier, *range(20))
        await notifier.tell(*(event for s in stories for event in (s.suspended(), s.closed(), s.reopened())))
        async with at_work(notifier):
            await in_state(notifier, "delivered", 80)
    arrived: dict[str, list[int]] = {}
    for heard in receiver.heard:
        arrived.setdefault(heard.notice["report_id"], []).append(heard.notice["seq"])

    assert {str(s.report.report_id): [2, 3, 4, 5] for s in stories} == arrived


async def test_two_processes_share_the_work_and_send_nothing_twice(notifier: Notifier) -> None:
    receiver = Receiver(says(204))
    async with listening(receiver) as url:
        await notifier.register(url)
        await owing(notifier, *range(100))
        async with at_work(notifier), at_work(notifier):
            await in_state(notifier, "delivered", 100)

    assert ({1}, 100) == (set(Counter(h.headers["webhook-id"] for h in receiver.heard).values()), len(receiver.heard))


async def test_what_a_dead_process_had_in_hand_goes_out_when_its_lease_is_over(notifier: Notifier) -> None:
    receiver = Receiver(says(204))
    async with listening(receiver) as url, listening(Receiver(says(204))) as beside:
        await notifier.register(url)
        await notifier.register(beside, key=FENHE)
        await owing(notifier, 1)
        async with notifier.database.transaction() as connection:
            (claimed,) = await ledger_attempts.claim(
                connection, {"callback:jinyang/main": 9}, uuid4(), notifier.clock()
            )
        async with at_work(notifier) as rounds:
            await neighbour_served(notifier, rounds, 2)
            early = len(receiver.heard)
            notifier.clock.at += LEASE
            rounds.wake()
            await in_state(notifier, "delivered", 1)

    assert (0, [str(claimed.item.notice_id)]) == (early, [h.headers["webhook-id"] for h in receiver.heard])


async def test_a_claim_held_too_long_is_let_go_unsent_and_taken_again_when_its_lease_is_over(
    notifier: Notifier,
) -> None:
    receiver = Receiver(says(204))
    hours = iter([TUESDAY_1000])  # the hour of the claim; afterwards the clock's
    async with listening(receiver) as url, listening(Receiver(says(204))) as beside:
        await notifier.register(url)
        await notifier.register(beside, key=FENHE)
        await owing(notifier, 1)
        notifier.clock.at += LEASE - LONGEST_SEND + timedelta(seconds=1)
        async with at_work(notifier, now=lambda: next(hours, notifier.clock())) as rounds:
            await neighbour_served(notifier, rounds, 2)
            early = len(receiver.heard)
            notifier.clock.at = TUESDAY_1000 + LEASE
            rounds.wake()
            await in_state(notifier, "delivered", 1)

    assert (0, 1) == (early, len(receiver.heard))


async def test_gone_disables_even_beside_a_later_delivery_that_is_recorded_with_it(notifier: Notifier) -> None:
    gates = {f"u-{number}": asyncio.Event() for number in (1, 2, 3)}

    async def answer(request: web.Request) -> web.StreamResponse:
        who = (await request.json())["reporter_ref"]
        await gates[who].wait()
        return web.Response(status=410 if who == "u-2" else 204)

    async def held_up() -> list[Any]:
        return await notifier.database.fetch("select 1 from pg_locks where not granted")

    receiver = Receiver(answer)
    async with listening(receiver) as url:
        await notifier.register(url)
        await owing(notifier, 1, 2, 3)
        async with at_work(notifier) as rounds:

            async def unrecorded() -> int:
                return rounds.recording.waiting

            await until(receiver.count, lambda count: count == 3)
            async with notifier.database.transaction() as connection:
                await connection.execute(
                    "select 1 from notifier.notices where report_id = $1 for update", report(1).report_id
                )
                gates["u-1"].set()
                await until(held_up)
                for waiting, number in enumerate((2, 3), 1):
                    notifier.clock.at += timedelta(seconds=1)
                    gates[f"u-{number}"].set()
                    await until(unrecorded, partial(eq, waiting))
            endpoint = await until(notifier.endpoint, lambda e: e["state"] == "disabled")

    assert "gone" == endpoint["disabled_why"]


async def test_a_stop_lets_the_attempt_in_flight_end_and_records_it(notifier: Notifier) -> None:
    release, stopping = asyncio.Event(), asyncio.Event()
    receiver = Receiver(hanging(release))
    async with listening(receiver) as url:
        await notifier.register(url)
        await owing(notifier, 1)
        running = asyncio.create_task(Rounds(notifier.database, notifier.callbacks, None, notifier.clock).run(stopping))
        await until(receiver.count)
        stopping.set()
        done, _ = await asyncio.wait({running}, timeout=0.2)
        release.set()
        await asyncio.wait_for(running, 10)

    assert set() == done
    assert ["delivered"] == [n["state"] for n in await notifier.notices("callback:main")]


async def test_an_endpoint_moved_while_it_failed_is_not_disabled_for_its_old_address(notifier: Notifier) -> None:
    release = asyncio.Event()

    async def gone(_: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response(status=410)

    old = Receiver(gone)
    async with listening(old) as url, listening(Receiver(says(204))) as moved:
        await notifier.register(url)
        await owing(notifier, 1)
        async with at_work(notifier):
            await until(old.count)
            await notifier.call("PUT", "/v1/endpoints/main", json={"url": moved})
            release.set()
            await in_state(notifier, "gone", 1)

    assert ("enabled", moved) == ((await notifier.endpoint())["state"], (await notifier.endpoint())["url"])
