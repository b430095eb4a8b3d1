"""Batches of `reports` and `cases` on a real ledger: either topic may come first, nothing twice, no gap passed."""

import asyncio
import random
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from chassis.kafka.envelope import Unreadable
from chassis.postgres.written import tables_written
from schemas.cases import CaseEvent
from schemas.events import Event, Sealed
from schemas.ids import unlinked_case_id_of
from schemas.reports import ReportDisputed
from services.notifier.consumers import Consumers, read_case
from services.notifier.owed import Notice
from tests.notifier.conftest import (
    FENHE,
    PLATFORM,
    TUESDAY_1000,
    WORDING,
    Notifier,
    Receiver,
    Record,
    Story,
    at_work,
    listening,
    record_of,
    report,
    says,
    until,
)

SOMEWHERE = "http://127.0.0.1:9/callbacks"
FIRST, SECOND = report(1), report(2, "fenhe")
TO_FIRST, TO_SECOND = f"report:{FIRST.report_id}", f"report:{SECOND.report_id}"


def told_in(feed: list[Any]) -> list[tuple[UUID, str]]:
    """Of which case what was told, in order."""
    return [(UUID(item["case_id"]), item["event"]) for item in feed]


async def test_an_event_before_its_report_owes_nothing_until_the_report_arrives(notifier: Notifier) -> None:
    await notifier.register(SOMEWHERE)
    story = Story(FIRST)
    await notifier.tell(story.opened(), story.filed(), story.dispatched(), story.closed())
    before = await notifier.owed()
    await notifier.tell(FIRST)

    assert [] == before
    assert [
        (2, TO_FIRST, "feed", "delivered"), (2, TO_FIRST, "callback:main", "due"),
        (4, TO_FIRST, "feed", "delivered"), (4, TO_FIRST, "callback:main", "due"),
    ] == await notifier.owed()  # fmt: skip
    assert [] == await notifier.database.fetch("select 1 from notifier.awaited")


async def test_what_was_told_before_writes_nothing_and_is_no_evidence_that_writing_succeeds(notifier: Notifier) -> None:
    opened, written = Story(FIRST).opened(), []
    for event in (FIRST, FIRST, opened, opened):
        async with notifier.database.transaction() as connection, tables_written(connection, "notifier") as tables:
            await notifier.tell_within(connection, event)
        written.append(tables)

    assert [{"insert reporters"}, set(), True, set()] == [*written[:2], "insert cases" in written[2], written[3]]


async def test_only_what_was_committed_wakes_whoever_waits_and_only_once(notifier: Notifier) -> None:
    woken: list[Notice] = []
    consumers = Consumers(notifier.database, WORDING, False, notifier.clock, woken.extend)
    await notifier.tell(FIRST)
    story = Story(FIRST)
    filed = [(record, read_case(record)) for record in map(record_of, (story.opened(), story.filed()))]
    for _ in range(3):
        with pytest.raises(KeyError):
            await _broken_off(notifier, consumers, filed)
    before = list(woken)
    async with notifier.database.transaction() as connection:
        await consumers.on_cases(connection, filed)

    assert ([], 1) == (before, len(woken))


async def _broken_off(notifier: Notifier, consumers: Consumers, pairs: list[Any]) -> None:
    async with notifier.database.transaction() as connection:
        await consumers.on_cases(connection, pairs)
        raise KeyError("our own mistake")


async def test_whatever_order_two_topics_come_in_the_same_is_owed(notifier: Notifier) -> None:
    await notifier.register(SOMEWHERE)
    results = []
    for order in permutations(range(4)):
        await notifier.database.execute("truncate notifier.notices, notifier.told, notifier.awaited, notifier.cases,"
                                        " notifier.reporters")  # fmt: skip
        story = Story(FIRST)
        early = [story.opened(), story.joined(SECOND)]
        late = [story.filed(), story.dispatched(), story.closed()]
        batches: list[list[Event]] = [[FIRST], [SECOND], [*early], [*late]]
        if order.index(2) > order.index(3):
            continue  # the router's order within a case is kept by the topic
        for place in order:
            assert await notifier.tell(*batches[place]) == []
        results.append(sorted(await notifier.owed()))

    assert 12 == len(results)
    assert 7 == len(results[0])
    assert [results[0]] * 12 == results


