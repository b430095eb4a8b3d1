"""What the read model knows of photos: to whom a case has shown them, which are cited, and which were only sent.

The bodies of events and reports are searched by the beginning of a receipt, `hash_in`, through the function
`intake.media_in` and its indexes; so rows of every version count.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.postgres.pool import Connection, Database

_HASH = 42
"""Characters of a receipt that depend on the photo's SHA-256 alone."""
_RECEIPT = re.compile(rb'"([A-Za-z0-9_-]{42})[A-Za-z0-9_-]{38,61}"')
"""A receipt in a record's bytes, whatever its field is called."""
_PLATFORM_HAS_SEEN = """
select exists (
    select from intake.case_events e join intake.case_events d on d.case_id = e.case_id and d.kind = 'case.dispatched'
    where e.kind <> 'case.unlinked' and intake.media_in(e.body) @> array[left($1, 42)]
    and exists (select from json_array_elements(e.body::json -> 'media') m where m #>> '{}' = $1)
    and d.body::json #>> '{platform,code}' = $2
    and not exists (select from intake.case_events u
                    where u.case_id = e.case_id and u.kind = 'case.unlinked' and u.seq > e.seq and u.seq < d.seq
                    and intake.media_in(u.body) @> array[left($1, 42)]))"""
_APP_WAS_SHOWN = """
select exists (
    select from intake.case_events e join intake.case_reports c on c.case_id = e.case_id
    join intake.reports r on r.report_id = c.report_id
    where e.kind = 'case.closed' and intake.media_in(e.body) @> array[left($1, 42)]
    and exists (select from json_array_elements(e.body::json -> 'media') m where m #>> '{}' = $1)
    and r.app = $2)"""


def hash_in(media_id: str) -> str:
    """The part of a receipt that is the same for every receipt of the same photo."""
    return media_id[:_HASH]


def hashes_of(sha256s: Sequence[str]) -> list[str]:
    """The same for photos by their SHA-256 in hex."""
    return [base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode()[:_HASH] for sha256 in sha256s]


async def platform_has_seen(database: Database, media_id: str, platform: str) -> bool:
    """Whether a case that the platform has or had shows the photo; not one that left the case before it came.

    Raises `Unavailable`.
    """
    row = await database.fetchrow(_PLATFORM_HAS_SEEN, media_id, platform)
    return row is not None and bool(row["exists"])


async def app_was_shown(database: Database, media_id: str, app: str) -> bool:
    """Whether the photo is part of the reply to a report of the app. Raises `Unavailable`."""
    row = await database.fetchrow(_APP_WAS_SHOWN, media_id, app)
    return row is not None and bool(row["exists"])


@dataclass(frozen=True, slots=True)
class Uncited:
    """What a client has sent and nothing cites: how many photos, of how many bytes, and when the first of them came."""

    photos: int
    bytes: int
    first_at: datetime | None


async def cite(connection: Connection, bodies: Sequence[bytes]) -> None:
    """Remembers every photo that these records name; it counts towards no quota any more, and stays."""
    hashes = sorted({found[1].decode() for body in bodies for found in _RECEIPT.finditer(body)})
    if not hashes:
        return
    await connection.execute(
        "insert into intake.media_cited (hash) select unnest($1::text[]) on conflict do nothing", hashes
    )
    await connection.execute(
        """delete from intake.uploads where (client, hash) in
           (select client, hash from intake.uploads where hash = any($1::text[]) order by client, hash for update)""",
        hashes,
    )


async def cited(database: Database, hashes: Sequence[str]) -> set[str]:
    """Those of the photos that anything cites, by `hash_in`. Raises `Unavailable`."""
    rows = await database.fetch(
        """select u.hash from unnest($1::text[]) u (hash)
           where exists (select from intake.media_cited c where c.hash = u.hash)
           or exists (select from intake.case_events e where intake.media_in(e.body) @> array[u.hash])
           or exists (select from intake.reports r where intake.media_in(r.body) @> array[u.hash])""",
        list(hashes),
    )
    return {row["hash"] for row in rows}


async def uncited(database: Database, client: str, since: datetime) -> Uncited:
    """What the client has sent since then that nothing cites. Raises `Unavailable`."""
    row = await database.fetchrow(
        """select count(*) as photos, coalesce(sum(bytes), 0)::bigint as bytes, min(at) as first_at
           from intake.uploads where client = $1 and at > $2""",
        client,
        since,
    )
    return Uncited(row["photos"], row["bytes"], row["first_at"]) if row else Uncited(0, 0, None)


async def add_upload(database: Database, client: str, sha256: str, at: datetime, size: int) -> None:
    """Notes that the client has sent a photo; the same one again counts once, from its first time on."""
    await database.execute(
        """insert into intake.uploads (client, hash, at, bytes) values ($1, $2, $3, $4)
           on conflict (client, hash) do nothing""",
        client,
        hashes_of([sha256])[0],
        at,
        size,
    )


async def forget_uploads(database: Database, before: datetime) -> None:
    """Forgets those that count towards no quota any more. Raises `Unavailable`."""
    await database.execute("delete from intake.uploads where at <= $1", before)
