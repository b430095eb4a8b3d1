"""The ledger's reads: worklists, lists, one case with its history. Plain SQL; nothing here changes anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from chassis.postgres.pool import Database
from services.router.case import Case
from services.router.ledger import CASES

Position = tuple[str, str]
"""Two parts of a cursor: a number (transaction id or microseconds) and a case id in hex."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some cases and the cursor behind the last of them (the one given, if there is none)."""

    cases: tuple[Case, ...]
    cursor: str

    def __len__(self) -> int:
        return len(self.cases)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of cases is narrowed to; None: any."""

    state: str | None = None
    platform: str | None = None
    district: str | None = None
    category: str | None = None
    case_number: str | None = None


async def worklist(
    database: Database, platform: str, states: Sequence[str], after: Position | None, limit: int
) -> Page:
    """A platform's cases in the order of their dispatch.

    The order is that of the dispatching transactions, and those that may still commit behind a reader are left out
    (`pg_snapshot_xmin`), so that a cursor never passes a case that comes later.
    """
    placed, case_id = after or ("0", "0" * 32)
    rows = await database.fetch(
        """select placed::text as placed, case_id, body from router.cases
           where platform = $1 and is_open and state = any($2)
                 and (placed, case_id) > ($3::text::xid8, $4::uuid)
                 and placed < pg_snapshot_xmin(pg_current_snapshot())
           order by placed, case_id limit $5""",
        platform,
        list(states),
        placed,
        UUID(case_id),
        limit,
    )
    last = f"{rows[-1]['placed']}.{rows[-1]['case_id'].hex}" if rows else f"{placed}.{case_id}"
    return Page(tuple(CASES.validate_json(row["body"]) for row in rows), last)


async def cases(database: Database, wanted: Wanted, after: Position | None, limit: int) -> Page:
    """All cases, oldest first."""
    micros, case_id = after or ("0", "0" * 32)
    rows = await database.fetch(
        """select opened_at, case_id, body from router.cases
           where ($1::text is null or state = $1) and ($2::text is null or platform = $2)
                 and ($3::text is null or district = $3) and ($4::text is null or category = $4)
                 and ($5::text is null or case_number = $5) and (opened_at, case_id) > ($6, $7)
           order by opened_at, case_id limit $8""",
        wanted.state,
        wanted.platform,
        wanted.district,
        wanted.category,
        wanted.case_number,
        _instant(micros),
        UUID(case_id),
        limit,
    )
    last = f"{_micros(rows[-1]['opened_at'])}.{rows[-1]['case_id'].hex}" if rows else f"{micros}.{case_id}"
    return Page(tuple(CASES.validate_json(row["body"]) for row in rows), last)


async def review(database: Database, after: Position | None, limit: int) -> Page:
    """Cases that wait for the centre: held, without a platform, or handled with findings. Longest waiting first."""
    micros, case_id = after or ("0", "0" * 32)
    rows = await database.fetch(
        """select changed_at, case_id, body from router.cases
           where waits_for <> '' and (changed_at, case_id) > ($1, $2) order by changed_at, case_id limit $3""",
        _instant(micros),
        UUID(case_id),
        limit,
    )
    last = f"{_micros(rows[-1]['changed_at'])}.{rows[-1]['case_id'].hex}" if rows else f"{micros}.{case_id}"
    return Page(tuple(CASES.validate_json(row["body"]) for row in rows), last)


async def one(database: Database, case_id: UUID) -> Case | None:
    """A case as it is now."""
    row = await database.fetchrow("select body from router.cases where case_id = $1", case_id)
    return CASES.validate_json(row["body"]) if row else None


async def case_of_report(database: Database, report_id: UUID) -> UUID | None:
    """The case that a report opened or joined."""
    row = await database.fetchrow("select case_id from router.reports where report_id = $1", report_id)
    return row["case_id"] if row else None


async def history(database: Database, case_id: UUID) -> list[dict[str, Any]]:
    """Every line of a case's history, refusals included, with the hash that chains it to the one before."""
    rows = await database.fetch(
        "select line, seq, at, kind, actor, body, hash from router.history where case_id = $1 order by line", case_id
    )
    return [
        {
            "line": row["line"], "seq": row["seq"], "at": row["at"].isoformat(), "event": row["kind"],
            "by": row["actor"], "body": orjson.loads(row["body"]), "hash": row["hash"].hex(),
        }
        for row in rows
    ]  # fmt: skip


async def returns(database: Database) -> list[dict[str, Any]]:
    """The bounce ledger: how often each rule's dispatch came back from each platform, most first."""
    rows = await database.fetch(
        """select rule, platform, count(*) as times, max(at) as last_at from router.returns
           group by rule, platform order by times desc, rule, platform limit 500"""
    )
    return [
        {"rule": r["rule"], "platform": r["platform"], "times": r["times"], "last_at": r["last_at"].isoformat()}
        for r in rows
    ]


def _instant(micros: str) -> datetime:
    number = min(int(micros), 4_000_000_000_000_000)
    return datetime.fromtimestamp(number // 1_000_000, UTC).replace(microsecond=number % 1_000_000)


def _micros(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond
