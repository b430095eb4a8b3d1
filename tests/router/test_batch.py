"""Reports from Kafka → cases, in one transaction, on a real PostgreSQL."""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from chassis.kafka.consumer import Aside, Consumer
from chassis.kafka.producer import broker_of
from chassis.postgres.pool import Unavailable
from chassis.postgres.written import tables_written
from schemas import cases as ev
from schemas.cases import KINDS
from schemas.events import Place
from schemas.ids import case_id_of
from services.router import ledger_lists, ledger_reads
from services.router.act import Door
from services.router.case import Case
from services.router.consumers import on_batch, read, subscribe
from services.router.evolve import evolve
from tests.router.conftest import record_of, report
from tests.router.desk import rated


async def taken(door: Door, *events: Any) -> Sequence[Aside]:
    records = [record_of(event, n) for n, event in enumerate(events)]
    async with door.database.transaction() as connection:
        return await on_batch(connection, door, [(record, read(record)) for record in records])


async def counts(door: Door) -> dict[str, int]:
    tables = ("cases", "reports", "history", "outbox", "timers")
    rows = [await door.database.fetchrow(f"select count(*) from router.{table}") for table in tables]
    return {table: row["count"] for table, row in zip(tables, rows, strict=True) if row}


async def digest(door: Door) -> list[Any]:
    return await door.database.fetch(
        "select c.body, h.body as line from router.cases c join router.history h using (case_id) order by case_id, line"
    )


async def test_every_report_of_a_batch_becomes_a_dispatched_case(door: Door) -> None:
    await taken(door, *(report(n) for n in range(200)))

    assert {"cases": 200, "reports": 200, "history": 600, "outbox": 600, "timers": 400} == await counts(door)


async def test_a_batch_read_again_changes_nothing(door: Door) -> None:
    events = [report(n) for n in range(50)]
    await taken(door, *events)
    before = await digest(door)
    await taken(door, *events, *events)

    assert before == await digest(door)


async def test_what_is_taken_again_writes_nothing_and_is_no_evidence_that_writing_succeeds(door: Door) -> None:
    written = []
    for event in (report(1), report(1), rated(door, 1, 5), rated(door, 1, 5)):
        record = record_of(event)
        async with door.database.transaction() as connection, tables_written(connection, "router") as tables:
            await on_batch(connection, door, [(record, read(record))])
        written.append(tables)

    assert ["insert reports" in written[0], "insert answers" in written[2]] == [True, True]
    assert [set(), set()] == [written[1], written[3]]


async def test_two_owners_of_a_partition_take_each_report_once_and_park_none(door: Door) -> None:
    owners = [subscribe(broker_of("127.0.0.1:9", "router"), door) for _ in range(2)]  # parking would fail
    records = [record_of(report(n), n) for n in range(12)]

    async def insist(owner: Consumer) -> None:
        for end in range(1, len(records) + 1):
            settled = False
            while not settled:
                with suppress(Unavailable):
                    await owner.on_batch(records[:end])
                    settled = "waits" not in str(await owner.check())

    await asyncio.gather(*map(insist, owners))

    assert {"cases": 12, "reports": 12, "history": 36, "outbox": 36, "timers": 24} == await counts(door)


async def test_the_same_report_with_other_words_is_set_aside_and_the_first_is_kept(door: Door) -> None:
    asides = await taken(door, report(1), report(1, body_digest="other"), report(1))
    later = await taken(door, report(1, body_digest="third"))

    assert ["idempotency_conflict"] * 2 == [aside.reason for aside in (*asides, *later)]
    assert (await counts(door))["cases"] == 1


async def test_a_report_of_the_same_problem_joins_within_a_batch_and_across_batches(door: Door) -> None:
    first = report(1)
    beside = report(2, place=Place(lon=(first.place.lon or 0) + 0.0004, lat=first.place.lat, district="140106"))
    other_category = report(3, place=first.place, category="C0103")
    far = report(4, place=Place(lon=(first.place.lon or 0) + 0.0008, lat=first.place.lat, district="140106"))
    again = report(5, place=first.place)
    await taken(door, first, beside, other_category, far)
    await taken(door, again)
    case = await ledger_reads.one(door.database, case_id_of(first.report_id))

    assert case is not None
    assert (first.report_id, beside.report_id, again.report_id) == case.reports
    assert (await counts(door))["cases"] == 3


async def test_case_numbers_of_a_district_run_without_a_gap(door: Door) -> None:
    await taken(door, *(report(n) for n in range(3)))
    await taken(door, *(report(n) for n in range(3, 5)))
    rows = await door.database.fetch("select case_number from router.cases order by case_number")

    assert [f"14010620261124{n:05d}" for n in range(1, 6)] == [row["case_number"] for row in rows]


async def test_a_report_without_a_category_waits_for_the_centre(door: Door) -> None:
    await taken(door, report(1, category=None))
    page = await ledger_lists.waiting(door.database, (), ledger_lists.FIRST, 10)

    assert [("held", "category_missing", None)] == [(c.state, c.waits_for, c.case_number) for c in page.cases]


async def test_a_case_is_the_fold_of_its_history_and_the_chain_holds(door: Door) -> None:
    first = report(1)
    await taken(door, first, report(2, place=first.place), report(9, category=None))
    await taken(door, report(3, place=first.place))
    for row in await door.database.fetch("select case_id, lines, chain from router.cases"):
        stored = await door.database.fetch(
            "select body, hash from router.history where case_id = $1 order by line", row["case_id"]
        )
        chain = [b""]
        for one in stored:
            chain.append(hashlib.sha256(chain[-1] + one["body"]).digest())
        case: Case | None = None
        for line in await ledger_reads.history(door.database, row["case_id"]):
            event = KINDS[line["event"]].model_validate_json(orjson.dumps(line["body"]))
            assert isinstance(event, ev.CaseEvent)
            case = evolve(case, event)  # type: ignore[arg-type]

        assert case == await ledger_reads.one(door.database, row["case_id"])
        assert chain[1:] == [one["hash"] for one in stored]
        assert (len(stored), chain[-1]) == (row["lines"], row["chain"])


async def test_the_outbox_holds_the_events_of_each_case_in_order(door: Door) -> None:
    await taken(door, report(1), report(2))
    rows = await door.database.fetch("select key, headers from router.outbox order by id")
    kinds = [orjson.loads(row["headers"])["ce_type"] for row in rows]

    assert ["case.opened", "case.filed", "case.dispatched"] * 2 == kinds


async def test_two_replicas_that_meet_the_same_problem_open_one_case(door: Door) -> None:
    first = report(1)
    await asyncio.gather(*(taken(door, report(n, place=first.place), report(n + 100)) for n in range(1, 7)))
    rows = await door.database.fetch(
        "select count(distinct case_id) from router.reports where report_id = any($1)",
        [report(n).report_id for n in range(1, 7)],
    )

    assert [1] == [row["count"] for row in rows]