async def test_each_reporter_hears_what_concerns_it_at_its_own_app(notifier: Notifier) -> None:
    for key in (PLATFORM, FENHE):
        await notifier.register(SOMEWHERE, key=key)
    await notifier.tell(FIRST, SECOND)
    story = Story(FIRST)
    await notifier.tell(story.opened(), story.filed(), story.dispatched(), story.joined(SECOND), story.closed())

    assert {
        (2, TO_FIRST, "feed"), (3, "platform:P016", "callback:main"), (4, TO_SECOND, "feed"),
        (4, TO_SECOND, "callback:main"), (5, TO_FIRST, "feed"), (5, TO_SECOND, "feed"),
        (5, TO_SECOND, "callback:main"),
    } == {(seq, recipient, channel) for seq, recipient, channel, _ in await notifier.owed()}  # fmt: skip
    assert [(2, "u-1"), (5, "u-1")] == [(i["seq"], i["reporter_ref"]) for i in await notifier.feed(2)]
    assert [(4, "u-2"), (5, "u-2")] == [(i["seq"], i["reporter_ref"]) for i in await notifier.feed(2, FENHE)]


async def test_a_text_is_owed_about_a_result_to_who_left_a_phone(notifier: Notifier) -> None:
    notifier.texts = True
    await notifier.tell(report(1, contact=Sealed(key_id="k1", box="AAAA")), SECOND)
    story = Story(FIRST)
    await notifier.tell(story.opened(), story.joined(SECOND), story.filed(), story.closed())

    assert [(4, TO_FIRST, "due")] == [(q, who, state) for q, who, channel, state in await notifier.owed()
                                      if channel == "sms"]  # fmt: skip


async def test_what_is_owed_to_a_disabled_endpoint_is_gone_and_kept(notifier: Notifier) -> None:
    await notifier.register(SOMEWHERE)
    await notifier.database.execute("update notifier.endpoints set disabled_at = now(), disabled_why = 'gone'")
    await notifier.tell(FIRST)
    story = Story(FIRST)
    await notifier.tell(story.opened(), story.filed())

    assert [(2, TO_FIRST, "feed", "delivered"), (2, TO_FIRST, "callback:main", "gone")] == await notifier.owed()


async def test_a_second_reading_of_everything_changes_nothing(notifier: Notifier) -> None:
    receiver, story = Receiver(says(204)), Story(FIRST)
    life = [story.opened(), story.joined(SECOND), story.filed(), story.dispatched(), story.closed()]
    async with listening(receiver) as url:
        await notifier.register(url)
        await notifier.tell(FIRST, SECOND)
        await notifier.tell(*life)
        async with at_work(notifier):
            await until(notifier.announced, lambda told: len(told) == 2)
            before = await notifier.everything()
            await notifier.tell(*life)
            await notifier.tell(FIRST, SECOND)
            await notifier.tell(FIRST, FIRST)
            await notifier.tell(*life[:2])
            after = await notifier.everything()

    assert (2, 7, 2) == (len(before["reporters"]), len(before["notices"]), len(receiver.heard))
    assert before == after


