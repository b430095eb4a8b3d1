"""The ledger's writes: the locked row of a case, and everything that one decision changes, in one transaction."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from chassis.kafka.envelope import headers_of
from chassis.kafka.producer import Unsent
from chassis.postgres import outbox
from chassis.postgres.pool import Connection
from chassis.postgres.together import Write, columns
from schemas.ids import event_id_of
from services.router import ledger_accounts, ledger_evidence
from services.router.accountability import Account
from services.router.case import Case, CaseEvent
from services.router.timers import Timer
from services.router.transitions import OPEN_STATES

CASES: TypeAdapter[Case] = TypeAdapter(Case)
TOPIC = "cases"


@dataclass(frozen=True, slots=True)
class Kept:
    """A case as stored: how many lines of history it has, and the hash of the last one."""

    case: Case
    lines: int
    chain: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """An act that was refused and is remembered in the history."""

    at: datetime
    by: str
    command: str
    reason: str
    generation: int | None


@dataclass(slots=True)
class Draft:
    """What one transaction does to one case: events and refusals in order, the accounts of its dispatches that they
    change (by generation), and the timers to stand afterwards."""

    kept: Kept | None
    case: Case | None
    lines: list[CaseEvent | Refused] = field(default_factory=list)
    accounts: dict[int, Account] = field(default_factory=dict)
    timers: tuple[Timer, ...] = ()


async def lock(connection: Connection, case_ids: Sequence[UUID], platform: str | None = None) -> dict[UUID, Kept]:
    """The cases that exist among `case_ids`, locked until the transaction ends, in the order of their ids.

    With `platform`, only those that it has or had: for it, no other case exists, and none is waited for.
    """
    if not case_ids:
        return {}
    # Only the list is made jsonb: a whole body may hold what jsonb cannot, and inside a string quotes are escaped.
    rows = await connection.fetch(
        """select case_id, lines, chain, body from router.cases
           where case_id = any($1)
               and ($2::text is null or substring(body from '"held_by":(\\[[^]]*\\])')::jsonb ? $2)
           order by case_id for update""",
        sorted(case_ids),
        platform,
    )
    return {row["case_id"]: Kept(CASES.validate_json(row["body"]), row["lines"], row["chain"]) for row in rows}


def writes(drafts: Sequence[Draft]) -> list[Write]:
    """Rows, history, outbox, timers, accounts and evidence of all drafts, each table in one write."""
    drafts = [draft for draft in drafts if draft.case is not None]
    events = [line for draft in drafts for line in draft.lines if not isinstance(line, Refused)]
    history = [row for draft in drafts for row in _lines(draft)]
    ends = {row[0]: (row[1], row[7]) for row in history}
    return [
        *_of_cases(drafts, ends),
        *_of_history(history),
        *outbox.writes("router", [_unsent(row) for row in history if row[2] is not None]),
        *_of_timers(drafts),
        *ledger_accounts.writes([account for draft in drafts for account in draft.accounts.values()]),
        *ledger_evidence.writes(events),
    ]


Line = tuple[UUID, int, int | None, datetime, str, str, bytes, bytes]


def _lines(draft: Draft) -> list[Line]:
    """History rows: case_id, line, seq, at, kind, by, body, hash. The hash chains over the one before."""
    case = draft.case
    if case is None:
        return []
    number, chain = (draft.kept.lines, draft.kept.chain) if draft.kept else (0, b"")
    rows: list[Line] = []
    for what in draft.lines:
        number += 1
        if isinstance(what, Refused):
            body, seq, kind = _refusal_body(what), None, "refused"
        else:
            body, seq, kind = what.model_dump_json().encode(), what.seq, what.kind
        chain = hashlib.sha256(chain + body).digest()
        rows.append((case.case_id, number, seq, what.at, kind, what.by, body, chain))
    return rows


def _refusal_body(refused: Refused) -> bytes:
    return orjson.dumps({"command": refused.command, "reason": refused.reason, "generation": refused.generation})


def _unsent(row: Line) -> Unsent:
    case_id, _, seq, at, kind, _, body, _ = row
    headers = headers_of(event_id_of(case_id, kind, seq or 0), kind, "router", at)
    return Unsent(TOPIC, str(case_id).encode(), body, headers)


def _of_cases(drafts: Sequence[Draft], ends: dict[UUID, tuple[int, bytes]]) -> list[Write]:
    changed = [draft.case for draft in drafts if draft.case is not None and draft.case.case_id in ends]
    rows = [
        (
            case.case_id, case.state, case.state in OPEN_STATES, case.category, case.district, case.place.lon,
            case.place.lat, case.case_number, case.platform.code if case.platform else None, case.generation,
            case.opened_at, case.changed_at, case.waits_for, *ends[case.case_id], body_of(case),
            case.deadline, pending(case), case.provisional, case.waits_since,
        )
        for case in changed
    ]  # fmt: skip
    return [Write(_CASES, columns(rows))] if rows else []


def body_of(case: Case) -> str:
    """The whole case as JSON; what is as it was in the beginning is left out, which is a third of it."""
    return CASES.dump_json(case, exclude_defaults=True).decode()


def pending(case: Case) -> str:
    """What waits for the centre's yes or no."""
    return "dispute" if case.disputed_by else case.requested.request if case.requested else ""


