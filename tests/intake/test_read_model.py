"""The read model on a real PostgreSQL: any order of the three topics, any redelivery, rows and position together."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from faststream.kafka import KafkaBroker

from chassis.kafka.consumer import Aside, Consumer
from chassis.kafka.envelope import headers_of
from chassis.postgres.pool import Database, Unavailable
from chassis.postgres.written import tables_written
from schemas import cases as ev
from schemas import topics
from schemas.events import Event, Named, Place, Sealed
from schemas.ids import case_id_of, event_id_of, notice_id_of, report_id_of
from schemas.notices import NoticeDelivered, NoticeFailed
from schemas.reports import ReportDisputed, ReportRated, ReportReceived
from services.intake.city import read_city
from services.intake.consumers import consume_all, continued, on_cases, on_notices, on_reports
from services.intake.feedback import fingerprint_of
from services.intake.fingerprint import Fingerprint
from services.intake.http_tracking import shown
from services.intake.read_model import Seen, add_case_events, digests, feedback_digests, last_seqs, position, seen
from tests.intake.test_timeline import SAID

SHANGHAI = timezone(timedelta(hours=8))
TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=SHANGHAI)
TABLES = "reports, cases, case_events, case_reports, notices, reports_unlinked, feedback"
WRITERS = {topic.name: topic.writer for topic in topics.TOPICS}
CITY = read_city(Path(__file__).parents[2] / "cities/taiyuan")
PLATFORM = Named(code="P031", name="太原公交集团二级平台")
REFUSE_POSITIONS = """
create function intake.refuse() returns trigger language plpgsql as
    $$ begin raise exception using errcode = 'lock_not_available'; end $$;
