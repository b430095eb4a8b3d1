"""What the read model knows of photos: to whom a case has shown them.

The bodies of events and reports are searched by the beginning of a receipt, `hash_in`, through the function
`intake.media_in` and its indexes; so rows of every version count.
"""

import base64
from collections.abc import Sequence

from chassis.postgres.pool import Database

_HASH = 42
"""Characters of a receipt that depend on the photo's SHA-256 alone."""
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
