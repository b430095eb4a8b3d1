"""Reading the ledger: the feed in an order that never skips, and the notices of a client."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis.postgres.horizon import horizon
from chassis.postgres.pool import Database, Record
from services.notifier.cursor import Cursor
from services.notifier.ledger_attempts import item_of
from services.notifier.wording import Item


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of the feed and its place."""

    item: Item
    cursor: Cursor


_FEED = f"""
select n.notice_id, n.report_id, n.case_id, n.seq, n.recipient, n.id, n.xid::text as xid_text, t.event, t.at, t.zh,
       t.en, t.reply, r.reporter_ref
from notifier.notices n join notifier.told t using (case_id, seq)
left join notifier.reporters r on r.report_id = n.report_id
where n.client = $1 and n.channel = 'feed' and (n.xid, n.id) > ($2::text::xid8, $3::bigint)
  and n.xid < {horizon("notifier")}
order by n.xid, n.id limit $4"""  # noqa: S608


async def feed(database: Database, client: str, after: Cursor, limit: int) -> list[Entry]:
    """The entries behind `after`, oldest first.

    Ordered by transaction, then id, and read strictly below the oldest writer that is still open (`horizon`): a row
    that commits late is then always ahead of every cursor given out.
    """
    rows = await database.fetch(_FEED, client, str(after.transaction), after.place, limit)
    return [Entry(item_of(row, row["reporter_ref"]), Cursor(int(row["xid_text"]), row["id"])) for row in rows]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one notice stands. `id` is its place in the list."""

    item: Item
    channel: str
    state: str
    attempts: int
    due_at: datetime | None
    outcome: str | None
    detail: str | None
    place: int


async def notices(
    database: Database, client: str, states: Sequence[str], report_id: UUID | None, after: int, limit: int
) -> list[Standing]:
    """The client's notices in one of `states` (none: in any), oldest first, those behind place `after`."""
    rows = await database.fetch(
        """select n.notice_id, n.report_id, n.case_id, n.seq, n.recipient, n.id, n.channel, n.state, n.attempts,
                  n.due_at, n.outcome, n.detail, t.event, t.at, t.zh, t.en, t.reply, r.reporter_ref
           from notifier.notices n join notifier.told t using (case_id, seq)
           left join notifier.reporters r on r.report_id = n.report_id and n.recipient like 'report:%'
           where n.client = $1 and n.id > $4 and ($2::text[] = '{}' or n.state = any($2))
             and ($3::uuid is null or n.report_id = $3)
           order by n.id limit $5""",
        client, list(states), report_id, after, limit,
    )  # fmt: skip
    return [_standing(row) for row in rows]


def _standing(row: Record) -> Standing:
    return Standing(
        item_of(row, row["reporter_ref"]),
        row["channel"],
        row["state"],
        row["attempts"],
        row["due_at"] if row["state"] == "due" else None,
        row["outcome"],
        row["detail"],
        row["id"],
    )