async def test_an_unlinked_report_hears_the_result_of_its_own_case_and_not_of_the_old_one(notifier: Notifier) -> None:
    old = Story(FIRST)
    early = [old.opened(), old.joined(SECOND), old.filed(), old.dispatched(), old.unlinked(SECOND)]
    own = Story(SECOND, unlinked_case_id_of(old.case_id, old.seq))
    late, apart = [old.handled(), old.closed()], [own.opened(), own.filed(), own.closed()]
    await notifier.register(SOMEWHERE, key=PLATFORM)
    await notifier.tell(FIRST, SECOND)
    for batch in (early, late, apart):
        await notifier.tell(*batch)
    before = await notifier.everything()
    for batch in (early, late, apart, [*early, *late]):
        await notifier.tell(*batch)

    assert [
        (old.case_id, "case.joined"),
        (old.case_id, "case.filed"),
        (old.case_id, "case.unlinked"),
        (own.case_id, "case.filed"),
        (own.case_id, "case.closed"),
    ] == told_in(await notifier.feed(5, FENHE))
    assert [(old.case_id, "case.filed"), (old.case_id, "case.closed")] == told_in(await notifier.feed(2))
    assert before == await notifier.everything()


@pytest.mark.parametrize("first", ["the end", "the result"])
async def test_the_reporters_of_a_linked_case_get_one_result_from_the_case_it_was_linked_to(
    notifier: Notifier, first: str
) -> None:
    story, ended, third = Story(FIRST), Story(SECOND), report(3, "fenhe")
    early = [story.opened(), story.filed(), ended.opened(), ended.joined(third), ended.filed(), ended.dispatched()]
    ending = [ended.linked(story.case_id), ended.escalated()]
    result = [story.joined(SECOND), story.joined(third), story.closed()]
    batches: list[list[CaseEvent]] = [early, ending, result] if first == "the end" else [early, result, ending]
    await notifier.tell(FIRST, SECOND, third)
    await notifier.register(SOMEWHERE, key=PLATFORM)
    for batch in batches:
        assert [] == await notifier.tell(*batch)
    before, told = await notifier.everything(), told_in(await notifier.feed(7, FENHE))
    for batch in batches:
        await notifier.tell(*batch)
    kept = await notifier.database.fetch("select reports, platform_code from notifier.cases where case_id = $1",
                                         ended.case_id)  # fmt: skip

    assert 7 == len(told)
    assert [(ended.case_id, "case.joined"), *[(ended.case_id, "case.filed")] * 2] == told[:3]
    assert [(story.case_id, "case.joined")] * 2 + [(story.case_id, "case.closed")] * 2 == told[3:]
    assert [(story.case_id, "case.filed"), (story.case_id, "case.closed")] == told_in(await notifier.feed(2))
    assert [4] == [seq for seq, recipient, *_ in await notifier.owed() if recipient == "platform:P016"]
    assert [([], None)] == [tuple(row) for row in kept]
    assert before == await notifier.everything()


async def test_the_first_record_of_a_report_stands(notifier: Notifier) -> None:
    await notifier.tell(FIRST)
    await notifier.tell(report(1, reporter_ref="somebody else"))
    story = Story(FIRST)
    await notifier.tell(story.opened(), story.filed())

    assert ["u-1"] == [item["reporter_ref"] for item in await notifier.feed(1)]


async def test_what_comes_after_a_gap_is_set_aside_until_the_missing_event_is_there(notifier: Notifier) -> None:
    await notifier.tell(FIRST, SECOND)
    story, other = Story(FIRST), Story(SECOND)
    opened, filed, sent, closed = story.opened(), story.filed(), story.dispatched(), story.closed()
    asides = await notifier.tell(opened, other.opened(), sent, other.filed(), closed)
    while_missing = await notifier.owed()
    late = await notifier.tell(filed)
    again = await notifier.tell(sent, closed)

    assert [(sent.seq, "gap", "seq 3 after 1"), (closed.seq, "gap", "seq 4 after 1")] == [
        (aside.record.offset, aside.reason, aside.detail) for aside in asides
    ]
    assert [(2, TO_SECOND, "feed", "delivered")] == while_missing
    assert ([], []) == (late, again)
    assert [2, 4] == [item["seq"] for item in await notifier.feed(2)]


