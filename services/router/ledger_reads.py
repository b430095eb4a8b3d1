"""The ledger's reads of cases: all that are wanted, one with its history. Nothing here changes anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from chassis.postgres.pool import Database, Record
from services.router.case import Case
from services.router.ledger import CASES
from services.router.ledger_events import lines_of
from services.router.ledger_lists import Listed, Place


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of cases is narrowed to; None, or no state: any."""

    states: Sequence[str] = ()
    platform: str | None = None
    district: str | None = None
    category: str | None = None
    case_number: str | None = None

    def has(self, case: Case) -> bool:
        """Whether a case is in the list."""
        platform = case.platform.code if case.platform else None
        wanted = (self.platform, self.district, self.category, self.case_number)
        found = (platform, case.district, case.category, case.case_number)
        fits = all(want is None or want == has for want, has in zip(wanted, found, strict=True))
        return fits and (not self.states or case.state in self.states)


async def cases(database: Database, wanted: Wanted, after: Place, limit: int) -> Listed:
    """All cases, oldest first."""
    rows = await database.fetch(
        """select opened_at, case_id, body from router.cases
           where ($1::text[] = '{}' or state = any($1)) and ($2::text is null or platform = $2)
                 and ($3::text is null or district = $3) and ($4::text is null or category = $4)
                 and ($5::text is null or case_number = $5) and (opened_at, case_id) > ($6, $7)
           order by opened_at, case_id limit $8""",
        list(wanted.states),
        wanted.platform,
        wanted.district,
        wanted.category,
        wanted.case_number,
        *after,
        limit,
    )
    found = tuple(CASES.validate_json(row["body"]) for row in rows)
    return Listed(found, (rows[-1]["opened_at"], rows[-1]["case_id"]) if rows else after)


async def one(database: Database, case_id: UUID, platform: str | None = None) -> Case | None:
    """A case as it is now; with `platform`, only if that platform has it."""
    row = await database.fetchrow(
        "select body from router.cases where case_id = $1 and ($2::text is null or platform = $2)", case_id, platform
    )
    return CASES.validate_json(row["body"]) if row else None


async def some(database: Database, case_ids: Sequence[UUID]) -> dict[UUID, Case]:
    """Those of the cases that exist, as they are now."""
    rows = await database.fetch("select case_id, body from router.cases where case_id = any($1)", list(case_ids))
    return {row["case_id"]: CASES.validate_json(row["body"]) for row in rows}


async def case_of_report(database: Database, report_id: UUID) -> UUID | None:
    """The case that a report opened or joined."""
    row = await database.fetchrow("select case_id from router.reports where report_id = $1", report_id)
    return row["case_id"] if row else None


async def history(database: Database, case_id: UUID) -> list[dict[str, Any]]:
    """Every line of a case's history, refusals included, with the hash that chains it to the one before."""
    return [as_told(line) for line in await lines_of(database, case_id)]


def _why(body: dict[str, Any]) -> str | None:
    """A reason as it was given, the rule that chose, the step of a clock, the findings of a handling."""
    given = [body.get(name) for name in ("reason", "rule", "step")]
    return next((text for text in given if text), None) or ",".join(body.get("findings", ())) or None


def as_told(row: Record) -> dict[str, Any]:
    """A line of history: who, when, what, why."""
    body = orjson.loads(row["body"])
    return {
        "line": row["line"], "seq": row["seq"], "at": row["at"].isoformat(), "event": row["kind"], "by": row["actor"],
        "why": _why(body), "body": body, "hash": row["hash"].hex(),
    }  # fmt: skip
