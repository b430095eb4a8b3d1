"""The ledger's accounts, one row for each dispatch: written with the case, and summed for any period."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal

import orjson

from chassis.postgres.pool import Database
from chassis.postgres.together import Write, columns
from services.router.accountability import Account

By = Literal["platform", "district", "category"]
_PLAIN = attrgetter(*(field.name for field in fields(Account) if field.name != "was"))
"""`dataclasses.astuple` copies deeply, which took a tenth of a batch's time."""
_CODES: dict[By, str] = {
    "platform": "a.platform", "district": "coalesce(w.district, a.district)",
    "category": "coalesce(w.category, a.category)",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sums:
    """What one platform, district or category (`code`) comes to. Rates are made of these, never averaged."""

    code: str
    due: int
    handled: int
    in_time: int
    overdue_open: int
    extended: int
    returned: int
    to_close: int
    reworked: int
    spent_s: int
    timed: int


def writes(accounts: Collection[Account]) -> list[Write]:
    """Adds or replaces accounts; each case and generation stands once in `accounts`."""
    return [Write(_UPSERT, columns([_row(account) for account in accounts]))] if accounts else []


def _row(account: Account) -> tuple[Any, ...]:
    was = orjson.dumps(account.was).decode() if account.was else "[]"
    return (*_PLAIN(account), was)


_UPSERT = """
insert into router.accounts as a (case_id, generation, platform, rule, category, district, dispatched_at, deadline,
    extensions, handled_at, spent_s, reworked_at, returned_at, return_reason, ended_at, ended, was)
select * from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
    $8::timestamptz[], $9::int[], $10::timestamptz[], $11::int[], $12::timestamptz[], $13::timestamptz[], $14::text[],
    $15::timestamptz[], $16::text[], $17::text[])
on conflict (case_id, generation) do update set deadline = excluded.deadline, extensions = excluded.extensions,
    handled_at = excluded.handled_at, spent_s = excluded.spent_s, reworked_at = excluded.reworked_at,
    returned_at = excluded.returned_at, return_reason = excluded.return_reason, ended_at = excluded.ended_at,
    ended = excluded.ended, category = excluded.category, district = excluded.district, was = excluded.was"""


async def sums(
    database: Database, by: By, since: datetime, until: datetime, as_of: datetime, only: tuple[str | None, ...]
) -> list[Sums]:
    """For [since, until), as it stood at `as_of`; `only`: platform, district, category (None: any). In code order.

    What was corrected later than `as_of` is counted under what it was then.

    Nothing of a case that was voided by `as_of`. Due: the deadline lies in the period; not what was returned or linked
    away by then, nor what ended otherwise before its deadline. To be closed: handled in the period.
    """
    rows = await database.fetch(_SUMS.format(by=_CODES[by]), since, until, as_of, *only)
    return [Sums(**dict(row)) for row in rows]


_SUMS = """
with counted as (
    select {by} as code, spent_s, extensions, deadline, handled_at, reworked_at, returned_at, ended_at,
        deadline >= $1 and deadline < $2 and (returned_at is null or returned_at >= $3)
            and (ended_at is null or ended_at >= $3 or ended_at > deadline and ended not in ('void', 'linked'))
            as is_due,
        handled_at >= $1 and handled_at < least($2, $3) as is_to_close,
        handled_at < $3 as is_handled
    from router.accounts a
    left join lateral (
        select x.category, x.district
        from jsonb_to_recordset(a.was::jsonb) as x (until timestamptz, category text, district text)
        where a.was <> '[]' and x.until >= $3 order by x.until limit 1) w on true
    where not exists (select from router.accounts v
                      where v.case_id = a.case_id and v.ended = 'void' and v.ended_at < $3)
        and ($4::text is null or platform = $4) and ($5::text is null or coalesce(w.district, a.district) = $5)
        and ($6::text is null or coalesce(w.category, a.category) = $6)
        and (deadline >= $1 and deadline < $2 or handled_at >= $1 and handled_at < $2
             or returned_at >= $1 and returned_at < $2))
select code, count(*) filter (where is_due) as due,
    count(*) filter (where is_due and is_handled) as handled,
    count(*) filter (where is_due and is_handled and handled_at <= deadline) as in_time,
    count(*) filter (where is_due and is_handled is not true and deadline < $3 - interval '1 microsecond'
                     and (ended_at is null or ended_at >= $3)) as overdue_open,
    count(*) filter (where is_due and extensions > 0) as extended,
    count(*) filter (where returned_at >= $1 and returned_at < $2) as returned,
    count(*) filter (where is_to_close) as to_close,
    count(*) filter (where is_to_close and reworked_at < $3) as reworked,
    coalesce(sum(spent_s) filter (where is_to_close), 0)::bigint as spent_s,
    count(spent_s) filter (where is_to_close) as timed
from counted group by code order by code"""


async def returns(database: Database, since: datetime, until: datetime, by: Sequence[str]) -> list[dict[str, Any]]:
    """The bounce ledger: how often dispatches came back in [since, until), by rule, category, platform or reason."""
    named = {"rule": "rule", "category": "category", "platform": "platform", "reason": "return_reason"}
    chosen = ", ".join(f"{named[name]} as {name}" for name in by)
    rows = await database.fetch(
        f"""select {chosen}, count(*) as times, max(returned_at) as last_at from router.accounts
            where returned_at >= $1 and returned_at < $2 group by {", ".join(named[name] for name in by)}
            order by times desc, {", ".join(by)} limit 500""",  # noqa: S608 - names of our own
        since,
        until,
    )
    return [dict(row) for row in rows]
