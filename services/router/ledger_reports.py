"""The ledger's side of reports: which are known, which open case is near, and numbers for cases."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from chassis.postgres.pool import Connection
from chassis.postgres.together import Write, columns
from services.router.same_problem import Candidate

_LOCK_SPACE = 0x726F7574 << 32
"""Keeps these locks apart from every other advisory lock of the database."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where to look for an open case: category, WGS-84 point, and the cells that are near."""

    category: str
    lon: float
    lat: float
    cells: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A report that was taken: its case, and the two digests of the request, by receipts and by the photos' bytes."""

    case_id: UUID
    body_digest: str
    request_digest: str = ""

    def is_of(self, body_digest: str, request_digest: str) -> bool:
        """Whether a report with these digests is the same request."""
        return self.body_digest == body_digest or "" != self.request_digest == request_digest


async def known(connection: Connection, report_ids: Sequence[UUID]) -> dict[UUID, Known]:
    """Those of the reports that were taken before."""
    rows = await connection.fetch(
        """select report_id, case_id, body_digest, request_digest from router.reports
           where report_id = any($1)""",
        list(report_ids),
    )
    return {row["report_id"]: Known(row["case_id"], row["body_digest"], row["request_digest"]) for row in rows}


def remember(taken: Mapping[UUID, Known]) -> list[Write]:
    """Reports by id. The primary key is what makes a report one report."""
    rows = [(report_id, one.case_id, one.body_digest, one.request_digest) for report_id, one in taken.items()]
    sql = """insert into router.reports (report_id, case_id, body_digest, request_digest)
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])"""
    return [Write(sql, columns(rows))] if rows else []


def move(report_ids: Sequence[UUID], case_id: UUID) -> Write:
    """From now on these reports belong to another case."""
    sql = "update router.reports set case_id = $2::uuid where report_id = any($1::uuid[])"
    return Write(sql, (list(report_ids), case_id))


async def near(
    connection: Connection, locks: Collection[int], spots: Sequence[Spot], since: datetime
) -> list[list[Candidate]]:
    """For each spot the open cases of its category around it. Takes the advisory `locks` in their order first."""
    found: list[list[Candidate]] = [[] for _ in spots]
    if not spots:
        return found
    if locks:
        await connection.execute(
            "select count(pg_advisory_xact_lock(n)) from unnest($1::bigint[]) n",
            [_LOCK_SPACE | lock for lock in sorted(locks)],
        )
    looks = [(n, spot.category, cell) for n, spot in enumerate(spots) for cell in spot.cells]
    # `offset 0` keeps it a look-up for each cell: as a join, the planner soon compares every cell with every case.
    rows = await connection.fetch(
        """select s.n, c.case_id, c.lon, c.lat, c.opened_at
           from unnest($1::int[], $2::text[], $3::bigint[]) as s (n, category, cell)
           cross join lateral (
                select case_id, lon, lat, opened_at from router.cases
                where category = s.category and cell = s.cell and is_open and opened_at > $4
                offset 0) c""",
        *columns(looks),
        since,
    )
    for row in rows:
        found[row["n"]].append(Candidate(row["case_id"], row["lon"], row["lat"], row["opened_at"]))
    return found


async def reserve_numbers(
    connection: Connection, wanted: Mapping[tuple[str, date], int]
) -> dict[tuple[str, date], int]:
    """The first of so many consecutive sequences for each district and day. A rollback gives them back."""
    if not wanted:
        return {}
    keys = sorted(wanted)
    rows = await connection.fetch(
        """insert into router.numbers as n (district, day, last)
           select * from unnest($1::text[], $2::date[], $3::int[])
           on conflict (district, day) do update set last = n.last + excluded.last
           returning district, day, last""",
        [district for district, _ in keys],
        [day for _, day in keys],
        [wanted[key] for key in keys],
    )
    return {(row["district"], row["day"]): row["last"] - wanted[row["district"], row["day"]] + 1 for row in rows}
