"""History as events again: of one case, or of all of them, a few thousand cases at a time."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from chassis.postgres.pool import Connection, Database, Record
from schemas.cases import KINDS
from schemas.events import read
from services.router.case import CaseEvent

_NONE = UUID(int=0)


async def lines_of(database: Database, case_id: UUID) -> list[Record]:
    """Every line of a case's history in order, refusals included."""
    return await database.fetch(
        "select line, seq, at, kind, actor, body, hash from router.history where case_id = $1 order by line", case_id
    )


def events_in(lines: Sequence[Record]) -> list[CaseEvent]:
    """The events among these lines; refusals are none."""
    return [_event(line) for line in lines if line["seq"] is not None]


async def events_of(database: Database, case_id: UUID) -> list[CaseEvent]:
    """The events of one case in order."""
    return events_in(await lines_of(database, case_id))


async def events_under(connection: Connection, case_id: UUID, kinds: list[str]) -> list[CaseEvent]:
    """The events of one case that are of some kinds, in order, read behind the caller's lock."""
    rows = await connection.fetch(
        "select kind, body from router.history where case_id = $1 and kind = any($2) and seq is not null order by seq",
        case_id,
        kinds,
    )
    return [_event(row) for row in rows]


async def all_events(
    connection: Connection, cases: int, since: datetime | None = None
) -> AsyncIterator[list[CaseEvent]]:
    """Whole histories, `cases` of them at a time, of the cases opened since then."""
    after = _NONE
    while True:
        ids = await connection.fetch(
            "select case_id from router.cases where case_id > $1 and opened_at >= $2 order by case_id limit $3",
            after,
            since or datetime(1970, 1, 1, tzinfo=UTC),
            cases,
        )
        if not ids:
            return
        chosen = [row["case_id"] for row in ids]
        rows = await connection.fetch(
            """select kind, body from router.history where case_id = any($1) and seq is not null
               order by case_id, seq""",
            chosen,
        )
        yield [_event(row) for row in rows]
        after = chosen[-1]


def _event(row: Record | dict[str, Any]) -> CaseEvent:
    return cast(CaseEvent, read(KINDS, row["kind"], row["body"]))