create trigger refuse before insert on intake.positions for each row execute function intake.refuse()"""
SEALED = Sealed(key_id="k1", box="c2VhbGVk")


@dataclass
class Record:
    """What a consumer gets from Kafka."""

    topic: str
    offset: int
    event: Event
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    value: bytes = field(init=False)
    headers: tuple[tuple[str, bytes], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.value = self.event.model_dump_json().encode()
        event_id, writer = event_id_of(UUID(int=0), self.event.kind), WRITERS[self.topic]
        headers = headers_of(event_id, self.event.kind, writer, self.event.at)
        self.headers = tuple((name, text.encode()) for name, text in headers.items())


@dataclass
class Model:
    """The three consumers on a database, fed by hand; `moved` has an entry for each batch of reports."""

    database: Database
    consumers: dict[str, Consumer]
    moved: list[str]
    next_offset: dict[tuple[str, int], int] = field(default_factory=dict)

    async def read(self, topic: str, *events: Event, partition: int = 0) -> list[Record]:
        """The events as the next records of a partition, in one batch."""
        first = self.next_offset.get((topic, partition), 0)
        records = [Record(topic, first + n, event, partition) for n, event in enumerate(events)]
        self.next_offset[topic, partition] = first + len(records)
        await self.work(records)
        return records

    async def work(self, records: Sequence[Record]) -> None:
        await self.consumers[records[0].topic].on_batch(records)

    async def read_again(self, records: Sequence[Record]) -> None:
        """As after the positions were truncated: the records are not dropped, but worked once more."""
        await self.database.execute("truncate intake.positions")
        await self.work(records)

    async def seen(self, report_id: UUID, app: str = "app-one") -> Seen:
        found = await seen(self.database, report_id, app)
        assert found is not None
        return found

    async def everything(self) -> list[list[str]]:
        """Every row of every table but the positions, as text."""
        tables = TABLES.split(", ")
        return [sorted(map(str, await self.database.fetch(f"select * from intake.{table}"))) for table in tables]


@pytest.fixture
async def model(service_url: Callable[[str], str]) -> AsyncIterator[Model]:
    database = Database(service_url("intake"), "intake-test")
    await database.open()
    await database.execute(f"truncate intake.positions, {', '.join('intake.' + t for t in TABLES.split(', '))}")
    moved: list[str] = []
    consumers = consume_all(KafkaBroker("127.0.0.1:9"), database, lambda: moved.append("reports"))
    yield Model(database, {consumer.topic: consumer for consumer in consumers}, moved)
    await database.close()


def received(name: str, app: str = "app-one", **changes: Any) -> ReportReceived:
    fields: dict[str, Any] = {
        "at": TUESDAY_1000, "report_id": report_id_of(app, name), "app": app, "reporter_ref": "u-1",
        "text": f"井盖缺失 {name}", "category": "C0102", "place": Place(district="140106"),
        "body_digest": f"digest-{name}", "city_version": "x",
    }  # fmt: skip
    return ReportReceived(**(fields | changes))


def case(first: ReportReceived, *joined: ReportReceived) -> list[ev.CaseEvent]:
    """A case that is opened, filed, joined by others, dispatched."""
    shared: dict[str, Any] = {"case_id": case_id_of(first.report_id), "at": TUESDAY_1000, "by": "router"}
    opened = {"report_id": first.report_id, "category": "C0102", "place": Place(), "text": "", "city_version": "x"}
    filed = {"case_number": "1401062026112400001", "category": "C0102", "district": "140106"}
    dispatched = {
        "generation": 1, "platform": PLATFORM, "rule": "R1", "candidates": ("P031",), "city_version": "x",
        "accept_by": TUESDAY_1000, "deadline": TUESDAY_1000,
    }  # fmt: skip
    return [
        ev.CaseOpened(**shared, seq=1, **opened),
        ev.CaseFiled(**shared, seq=2, **filed),
        *(ev.CaseJoined(**shared, seq=3 + n, report_id=report.report_id) for n, report in enumerate(joined)),
        ev.CaseDispatched(**shared, seq=3 + len(joined), **dispatched),
    ]


def notice(report: ReportReceived, seq: int, minute: int = 0, **changes: Any) -> NoticeDelivered:
    case_id, recipient = case_id_of(report.report_id), f"report:{report.report_id}"
    fields: dict[str, Any] = {
        "at": TUESDAY_1000 + timedelta(minutes=minute), "notice_id": notice_id_of(case_id, seq, recipient, "callback"),
        "report_id": report.report_id, "case_id": case_id, "seq": seq, "event": "case.closed", "recipient": recipient,
        "channel": "callback", "attempts": 1,
    }  # fmt: skip
    return NoticeDelivered(**(fields | changes))


def kinds(found: Seen) -> list[str]:
    return [kind for kind, _ in found.events]


LIFE = ["case.opened", "case.filed", "case.dispatched"]


async def test_a_report_is_seen_as_it_was_published_without_what_is_sealed(model: Model) -> None:
    report = received("one", contact=SEALED, original_text=SEALED)
    await model.read("reports", report)
    found = await model.seen(report.report_id)

    assert ("app-one", None, (), ()) == (found.app, found.joined_at, found.events, found.notices)
    assert report.model_copy(update={"contact": None, "original_text": None}) == ReportReceived.model_validate_json(
        found.body
    )
    assert SEALED.box not in str(await model.everything())


async def test_a_report_nobody_sent_is_not_seen(model: Model) -> None:
    await model.read("reports", received("one"))

    assert None is await seen(model.database, report_id_of("app-one", "two"), "app-one")


async def test_what_is_read_again_writes_nothing_and_is_no_evidence_that_writing_succeeds(model: Model) -> None:
    report = received("one")
    rated = ReportRated(at=TUESDAY_1000, report_id=report.report_id, app="app-one", stars=5)
    read = {"reports": (on_reports, report), "feedback": (on_reports, rated), "cases": (on_cases, case(report)[0]),
            "notices": (on_notices, notice(report, 3))}  # fmt: skip
    for table, (take, event) in read.items():
        topic = "reports" if table == "feedback" else table
        written = []
        for _ in range(2):
            async with model.database.transaction() as connection, tables_written(connection, "intake") as tables:
                await take(connection, [(Record(topic, 0, event), event)])
            written.append(tables)

        assert [True, set()] == [f"insert {table}" in written[0], written[1]], table


async def test_a_case_may_come_before_its_report(model: Model) -> None:
    report = received("one")
    await model.read("cases", *case(report))
    before = await seen(model.database, report.report_id, "app-one")
    await model.read("reports", report)
    found = await model.seen(report.report_id)

    assert None is before
    assert (1, LIFE) == (found.joined_at, kinds(found))


async def test_events_come_back_as_they_were_published(model: Model) -> None:
    report, others = received("one"), [received(f"other-{number}") for number in range(9)]
    await model.read("reports", report)
    for event in (events := case(report, *others)):
        await model.read("cases", event)
    found = await model.seen(report.report_id)

    assert list(range(1, 13)) == [event.seq for event in events]
    mine = [event for event in events if not isinstance(event, ev.CaseJoined)]
    assert mine == [ev.KINDS[kind].model_validate_json(body) for kind, body in found.events]


async def test_a_second_reading_changes_nothing(model: Model) -> None:
    report, other = received("one"), received("two")
    read = [
        await model.read("reports", report, other),
        await model.read("cases", *case(report, other)),
        await model.read("notices", notice(report, 4)),
    ]
    before = await model.everything()
    for again in [*read, *reversed(read), *([record] for records in read for record in records)]:
        await model.read_again(again)

    assert before == await model.everything()
    assert [2, 1, 4, 2, 1, 0, 0] == [len(rows) for rows in before]


async def test_the_first_report_of_an_id_stays(model: Model) -> None:
    first, second = received("one"), received("one", text="别的话", body_digest="other")
    await model.read("reports", first, second)
    await model.read("reports", second)

    assert first == ReportReceived.model_validate_json((await model.seen(first.report_id)).body)
    assert {first.report_id: Fingerprint("digest-one")} == await digests(
        model.database, [first.report_id, report_id_of("app-one", "two")]
    )


async def test_the_position_of_each_partition_is_stored_and_never_goes_back(model: Model) -> None:
    old = await model.read("reports", received("one"), received("two"))
    await model.read("reports", received("three"), partition=5)
    await model.read("reports", received("four"))
    await model.work(old)
    places = [("reports", 0), ("reports", 5), ("reports", 1), ("cases", 0)]

    assert [3, 1, 0, 0] == [await position(model.database, *place) for place in places]
    assert ["reports"] * 4 == model.moved


async def test_rows_without_their_position_are_not_kept(model: Model) -> None:
    report, records = received("one"), [Record("reports", 0, received("one"))]
    await model.database.execute(REFUSE_POSITIONS)
    with pytest.raises(Unavailable):
        await model.read_again(records)
    half = await seen(model.database, report.report_id, "app-one"), model.moved.copy()
    await model.database.execute("drop function intake.refuse cascade")
    await model.read_again(records)

    assert (None, []) == half
    assert report == ReportReceived.model_validate_json((await model.seen(report.report_id)).body)
    assert (1, ["reports"]) == (await position(model.database, "reports", 0), model.moved)


async def test_what_was_said_of_a_result_is_known_by_its_key_and_shown_to_nobody(model: Model) -> None:
    report_id = report_id_of("app-one", "one")
    disputed = ReportDisputed(
        at=TUESDAY_1000, report_id=report_id, app="app-one", text="没修好", request_digest="ab" * 32
    )
    rated = ReportRated(at=TUESDAY_1000, report_id=report_id, app="app-one", stars=2)
    other = disputed.model_copy(update={"text": "别的话"})
    records = [Record("reports", offset, event) for offset, event in enumerate((disputed, rated, other))]
    await model.work(records)
    await model.read_again(records)
    ids = [event_id_of(UUID(int=0), event.kind) for event in (disputed, rated)]
    expected = dict(zip(ids, (fingerprint_of(disputed), fingerprint_of(rated)), strict=True))

    assert expected == await feedback_digests(model.database, [*ids, UUID(int=1)])
    assert (3, None) == (await position(model.database, "reports", 0), await seen(model.database, report_id, "app-one"))
    assert "没修好" not in str(await model.everything())


async def test_a_request_is_known_by_both_digests_and_one_of_the_version_before_by_its_own(model: Model) -> None:
    new = received("one", request_digest="ab" * 32, text='"request_digest":"cdcd" 井盖缺失')
    old = received("two", text='"request_digest":"cdcd"')
    event_id = event_id_of(new.report_id, "report.disputed")
    await model.read("reports", new, old)
    await model.database.execute("insert into intake.feedback (event_id, digest) values ($1, 'd')", event_id)
    await model.database.execute(  # as the version before writes it, which does not know the field
        "update intake.reports set body = (body::jsonb - 'request_digest')::text where report_id = $1", old.report_id
    )
    ids = [new.report_id, old.report_id]

    assert {
        new.report_id: Fingerprint("digest-one", "ab" * 32), old.report_id: Fingerprint("digest-two"),
    } == await digests(model.database, ids)  # fmt: skip
    assert {event_id: Fingerprint("d")} == await feedback_digests(model.database, [event_id])


async def test_two_apps_may_use_the_same_key_and_each_has_its_own_report(model: Model) -> None:
    mine, theirs = received("one"), received("one", app="app-two", text="别人的话")
    await model.read("reports", mine, theirs)
    await model.read("cases", *case(theirs))
    found = [await model.seen(report.report_id, report.app) for report in (mine, theirs)]
    foreign = [
        await seen(model.database, mine.report_id, theirs.app),
        await seen(model.database, theirs.report_id, mine.app),
    ]

    assert [("app-one", []), ("app-two", LIFE)] == [(one.app, kinds(one)) for one in found]
    assert [None, None] == foreign


async def test_a_report_that_joins_is_seen_with_the_case_it_came_to(model: Model) -> None:
    first, second, third = received("one"), received("two"), received("three", app="app-two")
    await model.read("cases", *case(first, second, third))
    await model.read("reports", third, second, first)
    found = [await model.seen(report.report_id, report.app) for report in (first, second, third)]
    joined = ["case.opened", "case.filed", "case.joined", "case.dispatched"]

    assert [(1, LIFE), (3, joined), (4, joined)] == [(one.joined_at, kinds(one)) for one in found]


@pytest.mark.parametrize("seed", range(12))
async def test_a_view_says_the_same_with_only_the_events_that_concern_it(model: Model, seed: int) -> None:
    chance = random.Random(seed)
    reports = [received(f"{seed}-{n}") for n in range(6)]
    told = ["case.opened", *chance.choices(sorted(SAID.keys() - {"case.opened"}), k=60)]
    whole = []
    for seq, kind in enumerate(told, 1):
        who = [one.report_id for one in chance.sample(reports, k=3)]
        fields = {"report_id": who[0], "report_ids": tuple(who)}
        said = SAID[kind] | {name: value for name, value in fields.items() if name in SAID[kind]}
        shared = {"case_id": case_id_of(reports[0].report_id), "seq": seq, "at": TUESDAY_1000, "by": "router"}
        whole.append(ev.KINDS[kind](**shared, **said))
    await model.read("reports", *reports)
    await model.read("cases", *whole)
    bodies = tuple((event.kind, event.model_dump_json()) for event in whole)
    for report in reports:
        found = await model.seen(report.report_id)
        if found.events:
            assert shown(replace(found, events=bodies), CITY) == shown(found, CITY)


async def test_a_view_does_not_grow_with_the_reports_that_joined(model: Model) -> None:
    first, *joined = (received(f"crowd-{n}") for n in range(301))
    events = case(first, *joined)
    words: dict[str, Any] = {"case_id": events[0].case_id, "at": TUESDAY_1000, "by": "router"}
    rated = [
        ev.CaseRated(**words, seq=len(events) + n, report_id=one.report_id, stars=3) for n, one in enumerate(joined, 1)
    ]
    await model.read("reports", first, *joined)
    await model.read("cases", *events, *rated)

    assert LIFE == kinds(await model.seen(first.report_id))
    assert [*LIFE[:2], "case.joined", LIFE[2], "case.rated"] == kinds(await model.seen(joined[-1].report_id))


async def test_of_notices_those_that_were_delivered_are_seen_in_their_order(model: Model) -> None:
    report, other = received("one"), received("two")
    late, early = notice(report, 4, minute=9), notice(report, 2, minute=3, event="case.filed")
    failed = NoticeFailed(**(late.model_dump() | {"at": TUESDAY_1000, "outcome": "unavailable"}))
    await model.read("notices", failed, late, early, notice(other, 4))
    await model.read("reports", report)
    found = await model.seen(report.report_id)

    assert [early, late] == [NoticeDelivered.model_validate_json(body) for _, body in found.notices]
    assert {"notice.delivered"} == {kind for kind, _ in found.notices}


async def test_two_replicas_that_read_the_same_case_keep_it_once(model: Model) -> None:
    report = received("one")
    records = [Record("cases", offset, event) for offset, event in enumerate(case(report))]
    await model.read("reports", report)
    many = await asyncio.gather(*(model.work(records) for _ in range(4)), return_exceptions=True)

    assert LIFE == kinds(await model.seen(report.report_id))
    assert [] == [one for one in many if one is not None and not isinstance(one, Unavailable)]
    assert None in many


async def test_an_event_after_a_gap_is_set_aside_and_its_case_goes_on_later(model: Model) -> None:
    report = received("one")
    pairs = [(f"record {event.seq}", event) for event in case(report)]
    await model.read("reports", report)
    async with model.database.transaction() as connection:
        asides = await on_cases(connection, [pairs[0], pairs[2]])
    with_gap = kinds(await model.seen(report.report_id))
    async with model.database.transaction() as connection:
        none = await on_cases(connection, pairs)

    assert [Aside("record 3", "gap", "seq 3, expected 2")] == asides
    assert (LIFE[:1], [], LIFE) == (with_gap, none, kinds(await model.seen(report.report_id)))


async def test_a_case_that_is_further_on_is_never_taken_back(model: Model) -> None:
    first, *_ = events = case(received("one"))
    await model.read("cases", *events)
    async with model.database.transaction() as connection:
        await add_case_events(connection, [first], {first.case_id: first.seq})
        last = await last_seqs(connection, [first.case_id])

    assert {first.case_id: len(events)} == last


def later(minute: int, first: ReportReceived, *joined: ReportReceived) -> list[ev.CaseEvent]:
    """`case`, so many minutes later."""
    at = TUESDAY_1000 + timedelta(minutes=minute)
    return [event.model_copy(update={"at": at}) for event in case(first, *joined)]


def unlinked(first: ReportReceived, seq: int, leaving: ReportReceived, minute: int) -> ev.CaseUnlinked:
    return ev.CaseUnlinked(
        at=TUESDAY_1000 + timedelta(minutes=minute), case_id=case_id_of(first.report_id), seq=seq, by="centre:duty-1",
        report_id=leaving.report_id, moved_to=case_id_of(leaving.report_id),
    )  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_report_that_moved_is_in_its_newest_case_whichever_is_read_first(
    model: Model, order: tuple[int, ...]
) -> None:
    first, mine, third = received("one"), received("two"), received("three")
    leaving = unlinked(first, 5, mine, 10)
    # It joins the first case, becomes a case of its own, and is linked by hand to a third.
    batches = [[*case(first, mine), leaving], later(10, mine), later(20, third, mine)]
    await model.read("reports", first, mine, third)
    records = [await model.read("cases", *batches[n], partition=n) for n in order]
    found = [await model.seen(report.report_id, report.app) for report in (first, mine, third)]
    before = await model.everything()
    for again in records:
        await model.read_again(again)

    assert [1, 3, 1] == [one.joined_at for one in found]
    assert found[1].events[0] == found[2].events[0] != found[0].events[0]
    assert [LIFE, [*LIFE[:2], "case.joined", LIFE[2]], LIFE] == [kinds(one) for one in found]
    assert [leaving] == [ev.CaseUnlinked.model_validate_json(body) for _, body in found[1].unlinked]
    assert [(), ()] == [found[0].unlinked, found[2].unlinked]
    assert before == await model.everything()


async def test_a_report_that_moved_within_one_batch_is_in_its_newest_case(model: Model) -> None:
    first, mine = received("one"), received("two")
    await model.read("reports", mine)
    await model.read("cases", *later(10, mine), *case(first, mine))

    assert (1, LIFE) == ((found := await model.seen(mine.report_id)).joined_at, kinds(found))


async def test_of_two_cases_of_the_same_instant_one_is_chosen_whatever_the_order(model: Model) -> None:
    first, mine = received("one"), received("two")
    answers = []
    for batches in ([case(first, mine), case(mine)], [case(mine), case(first, mine)]):
        await model.database.execute("truncate intake.cases, intake.case_events, intake.case_reports")
        await model.read("reports", mine)
        for batch in batches:
            await model.read("cases", *batch)
        answers.append((await model.seen(mine.report_id)).events)

    assert answers[0] == answers[1]


async def test_a_report_that_comes_back_to_a_case_is_seen_with_its_last_coming(model: Model) -> None:
    first, mine = received("one"), received("two")
    shared: dict[str, Any] = {"case_id": case_id_of(first.report_id), "by": "centre:duty-1"}
    back = ev.CaseJoined(**shared, seq=6, at=TUESDAY_1000 + timedelta(minutes=20), report_id=mine.report_id)
    await model.read("reports", mine)
    await model.read("cases", *later(10, mine), partition=1)
    await model.read("cases", *case(first, mine), unlinked(first, 5, mine, 10), back)
    found = await model.seen(mine.report_id)

    assert (6, ["case.unlinked"]) == (found.joined_at, [kind for kind, _ in found.unlinked])


async def test_a_row_of_the_version_before_gives_way_to_any_move(model: Model) -> None:
    first, mine = received("one"), received("two")
    await model.read("reports", mine)
    await model.read("cases", *case(first, mine))
    await model.database.execute("delete from intake.case_reports")
    await model.database.execute(  # as the version before writes it, which knows nothing of `at`
        "insert into intake.case_reports (report_id, case_id, seq) values ($1, $2, 3)",
        mine.report_id, case_id_of(first.report_id),
    )  # fmt: skip
    before = await model.seen(mine.report_id)
    await model.read("cases", *later(10, mine))

    assert [(3, 4), (1, 3)] == [(one.joined_at, len(one.events)) for one in (before, await model.seen(mine.report_id))]


@pytest.mark.parametrize(
    ("last", "come", "kept", "aside"),
    [
        (0, [1, 2, 3], [1, 2, 3], []),
        (2, [1, 2, 3], [3], []),
        (3, [1, 2, 3], [], []),
        (0, [2, 3], [], [2, 3]),
        (0, [1, 3, 2], [1, 2], [3]),
        (1, [2, 2, 3, 3], [2, 3], []),
        (0, [], [], []),
    ],
)
def test_only_what_continues_a_case_is_kept(last: int, come: list[int], kept: list[int], aside: list[int]) -> None:
    events = case(received("one"))
    pairs = [(seq, events[seq - 1]) for seq in come]
    seen_so_far = {events[0].case_id: last} if last else {}
    before = dict(seen_so_far)
    follows, asides = continued(pairs, seen_so_far)

    assert (kept, aside) == ([event.seq for event in follows], [one.record for one in asides])
    assert before == seen_so_far


async def test_every_topic_is_read_by_a_group_of_its_own(model: Model) -> None:
    assert {(topic.name, f"intake.{topic.name}") for topic in (topics.REPORTS, topics.CASES, topics.NOTICES)} == {
        (topic, consumer.group) for topic, consumer in model.consumers.items()
    }
