"""Claiming what is due and recording what became of it; the SQL of the rounds."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from chassis.postgres.pool import Connection, Database, Record
from schemas.events import Sealed, Words
from schemas.ids import dedup_key_of
from schemas.notices import NoticeDelivered, NoticeEvent, NoticeFailed, NoticeGaveUp
from services.notifier.attempt import Attempt, Stop, WaitUntil
from services.notifier.ledger_outbox import announce, said_of
from services.notifier.wording import Item

LEASE = timedelta(seconds=30)
"""How long a claim holds; well above the longest attempt."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notice in hand. `tried` counts since it was written or replayed, `attempts` for ever."""

    item: Item
    recipient: str
    channel: str
    client: str
    lane: str
    tried: int
    attempts: int
    lease: UUID
    leased_until: datetime
    contact: Sealed | None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one attempt, and what follows from it."""

    claimed: Claimed
    attempt: Attempt
    step: WaitUntil | Stop


_DUE = """
   select n.notice_id from unnest($1::text[], $2::int[]) as l (lane, room)
   cross join lateral (
      select n.notice_id from notifier.notices n
      where n.lane = l.lane and n.state = 'due' and n.due_at <= $3
        and (n.leased_until is null or n.leased_until <= $3)
        and not exists (select 1 from notifier.notices p
                        where p.case_id = n.case_id and p.seq < n.seq and p.recipient = n.recipient
                          and p.channel = n.channel and p.state = 'due')
        and {which}
      order by n.due_at, n.seq limit l.room {lock}) n"""
_WITHOUT = "n.notice_id not in (select unnest({0}::uuid[]))"
DUE = _DUE.format(which=_WITHOUT.format("$4"), lock="")
CLAIM = f"""
with claimed as ({
    _DUE.format(
        which=f"({_WITHOUT.format('$6')} and ($7::uuid[] is null or n.notice_id = any($7)))",
        lock="for update skip locked",
    )
}),
leased as (
   update notifier.notices n set lease = $4, leased_until = $5 from claimed
   where n.notice_id = claimed.notice_id
   returning n.notice_id, n.report_id, n.case_id, n.seq, n.recipient, n.channel, n.client, n.lane, n.tried, n.attempts,
             n.lease, n.leased_until)
select n.notice_id, n.report_id, n.case_id, n.seq, n.recipient, n.channel, n.client, n.lane, n.tried, n.attempts,
       n.lease, n.leased_until, t.event, t.at, t.zh, t.en, t.reply, r.reporter_ref, r.contact_key, r.contact_box
