"""How much a client may send without citing it: photos and bytes in any 24 hours.

While PostgreSQL does not answer nobody is counted: photos are taken, as reports are.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from chassis.http.problems import Problem
from chassis.logs import log
from chassis.postgres.pool import DATABASE_ERRORS, Database
from services.intake.metrics import MEDIA_OVER_QUOTA
from services.intake.read_model_media import Uncited, add_upload, uncited

T = TypeVar("T")
WINDOW = timedelta(days=1)
PATIENCE = 0.5


@dataclass(frozen=True, slots=True)
class Quota:
    """Of photos that nothing cites, for each client and 24 hours."""

    photos: int
    bytes: int


def wait_for(quota: Quota, known: Uncited, now: datetime) -> timedelta | None:
    """None if the client may send one more photo, else how long it takes until its oldest one no longer counts."""
    if known.first_at is None or (known.photos < quota.photos and known.bytes < quota.bytes):
        return None
    return max(known.first_at + WINDOW - now, timedelta(seconds=1))


async def refuse_beyond(quota: Quota, database: Database, client: str, now: datetime) -> None:
    """`Problem` 429 media_quota if the client has sent too much that nothing cites."""
    known = await _patiently(uncited(database, client, now - WINDOW))
    wait = wait_for(quota, known, now) if known is not None else None
    if wait is None:
        return
    MEDIA_OVER_QUOTA.inc()
    log.warning("media.over_quota", client=client)
    detail = (
        f"You have sent {quota.photos} photos or {quota.bytes // 1_000_000} MB in 24 hours that no report, dispute or"
        " handling cites. Cite them, or wait."
    )
    raise Problem(429, "media_quota", detail, retry_after=int(wait.total_seconds()))


async def note(database: Database, client: str, sha256: str, now: datetime, size: int) -> None:
    """Counts a photo that was stored."""
    await _patiently(add_upload(database, client, sha256, now, size))


async def _patiently(asked: Awaitable[T]) -> T | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await asked
    except (*DATABASE_ERRORS, TimeoutError) as why:
        log.warning("media.not_counted", why=str(why)[:200])
        return None
