"""What is derived from history made anew of it: every case as it now is, and every account of its dispatches."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.postgres.pool import Connection
from chassis.postgres.together import Write, columns, write_together
from services.router import ledger, ledger_accounts
from services.router.accountability import told_again
from services.router.case import Case
from services.router.ledger_events import all_events

CASES_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Recounted:
    """How many dispatches there are, and how many cases were not what their history makes of them."""

    dispatches: int
    cases_changed: int


async def recount(connection: Connection) -> Recounted:
    """Makes both anew, inside the caller's transaction.

    Acts wait meanwhile: what changed under the hands of this would be lost.
    """
    await connection.execute("lock table router.cases in share row exclusive mode")
    await connection.execute("delete from router.accounts")
    dispatches = changed = 0
    async for events in all_events(connection, CASES_AT_ONCE):
        cases, accounts = told_again(events)
        await write_together(connection, ledger_accounts.writes(accounts.values()))
        dispatches += len(accounts)
        changed += await _mend(connection, cases)
    return Recounted(dispatches, changed)


async def _mend(connection: Connection, folded: dict[UUID, Case]) -> int:
    """Writes the cases that are stored otherwise: an older version knows less than was added since."""
    rows = await connection.fetch(
        """select case_id, body, deadline, waits_since, requested, provisional from router.cases
           where case_id = any($1)""",
        list(folded),
    )
    wanted = {row["case_id"]: _columns(folded[row["case_id"]]) for row in rows}
    other = [
        row["case_id"]
        for row in rows
        if (row["deadline"], row["waits_since"], row["requested"], row["provisional"]) != wanted[row["case_id"]]
        or ledger.CASES.validate_json(row["body"]) != folded[row["case_id"]]
    ]
    if other:
        rows_of = [(case_id, ledger.body_of(folded[case_id]), *wanted[case_id]) for case_id in other]
        await write_together(connection, [Write(_MEND, columns(rows_of))])
    return len(other)


def _columns(case: Case) -> tuple[datetime | None, datetime | None, str, bool]:
    return case.deadline, case.waits_since, ledger.pending(case), case.provisional


_MEND = """
update router.cases c set body = n.body, deadline = n.deadline, waits_since = n.waits_since, requested = n.requested,
    provisional = n.provisional
from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::bool[])
    as n (case_id, body, deadline, waits_since, requested, provisional)
where c.case_id = n.case_id"""
