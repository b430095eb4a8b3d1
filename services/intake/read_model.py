"""The read model in PostgreSQL, schema `intake`: written from the topics, read by citizens' apps.

Rows and the position of their partition are written in one transaction (`chassis/kafka/fence.py`). A case event may
come before its report and the reverse: neither table refers to the other, and they meet when somebody reads. Of two
cases that a report came to, the later by the router's clock has it, whichever is read first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis import faults
from chassis.postgres.pool import Connection, Database
from schemas import cases as ev
from schemas.cases import CaseEvent, CaseJoined, CaseOpened, CaseUnlinked
from schemas.notices import NoticeEvent
from schemas.reports import ReportReceived
from services.intake.fingerprint import Fingerprint

_SEEN = """
select r.app, r.body, c.seq as joined_at,
       array(select e.kind || ' ' || e.body from intake.case_events e
             where e.case_id = c.case_id
                 and (e.kind <> all($3::text[]) or e.seq = c.seq
                      or e.kind <> 'case.joined' and position(r.report_id::text in e.body) > 0)
             order by e.seq) as events,
       array(select e.kind || ' ' || e.body
             from intake.reports_unlinked u join intake.case_events e using (case_id, seq)
             where u.report_id = r.report_id) as unlinked,
       array(select n.kind || ' ' || n.body from intake.notices n
             where n.report_id = r.report_id and n.kind = 'notice.delivered' order by n.at) as notices
from intake.reports r left join intake.case_reports c using (report_id) where r.report_id = $1 and r.app = $2"""


OF_ONE_REPORTER = [kind.kind for kind in (
    CaseJoined, CaseUnlinked, ev.CaseDisputed, ev.CaseDisputeRefused, ev.CaseRated, ev.CaseSupplemented
)]  # fmt: skip
"""Events that leave the case's state as it is and are told only to the reporters whom they name: a case may have one of
them for each of its reports, and only those that name this one are read. The event with which the report came to the
case is always read."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is known of one report: bodies as published; events and notices as (type, body), events by `seq`.

    `events` are those of the case it is in, without what concerns other reports alone; `unlinked` are those that took
    it out of other cases, in no order.
    """

    app: str
    body: str
    joined_at: int | None
    events: tuple[tuple[str, str], ...]
    notices: tuple[tuple[str, str], ...]
    unlinked: tuple[tuple[str, str], ...]


async def seen(database: Database, report_id: UUID, app: str) -> Seen | None:
    """What the model knows of a report of this app, in one statement. Raises `Unavailable`."""
    row = await database.fetchrow(_SEEN, report_id, app, OF_ONE_REPORTER)
    if row is None:
        return None
    events, notices, unlinked = (_pairs(row[name]) for name in ("events", "notices", "unlinked"))
    return Seen(row["app"], row["body"], row["joined_at"], events, notices, unlinked)


async def digests(database: Database, report_ids: Sequence[UUID]) -> dict[UUID, Fingerprint]:
    """The fingerprints of the requests that are known under these ids."""
    # The whole body is not read as JSON, because it may hold what PostgreSQL cannot; quotes inside a text are escaped.
    rows = await database.fetch(
        """select report_id, body_digest, substring(body from '"request_digest":"([0-9a-f]*)"') as request_digest
           from intake.reports where report_id = any($1::uuid[])""",
        list(report_ids),
    )
    return {row["report_id"]: Fingerprint(row["body_digest"], row["request_digest"] or "") for row in rows}


async def feedback_digests(database: Database, event_ids: Sequence[UUID]) -> dict[UUID, Fingerprint]:
    """The fingerprints of the disputes and ratings that are known under these event ids."""
    rows = await database.fetch(
        "select event_id, digest, request_digest from intake.feedback where event_id = any($1::uuid[])",
        list(event_ids),
    )
    return {row["event_id"]: Fingerprint(row["digest"], row["request_digest"]) for row in rows}


async def position(database: Database, topic: str, partition: int) -> int:
    """The offset that the model will read next; 0 before the first record."""
    row = await database.fetchrow(
        "select next_offset from intake.positions where topic = $1 and partition = $2", topic, partition
    )
    return int(row["next_offset"]) if row else 0


async def add_reports(connection: Connection, received: Sequence[ReportReceived]) -> None:
    """Adds reports; the first of an id stays, whatever comes later under the same id."""
    await connection.execute(
        """insert into intake.reports (report_id, app, body_digest, at, body)
           select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
           on conflict do nothing""",
        [r.report_id for r in received],
        [r.app for r in received],
        [r.body_digest for r in received],
        [r.at for r in received],
        [r.model_dump_json(exclude={"contact", "original_text"}) for r in received],
    )


async def add_feedback(connection: Connection, said: Sequence[tuple[UUID, Fingerprint]]) -> None:
    """Adds disputes and ratings as (event id, fingerprint); the first of an id stays."""
    await connection.executemany(
        "insert into intake.feedback (event_id, digest, request_digest) values ($1, $2, $3) on conflict do nothing",
        [(event_id, fingerprint.body, fingerprint.request) for event_id, fingerprint in said],
    )


async def last_seqs(connection: Connection, case_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The last event seen of each case; the rows stay locked until the transaction ends."""
    rows = await connection.fetch(
        "select case_id, seq from intake.cases where case_id = any($1::uuid[]) order by case_id for update",
        list(case_ids),
    )
    return {row["case_id"]: row["seq"] for row in rows}