from leased n join notifier.told t using (case_id, seq) left join notifier.reporters r on r.report_id = n.report_id
"""  # noqa: S608


async def claim(
    connection: Connection, rooms: dict[str, int], lease: UUID, at: datetime, without: Collection[UUID] = (),
    only: Sequence[UUID] | None = None,
) -> list[Claimed]:  # fmt: skip
    """Takes at most `rooms[lane]` notices of each lane that are due at `at`, the first of each report only.

    Those in `without` are left alone; with `only`, all others are. Losing a claim in a crash of the server is harmless,
    so it does not wait for the disk.
    """
    await connection.execute("set local synchronous_commit = off")
    lanes = (list(rooms), list(rooms.values()))
    rows = await connection.fetch(CLAIM, *lanes, at, lease, at + LEASE, list(without), only)
    return [_claimed(row) for row in rows]


async def due(database: Database, rooms: dict[str, int], at: datetime, without: Collection[UUID]) -> list[UUID]:
    """The notices that `claim` would take, unlocked. Raises `Unavailable`."""
    rows = await database.fetch(DUE, list(rooms), list(rooms.values()), at, list(without))
    return [row["notice_id"] for row in rows]


async def still_due(database: Database, notice_ids: Sequence[UUID]) -> list[UUID]:
    """Those among `notice_ids` that have neither arrived nor been given up. Raises `Unavailable`."""
    sql = "select notice_id from notifier.notices where notice_id = any($1) and state = 'due'"
    return [row["notice_id"] for row in await database.fetch(sql, notice_ids)]


async def hold(database: Database, claimed: Claimed, until: datetime) -> None:
    """Keeps a claim until then, unless its lease is gone."""
    await database.execute(
        "update notifier.notices set leased_until = $3 where notice_id = $1 and lease = $2",
        claimed.item.notice_id,
        claimed.lease,
        until,
    )


def _claimed(row: Record) -> Claimed:
    to_reporter = row["recipient"].startswith("report:")
    contact = Sealed(key_id=row["contact_key"], box=row["contact_box"]) if row["contact_box"] else None
    return Claimed(
        item_of(row, row["reporter_ref"] if to_reporter else None),
        row["recipient"],
        row["channel"],
        row["client"],
        row["lane"],
        row["tried"],
        row["attempts"],
        row["lease"],
        row["leased_until"],
        contact if row["channel"] == "sms" else None,
    )


def item_of(row: Record, reporter_ref: str | None) -> Item:
    """The item in a row of notices joined with told."""
    return Item(
        row["notice_id"],
        dedup_key_of(row["case_id"], row["seq"], row["recipient"]),
        row["report_id"],
        reporter_ref,
        row["case_id"],
        row["event"],
        row["seq"],
        row["at"],
        Words(zh=row["zh"], en=row["en"]),
        row["reply"],
    )


async def record(connection: Connection, results: Sequence[Result]) -> list[Result]:
    """Writes the results whose lease still holds, with their events in the outbox, and returns these."""
    rows = await connection.fetch(
        """update notifier.notices n set state = u.state, due_at = coalesce(u.due_at, n.due_at), tried = n.tried + 1,
              attempts = n.attempts + 1, outcome = u.outcome, detail = u.detail, lease = null, leased_until = null
           from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
                as u (notice_id, lease, state, due_at, outcome, detail)
           where n.notice_id = u.notice_id and n.lease = u.lease returning n.notice_id""",
        [r.claimed.item.notice_id for r in results],
        [r.claimed.lease for r in results],
        [r.step.state if isinstance(r.step, Stop) else "due" for r in results],
        [r.step.due if isinstance(r.step, WaitUntil) else None for r in results],
        [r.attempt.outcome for r in results],
        [r.attempt.detail[:200] for r in results],
    )
    held = {row["notice_id"] for row in rows}
    recorded = [r for r in results if r.claimed.item.notice_id in held]
    await _hold_back(connection, [r for r in recorded if isinstance(r.step, WaitUntil)])
    await announce(connection, [_event(r) for r in recorded])
    return recorded


async def _hold_back(connection: Connection, waiting: Sequence[Result]) -> None:
    """Later notices of the same report and endpoint are due no sooner, and so are not looked at in vain."""
    if not waiting:
        return
    await connection.execute(
        """update notifier.notices n set due_at = u.due_at
           from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::timestamptz[])
                as u (case_id, seq, recipient, channel, due_at)
           where n.case_id = u.case_id and n.seq > u.seq and n.recipient = u.recipient and n.channel = u.channel
             and n.state = 'due' and n.due_at < u.due_at""",
        [r.claimed.item.case_id for r in waiting],
        [r.claimed.item.seq for r in waiting],
        [r.claimed.recipient for r in waiting],
        [r.claimed.channel for r in waiting],
        [r.step.due for r in waiting if isinstance(r.step, WaitUntil)],
    )


def _event(result: Result) -> NoticeEvent:
    claimed = result.claimed
    said = said_of(claimed.item, claimed.recipient, claimed.channel, claimed.attempts + 1, result.attempt.at)
    if isinstance(result.step, WaitUntil):
        return NoticeFailed(**said, outcome=result.attempt.outcome)
    if result.step.state == "delivered":
        return NoticeDelivered(**said)
    return NoticeGaveUp(**said, outcome=result.attempt.outcome)
