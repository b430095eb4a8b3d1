"""The ledger's own writing: who reported, which cases are followed, which notices are owed. SQL for whole batches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.postgres.pool import Connection
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
    rows = await connection.fetch("select * from notifier.cases where case_id = any($1::uuid[])", list(wanted))
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


async def keep_cases(connection: Connection, changed: Sequence[Case]) -> None:
    """Writes the cases as they now are."""
    await connection.execute(
        """insert into notifier.cases (case_id, seq, reports, case_number, platform_code, platform_name)
           select case_id, seq, string_to_array(reports, ',')::uuid[], case_number, platform_code, platform_name
           from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[])
                as u (case_id, seq, reports, case_number, platform_code, platform_name)
           on conflict (case_id) do update set seq = excluded.seq, reports = excluded.reports,
              case_number = excluded.case_number, platform_code = excluded.platform_code,
              platform_name = excluded.platform_name""",
        [c.case_id for c in changed],
        [c.seq for c in changed],
        [",".join(map(str, c.reports)) for c in changed],  # PostgreSQL has no arrays of arrays of uneven length
        [c.case_number for c in changed],
        [c.platform.code if c.platform else None for c in changed],
        [c.platform.name if c.platform else None for c in changed],
    )


async def add_told(connection: Connection, told: Sequence[Told]) -> None:
    """Writes what the events say."""
    await connection.execute(
        """insert into notifier.told (case_id, seq, event, at, zh, en, reply)
           select * from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
                                $7::text[])
           on conflict (case_id, seq) do nothing""",
        [t.case_id for t in told],
        [t.seq for t in told],
        [t.event for t in told],
        [t.at for t in told],
        [t.text.zh for t in told],
        [t.text.en for t in told],
        [t.reply for t in told],
    )


async def await_reports(connection: Connection, awaited: Sequence[tuple[UUID, UUID, int]]) -> None:
    """Remembers (report, case, seq) of events whose report has not arrived."""
    await connection.execute(
        """insert into notifier.awaited (report_id, case_id, seq)
           select * from unnest($1::uuid[], $2::uuid[], $3::int[]) on conflict do nothing""",
        [a[0] for a in awaited],
        [a[1] for a in awaited],
        [a[2] for a in awaited],
    )


async def take_awaited(connection: Connection, reports: Iterable[UUID]) -> list[tuple[UUID, UUID, int, str]]:
    """Removes and returns (report, case, seq, event) of what waited for `reports`, in the order of each case."""
    rows = await connection.fetch(
        """with taken as (delete from notifier.awaited where report_id = any($1::uuid[]) returning *)
           select report_id, case_id, seq, event from taken join notifier.told using (case_id, seq)
           order by case_id, seq""",
        list(reports),
    )
    return [(row["report_id"], row["case_id"], row["seq"], row["event"]) for row in rows]


async def add_notices(connection: Connection, notices: Sequence[Notice], at: datetime) -> None:
    """Writes notices in this order; one that is there already stays as it is.

    One behind an earlier notice of its lane that waits for another try is due no sooner than that one.
    """
    await connection.execute(
        """insert into notifier.notices
              (case_id, seq, recipient, channel, notice_id, report_id, client, lane, state, due_at, written_at)
           select u.case_id, u.seq, u.recipient, u.channel, u.notice_id, u.report_id, u.client, u.lane, u.state,
                  greatest($10, (select max(p.due_at) from notifier.notices p
                                 where p.case_id = u.case_id and p.seq < u.seq and p.recipient = u.recipient
                                   and p.channel = u.channel and p.state = 'due')), $10
           from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
                       $9::text[]) with ordinality
                as u (case_id, seq, recipient, channel, notice_id, report_id, client, lane, state, place)
           order by u.place on conflict (case_id, seq, recipient, channel) do nothing""",
        [n.case_id for n in notices],
        [n.seq for n in notices],
        [n.recipient for n in notices],
        [n.channel for n in notices],
        [n.notice_id for n in notices],
        [n.report_id for n in notices],
        [n.client for n in notices],
        [n.lane for n in notices],
        [n.state for n in notices],
        at,
    )