async def test_a_gap_is_seen_in_a_later_batch_too(notifier: Notifier) -> None:
    story = Story(FIRST)
    await notifier.tell(FIRST)
    await notifier.tell(story.opened())
    story.filed()
    asides = await notifier.tell(story.closed())
    untouched = await notifier.database.fetch("select seq from notifier.cases")

    assert ["gap"] == [aside.reason for aside in asides]
    assert ([], [1]) == (await notifier.owed(), [row["seq"] for row in untouched])


async def test_events_in_the_wrong_order_are_set_aside_and_never_told(notifier: Notifier) -> None:
    story = Story(FIRST)
    life = [story.opened(), story.filed(), story.suspended(), story.closed()]
    await notifier.tell(FIRST)
    asides = await notifier.tell(life[3], life[1], life[0], life[2])

    assert [4, 2, 3] == [aside.record.offset for aside in asides]
    assert [] == await notifier.owed()


@pytest.mark.parametrize("first", ["the report", "the events"])
async def test_of_two_consumers_that_meet_over_a_report_the_second_waits_and_none_is_lost(
    notifier: Notifier, first: str
) -> None:
    story = Story(FIRST)
    sides: list[list[Event]] = [[FIRST], [story.opened(), story.filed()]]
    earlier, later = sides if first == "the report" else sides[::-1]

    async def waiting() -> list[Any]:
        return await notifier.database.fetch("select 1 from pg_locks where locktype = 'advisory' and not granted")

    async with notifier.database.transaction() as connection:
        await notifier.tell_within(connection, *earlier)
        second = asyncio.create_task(notifier.tell(*later))
        await until(waiting)
        early = second.done()
    await second

    assert not early
    assert [(2, TO_FIRST, "feed", "delivered")] == await notifier.owed()
    assert [] == await notifier.database.fetch("select 1 from notifier.awaited")


async def test_many_batches_of_both_topics_at_once_lose_none(notifier: Notifier) -> None:
    reports = [report(number) for number in range(40)]
    stories = [Story(one) for one in reports]
    events: list[CaseEvent] = [event for s in stories for event in (s.opened(), s.filed())]
    shuffled = reports[:]
    random.Random(7).shuffle(shuffled)
    await asyncio.gather(
        *(notifier.tell(*shuffled[n : n + 5]) for n in range(0, 40, 5)),
        *(notifier.tell(*events[n : n + 10]) for n in range(0, 80, 10)),
    )

    assert {f"report:{one.report_id}" for one in reports} == {recipient for _, recipient, *_ in await notifier.owed()}
    assert 40 == len(await notifier.owed())
    assert [] == await notifier.database.fetch("select 1 from notifier.awaited")


async def test_kinds_that_tell_the_notifier_nothing_are_passed_over(notifier: Notifier) -> None:
    disputed = ReportDisputed(at=TUESDAY_1000, report_id=SECOND.report_id, app="fenhe", text="未处理")

    assert [] == await notifier.tell(FIRST, disputed)
    assert [FIRST.report_id] == [
        row["report_id"] for row in await notifier.database.fetch("select report_id from notifier.reporters")
    ]


def with_headers(record: Record, **change: bytes) -> Record:
    record.headers = tuple((name, change.get(name, value)) for name, value in record.headers)
    return record


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ce_type": b"case.vanished"}, "unknown_type"), ({"ce_type": b"report.received"}, "unknown_type"),
        ({"ce_type": b"case.closed"}, "unfit_body"), ({"ce_id": b"\xff"}, "unreadable_headers"),
        ({"ce_id": b"one"}, "unfit_ce_id"), ({"ce_time": b"today"}, "unfit_ce_time"),
        ({"ce_type": b""}, "missing_ce_type"),
    ],
)  # fmt: skip
def test_a_record_that_is_no_event_of_the_topic_is_unreadable_by_reason(change: dict[str, Any], reason: str) -> None:
    good = record_of(Story(FIRST).opened())
    assert read_case(good).seq == 1

    with pytest.raises(Unreadable) as why:
        read_case(with_headers(good, **change))
    assert reason == why.value.reason
