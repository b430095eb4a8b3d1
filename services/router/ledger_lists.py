"""The ledger's lists: a platform's worklist, and what waits for the centre. Nothing here changes anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from chassis.postgres.horizon import horizon
from chassis.postgres.pool import Database, Record
from services.router.case import Case
from services.router.ledger import CASES

FIRST = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
Place = tuple[datetime, UUID]
"""Behind which instant and case a page begins."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One pass over a worklist in the order of deadlines: the cases dispatched since `since` (a transaction id) and
    before `until` (None: a new pass, up to now), behind `place`."""

    since: int = 0
    until: int | None = None
    place: Place = FIRST


@dataclass(frozen=True, slots=True)
class Worklist:
    """Some cases of a sweep, and how it goes on; a sweep that has come to its end is followed by the next one."""

    cases: tuple[Case, ...]
    onward: Sweep

    def __len__(self) -> int:
        return len(self.cases)


@dataclass(frozen=True, slots=True)
class Listed:
    """Some cases in order, and the place behind the last of them."""

    cases: tuple[Case, ...]
    place: Place


_UNTIL = f"select coalesce($6::text::xid8, {horizon('router')}) as until offset 0"
_STANDING = f"""
select now.until::text as until, c.deadline, c.case_id, c.body from ({_UNTIL}) now
left join lateral (
    select found.deadline, found.case_id, found.body from unnest($2::text[]) s (state) cross join lateral (
        select deadline, case_id, body from router.cases
        where platform = $1 and is_open and state = s.state and (deadline, case_id) > ($3, $4)
            and placed < now.until
        order by deadline, case_id limit $5) found
    order by deadline, case_id limit $5) c on true
order by c.deadline, c.case_id"""  # noqa: S608
_FRESH = f"""
select now.until::text as until, c.deadline, c.case_id, c.body from ({_UNTIL}) now
left join lateral (
    select deadline, case_id, body from (
        select deadline, case_id, body, state from router.cases
        where platform = $1 and is_open and placed >= $7::text::xid8
            and placed < now.until offset 0) new
    where state = any($2) and (deadline, case_id) > ($3, $4) order by deadline, case_id limit $5) c on true
order by c.deadline, c.case_id"""  # noqa: S608


async def worklist(database: Database, platform: str, states: Sequence[str], sweep: Sweep, limit: int) -> Worklist:
    """The next page of a platform's sweep.

    A sweep takes the cases of every transaction older than any writer that may still commit (`horizon`); the next one
    begins there. So no case is passed, although deadlines of later cases may be earlier.
    """
    until = str(sweep.until) if sweep.until is not None else None
    given = [platform, list(states), *sweep.place, limit, until]
    if sweep.since:
        rows = await database.fetch(_FRESH, *given, str(sweep.since))
    else:
        rows = await database.fetch(_STANDING, *given)
    end = int(rows[0]["until"])
    found = [row for row in rows if row["case_id"] is not None]
    if len(found) < limit:
        return Worklist(_cases(found), Sweep(since=end))
    return Worklist(_cases(found), Sweep(sweep.since, end, (found[-1]["deadline"], found[-1]["case_id"])))


async def waiting(database: Database, for_: Sequence[str], after: Place, limit: int) -> Listed:
    """Cases that wait for the centre, longest waiting first; `for_`: only for one of these (none: for anything)."""
    rows = await database.fetch(
        """select coalesce(waits_since, changed_at) as instant, case_id, body from router.cases
           where waits_for <> '' and (coalesce(waits_since, changed_at), case_id) > ($1, $2)
               and ($3::text[] = '{}' or waits_for = any($3))
           order by coalesce(waits_since, changed_at), case_id limit $4""",
        *after,
        list(for_),
        limit,
    )
    return _listed(rows, after)


async def requesting(database: Database, request: str | None, after: Place, limit: int) -> Listed:
    """Cases with a request that waits for the centre's yes or no, nearest deadline first.

    A closed case that is disputed and that nobody had in the end has no deadline: the dispute's own time stands for it.
    """
    rows = await database.fetch(
        """select coalesce(deadline, waits_since) as instant, case_id, body from router.cases
           where requested <> '' and ($3::text is null or requested = $3)
               and (coalesce(deadline, waits_since), case_id) > ($1, $2)
           order by coalesce(deadline, waits_since), case_id limit $4""",
        *after,
        request,
        limit,
    )
    return _listed(rows, after)


async def overdue(database: Database, platform: str | None, at: datetime, after: Place, limit: int) -> Listed:
    """Cases that a platform should have handled before `at` and has not, longest overdue first."""
    rows = await database.fetch(
        """select deadline as instant, case_id, body from router.cases
           where is_open and state in ('dispatched', 'accepted') and deadline < $5
               and ($3::text is null or platform = $3) and (deadline, case_id) > ($1, $2)
           order by deadline, case_id limit $4""",
        *after,
        platform,
        limit,
        at,
    )
    return _listed(rows, after)


def _listed(rows: Sequence[Record], after: Place) -> Listed:
    return Listed(_cases(rows), (rows[-1]["instant"], rows[-1]["case_id"]) if rows else after)


def _cases(rows: Sequence[Record]) -> tuple[Case, ...]:
    return tuple(CASES.validate_json(row["body"]) for row in rows)