async def add_case_events(connection: Connection, events: Sequence[CaseEvent], last: dict[UUID, int]) -> None:
    """Adds events that continue their case without a gap; `last` is the number each case has reached with them."""
    await connection.execute(
        """insert into intake.cases as reached (case_id, seq)
           select case_id, seq from unnest($1::uuid[], $2::int[]) as u (case_id, seq)
           on conflict (case_id) do update set seq = excluded.seq where reached.seq < excluded.seq""",
        list(last),
        list(last.values()),
    )
    await connection.execute(
        """insert into intake.case_events (case_id, seq, kind, body)
           select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) on conflict do nothing""",
        [e.case_id for e in events],
        [e.seq for e in events],
        [e.kind for e in events],
        [e.model_dump_json() for e in events],
    )
    reporting = [e for e in events if isinstance(e, CaseOpened | CaseJoined)]
    if reporting:
        await _add_case_reports(connection, reporting)
    if unlinked := [(e.report_id, e.case_id, e.seq) for e in events if isinstance(e, CaseUnlinked)]:
        await connection.executemany(
            "insert into intake.reports_unlinked (report_id, case_id, seq) values ($1, $2, $3) on conflict do nothing",
            unlinked,
        )


async def add_notices(connection: Connection, notices: Sequence[NoticeEvent]) -> None:
    """Adds what became of notices, each kind once."""
    at: list[datetime] = [n.at for n in notices]
    await connection.execute(
        """insert into intake.notices (notice_id, kind, report_id, at, body)
           select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::text[])
           on conflict do nothing""",
        [n.notice_id for n in notices],
        [n.kind for n in notices],
        [n.report_id for n in notices],
        at,
        [n.model_dump_json() for n in notices],
    )


async def _add_case_reports(connection: Connection, reporting: Sequence[CaseOpened | CaseJoined]) -> None:
    # One row for each report, because one statement may not change a row twice; in their order, because another
    # replica may have the same reports from the events of another case.
    newest = {e.report_id: e for e in sorted(reporting, key=lambda e: (e.at, e.case_id, e.seq))}
    report_ids = sorted(newest)
    await connection.execute(
        """insert into intake.case_reports as held (report_id, case_id, seq, at)
           select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[])
           on conflict (report_id) do update set case_id = excluded.case_id, seq = excluded.seq, at = excluded.at
           where (excluded.at, excluded.case_id, excluded.seq) > (held.at, held.case_id, held.seq)""",
        report_ids,
        [newest[report_id].case_id for report_id in report_ids],
        [newest[report_id].seq for report_id in report_ids],
        [newest[report_id].at for report_id in report_ids],
    )
    known = await connection.fetchval(
        "select count(*) from intake.reports where report_id = any($1::uuid[])", report_ids
    )
    if known < len(report_ids):
        faults.reach("model.crossed")


def _pairs(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((kind, body) for kind, _, body in (line.partition(" ") for line in lines))