_CASES = """
insert into router.cases as c (case_id, state, is_open, category, district, lon, lat, case_number, platform,
    generation, opened_at, changed_at, waits_for, lines, chain, body, deadline, requested, provisional,
    waits_since)
select * from unnest($1::uuid[], $2::text[], $3::bool[], $4::text[], $5::text[], $6::float8[], $7::float8[],
    $8::text[], $9::text[], $10::int[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::int[],
    $15::bytea[], $16::text[], $17::timestamptz[], $18::text[], $19::bool[], $20::timestamptz[])
on conflict (case_id) do update set state = excluded.state, is_open = excluded.is_open,
    category = excluded.category, district = excluded.district, case_number = excluded.case_number,
    lon = excluded.lon, lat = excluded.lat,
    platform = excluded.platform, generation = excluded.generation, changed_at = excluded.changed_at,
    waits_for = excluded.waits_for, lines = excluded.lines, chain = excluded.chain, body = excluded.body,
    deadline = excluded.deadline, requested = excluded.requested, provisional = excluded.provisional,
    waits_since = excluded.waits_since,
    placed = case when c.generation = excluded.generation
                       and not (c.state = 'suspended' and excluded.state = 'accepted')
                       and (c.category, c.district, c.lon, c.lat)
                           is not distinct from (excluded.category, excluded.district, excluded.lon, excluded.lat)
             then c.placed else pg_current_xact_id() end"""


def _of_history(rows: Sequence[Line]) -> list[Write]:
    sql = """insert into router.history (case_id, line, seq, at, kind, actor, body, hash)
             select * from unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::text[], $6::text[],
                                  $7::bytea[], $8::bytea[])"""
    return [Write(sql, columns(rows))] if rows else []


def _of_timers(drafts: Sequence[Draft]) -> list[Write]:
    rows = [
        (draft.case.case_id, timer.stage, timer.generation, timer.step, timer.at)
        for draft in drafts
        if draft.case is not None
        for timer in draft.timers
    ]
    old = [draft.kept.case.case_id for draft in drafts if draft.kept is not None]
    standing = [(row[0], row[1]) for row in rows] if old else []
    # A row may be written by one part only: what stands on is replaced by the insert, the delete takes the rest.
    gone = """delete from router.timers where case_id = any($1::uuid[])
              and (case_id, stage) not in (select * from unnest($2::uuid[], $3::text[]))"""
    sql = """insert into router.timers (case_id, stage, generation, step, at)
             select * from unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::timestamptz[])
             on conflict (case_id, stage) do update
             set generation = excluded.generation, step = excluded.step, at = excluded.at"""
    found = [Write(gone, (old, [key[0] for key in standing], [key[1] for key in standing]))] if old else []
    return [*found, Write(sql, columns(rows))] if rows else found
