"""Registered endpoints, their health, and the replay of what they missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chassis.postgres.pool import Connection, Database, Record
from schemas.notices import NoticeGaveUp
from services.notifier.attempt import Outcome
from services.notifier.ledger_attempts import item_of
from services.notifier.ledger_outbox import announce, said_of
from services.notifier.owed import lane_of
from services.notifier.signature import OVERLAP


@dataclass(frozen=True, slots=True)
class Registered:
    """An endpoint as its owner knows it, and what signs for it now: one secret, or two during a rotation."""

    client: str
    name: str
    url: str
    secrets: tuple[str, ...]
    made_at: datetime
    delivered_at: datetime | None
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str | None

    @property
    def lane(self) -> str:
        """The queue of its notices."""
        return lane_of(self.client, self.name)


_COLUMNS = """client, name, url, secret, old_secret, old_secret_until, made_at, delivered_at, failing_since,
    disabled_at, disabled_why"""


def _registered(row: Record, at: datetime) -> Registered:
    until = row["old_secret_until"]
    old = (row["old_secret"],) if row["old_secret"] and until is not None and until > at else ()
    return Registered(
        row["client"], row["name"], row["url"], (row["secret"], *old), row["made_at"], row["delivered_at"],
        row["failing_since"], row["disabled_at"], row["disabled_why"],
    )  # fmt: skip


async def enabled(connection: Connection, at: datetime) -> list[Registered]:
    """Every endpoint that is to be called."""
    rows = await connection.fetch(f"select {_COLUMNS} from notifier.endpoints where disabled_at is null")  # noqa: S608
    return [_registered(row, at) for row in rows]


async def of_client(database: Database, client: str, at: datetime) -> list[Registered]:
    """The endpoints of one client, by name."""
    rows = await database.fetch(
        f"select {_COLUMNS} from notifier.endpoints where client = $1 order by name",  # noqa: S608
        client,
    )
    return [_registered(row, at) for row in rows]


async def put(
    database: Database, client: str, name: str, url: str, secret: str, most: int, at: datetime
) -> Literal["made", "changed", "no_room"]:
    """Registers an endpoint, or gives it another URL and enables it again; its secret stays. `most` for a client."""
    async with database.transaction() as connection:
        await connection.execute("select pg_advisory_xact_lock(5228, hashtext($1))", client)  # for a true count
        row = await connection.fetchrow(
            """insert into notifier.endpoints as e (client, name, url, secret, made_at)
               select $1, $2, $3, $4, $5
               where (select count(*) from notifier.endpoints where client = $1 and name <> $2) < $6
               on conflict (client, name) do update
                  set url = excluded.url, failing_since = null, disabled_at = null, disabled_why = null
               returning xmax = 0 as made""",
            client, name, url, secret, at, most,
        )  # fmt: skip
    if row is None:
        return "no_room"
    return "made" if row["made"] else "changed"


async def rotate(database: Database, client: str, name: str, secret: str, at: datetime) -> bool:
    """Makes `secret` the first; the one before it signs beside it for a while. False: there is no such endpoint."""
    row = await database.fetchrow(
        """update notifier.endpoints set old_secret = secret, old_secret_until = $4, secret = $3
           where client = $1 and name = $2 returning true""",
        client, name, secret, at + OVERLAP,
    )  # fmt: skip
    return row is not None


async def remove(connection: Connection, client: str, name: str, at: datetime) -> bool:
    """Forgets an endpoint; what waits for it is gone. False: there is no such endpoint."""
    row = await connection.fetchrow(
        "delete from notifier.endpoints where client = $1 and name = $2 returning true", client, name
    )
    if row is not None:
        await _give_up(connection, lane_of(client, name), "endpoint_removed", at)
    return row is not None


async def note_delivered(connection: Connection, to: Sequence[Registered], at: datetime) -> None:
    """Ends a streak of failures. Written only when it says something new, or once in ten seconds."""
    if not to:
        return
    await connection.execute(
        """update notifier.endpoints e set delivered_at = $3, failing_since = null
           from unnest($1::text[], $2::text[]) as u (client, name)
           where e.client = u.client and e.name = u.name
             and (failing_since is not null or delivered_at is null
                  or delivered_at < $3::timestamptz - interval '10 seconds')""",
        [e.client for e in to],
        [e.name for e in to],
        at,
    )


async def note_failed(connection: Connection, endpoint: Registered, at: datetime) -> datetime | None:
    """Begins or continues a streak of failures; since when. None when the endpoint has another URL by now."""
    row = await connection.fetchrow(
        """update notifier.endpoints set failing_since = coalesce(failing_since, $4)
           where client = $1 and name = $2 and url = $3 and disabled_at is null returning failing_since""",
        endpoint.client, endpoint.name, endpoint.url, at,
    )  # fmt: skip
    return row["failing_since"] if row else None


async def disable(connection: Connection, endpoint: Registered, why: str, at: datetime) -> bool:
    """Stops calling an endpoint; what waits for it is gone until a replay. False when it has another URL by now."""
    row = await connection.fetchrow(
        """update notifier.endpoints set disabled_at = $4, disabled_why = $5
           where client = $1 and name = $2 and url = $3 and disabled_at is null returning true""",
        endpoint.client, endpoint.name, endpoint.url, at, why,
    )  # fmt: skip
    if row is not None:
        await _give_up(connection, endpoint.lane, f"endpoint_{why}", at)
    return row is not None


async def _give_up(connection: Connection, lane: str, detail: str, at: datetime) -> None:
    rows = await connection.fetch(
        """with given_up as (
              update notifier.notices set state = 'gone', outcome = 'gone', detail = $2, lease = null,
                 leased_until = null where lane = $1 and state = 'due'
                 returning notice_id, report_id, case_id, seq, recipient, channel, attempts)
           select g.notice_id, g.report_id, g.case_id, g.seq, g.recipient, g.channel, g.attempts, t.event, t.at,
                  t.zh, t.en, t.reply
           from given_up g join notifier.told t using (case_id, seq)
           order by g.case_id, g.seq""",
        lane,
        detail,
    )
    gone: Outcome = "gone"
    await announce(
        connection,
        [
            NoticeGaveUp(
                **said_of(item_of(row, None), row["recipient"], row["channel"], row["attempts"], at), outcome=gone
            )
            for row in rows
        ],
    )


async def replay(database: Database, client: str, since: datetime, everything: bool, at: datetime) -> int:
    """Makes the client's callbacks written since then due again, under their ids; how many.

    Those that never arrived; with `everything` the delivered ones too. An endpoint that is disabled gets none.
    """
    row = await database.fetchrow(
        """with again as (
              update notifier.notices n set state = 'due', due_at = $3, tried = 0
              from notifier.endpoints e
              where e.client = $1 and e.disabled_at is null and n.lane = 'callback:' || e.client || '/' || e.name
                and n.client = $1 and n.channel <> 'feed' and n.written_at >= $2
                and (n.state in ('gone', 'gave_up') or ($4 and n.state = 'delivered')) returning 1)
           select count(*) as again from again""",
        client, since, at, everything,
    )  # fmt: skip
    return int(row["again"]) if row else 0
