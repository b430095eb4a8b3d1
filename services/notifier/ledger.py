"""The ledger's own writing: who reported, which cases are followed, which notices are owed. SQL for whole batches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.postgres.pool import Connection
from chassis.postgres.together import Write, columns
from schemas.events import Named, Words
from schemas.reports import ReportReceived
from services.notifier.owed import Case, Endpoint, Notice, Reporter


@dataclass(frozen=True, slots=True)
class Told:
    """What one event says to everybody who hears of it. `reply` is JSON text in the form of the feed."""

    case_id: UUID
    seq: int
    event: str
    at: datetime
    text: Words
    reply: str | None


async def lock_reporters(connection: Connection, reports: Iterable[UUID]) -> None:
    """Makes the two consumers take turns over each of these reports until their transactions end.

    An advisory lock, and before anything is written: a row's lock would give the transaction its id first, and the
    feed, which is ordered by it, could then show a late report's older event after a newer one.
    """
    places = sorted({int.from_bytes(report.bytes[:4], "big", signed=True) for report in reports})
    await connection.execute("select pg_advisory_xact_lock(5227, p) from unnest($1::int[]) p", places)


async def add_reporters(connection: Connection, received: Sequence[ReportReceived]) -> None:
    """Remembers who is behind each report. The first record of a report stands."""
    await connection.execute(
        """insert into notifier.reporters (report_id, app, reporter_ref, contact_key, contact_box)
           select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
           on conflict (report_id) do nothing""",
        [r.report_id for r in received],
        [r.app for r in received],
        [r.reporter_ref for r in received],
        [r.contact.key_id if r.contact else None for r in received],
        [r.contact.box if r.contact else None for r in received],
    )


async def reporters(connection: Connection, reports: Iterable[UUID]) -> dict[UUID, Reporter]:
    """Those of `reports` that have arrived."""
    rows = await connection.fetch(
        """select report_id, app, contact_box is not null as has_contact
           from notifier.reporters where report_id = any($1::uuid[])""",
        list(reports),
    )
    return {row["report_id"]: Reporter(row["report_id"], row["app"], row["has_contact"]) for row in rows}


async def endpoints(connection: Connection, clients: Iterable[str]) -> dict[str, list[Endpoint]]:
    """The endpoints of each client that has any."""
    rows = await connection.fetch(
        """select client, name, disabled_at is null as enabled
           from notifier.endpoints where client = any($1::text[]) order by client, name""",
        list(clients),
    )
    found: dict[str, list[Endpoint]] = {}
    for row in rows:
        found.setdefault(row["client"], []).append(Endpoint(row["client"], row["name"], row["enabled"]))
    return found


async def cases(connection: Connection, case_ids: Iterable[UUID]) -> dict[UUID, Case]:
    """Every case asked for; one that was never seen is at seq 0."""
    wanted = set(case_ids)
    rows = await connection.fetch(
        """select case_id, seq, reports, case_number, platform_code, platform_name
           from notifier.cases where case_id = any($1::uuid[])""",
        list(wanted),
    )
    known = {
        row["case_id"]: Case(
            row["case_id"],
            row["seq"],
            tuple(row["reports"]),
            row["case_number"],
            Named(code=row["platform_code"], name=row["platform_name"]) if row["platform_code"] else None,
        )
        for row in rows
    }
    return {case_id: known.get(case_id) or Case(case_id) for case_id in wanted}


def keep_cases(changed: Sequence[Case]) -> list[Write]:
    """The cases as they now are; a row that is further on already stays as it is."""
    sql = """insert into notifier.cases as reached (case_id, seq, reports, case_number, platform_code, platform_name)
           select case_id, seq, string_to_array(reports, ',')::uuid[], case_number, platform_code, platform_name
           from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[])
                as u (case_id, seq, reports, case_number, platform_code, platform_name)
           on conflict (case_id) do update set seq = excluded.seq, reports = excluded.reports,
              case_number = excluded.case_number, platform_code = excluded.platform_code,
              platform_name = excluded.platform_name where reached.seq < excluded.seq"""
    rows = [
        (
            c.case_id, c.seq, ",".join(map(str, c.reports)),  # PostgreSQL has no arrays of arrays of uneven length
            c.case_number, c.platform.code if c.platform else None, c.platform.name if c.platform else None,
        )
        for c in changed
    ]  # fmt: skip
    return [Write(sql, columns(rows))] if rows else []


def add_told(told: Sequence[Told]) -> list[Write]:
    """What the events say."""
    sql = """insert into notifier.told (case_id, seq, event, at, zh, en, reply)
           select * from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
                                $7::text[])
           on conflict (case_id, seq) do nothing"""
    rows = [(t.case_id, t.seq, t.event, t.at, t.text.zh, t.text.en, t.reply) for t in told]
    return [Write(sql, columns(rows))] if rows else []


def await_reports(awaited: Sequence[tuple[UUID, UUID, int]]) -> list[Write]:
    """(report, case, seq) of events whose report has not arrived."""
    sql = """insert into notifier.awaited (report_id, case_id, seq)
           select * from unnest($1::uuid[], $2::uuid[], $3::int[]) on conflict do nothing"""
    return [Write(sql, columns(awaited))] if awaited else []


async def take_awaited(connection: Connection, reports: Iterable[UUID]) -> list[tuple[UUID, UUID, int, str]]:
    """Removes and returns (report, case, seq, event) of what waited for `reports`, in the order of each case."""
    rows = await connection.fetch(
        """with taken as (delete from notifier.awaited where report_id = any($1::uuid[])
                         returning case_id, seq, report_id)
           select report_id, case_id, seq, event from taken join notifier.told using (case_id, seq)
           order by case_id, seq""",
        list(reports),
    )
    return [(row["report_id"], row["case_id"], row["seq"], row["event"]) for row in rows]


def add_notices(notices: Sequence[Notice], at: datetime) -> list[Write]:
    """Notices in this order; one that is there already stays as it is.

    One behind an earlier notice of its lane that waits for another try is due no sooner than that one.
    """
    sql = """insert into notifier.notices
              (case_id, seq, recipient, channel, notice_id, report_id, client, lane, state, due_at, written_at)
           select u.case_id, u.seq, u.recipient, u.channel, u.notice_id, u.report_id, u.client, u.lane, u.state,
                  greatest($10::timestamptz, (select max(p.due_at) from notifier.notices p
                                 where p.case_id = u.case_id and p.seq < u.seq and p.recipient = u.recipient
                                   and p.channel = u.channel and p.state = 'due')), $10::timestamptz
           from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
                       $9::text[]) with ordinality
                as u (case_id, seq, recipient, channel, notice_id, report_id, client, lane, state, place)
           order by u.place on conflict (case_id, seq, recipient, channel) do nothing"""
    rows = [
        (n.case_id, n.seq, n.recipient, n.channel, n.notice_id, n.report_id, n.client, n.lane, n.state) for n in notices
    ]
    return [Write(sql, (*columns(rows), at))] if rows else []
