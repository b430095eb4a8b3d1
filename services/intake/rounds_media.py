"""Rounds that remove photos which nothing cites: set aside first, removed much later, brought back if they are cited.

A photo can be cited for as long as its receipt lives; some days more are waited for what is still on its way, then it
is set aside, where it is still served. After the same time again it is removed for good. So a photo that is sent anew,
or cited, at the very moment at which it is set aside loses nothing. Every step may be repeated, and by several replicas
at once.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chassis.logs import log
from chassis.postgres.pool import DATABASE_ERRORS, Database
from services.intake.metrics import MEDIA_COLLECTED
from services.intake.photo_store import PhotoStore, StoreAway
from services.intake.read_model_media import cited, forget_uploads, hashes_of
from services.intake.read_model_wait import Crowded, KafkaAway, Wait

ROUND_SECONDS = 300
MOST_A_ROUND = 500
"""Photos that are moved or removed, about; the rest is for the next round of the same part of the store."""
QUOTA_WINDOW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Collector:
    """What the rounds need. `keep`: how long a photo that nothing cites stays, and stays set aside."""

    store: PhotoStore
    database: Database
    models: tuple[Wait, ...]
    keep: timedelta


async def keep_collecting(collector: Collector, stopping: asyncio.Event) -> None:
    """Makes rounds until `stopping` is set, each over another 256th of the store. An outage postpones them."""
    while not stopping.is_set():
        now = datetime.now(UTC)
        try:
            await collect(collector, part_at(now), now)
        except (*DATABASE_ERRORS, StoreAway, KafkaAway, Crowded) as why:
            log.warning("media.not_collected", why=f"{type(why).__name__}: {why}"[:200])
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), ROUND_SECONDS)


def part_at(now: datetime) -> str:
    """Which photos have their turn, by the first two digits of their hash: each once in about 21 hours."""
    return f"{int(now.timestamp() // ROUND_SECONDS) % 256:02x}"


async def collect(collector: Collector, part: str, now: datetime) -> int:
    """One round; how many photos it moved or removed. None, unless the models have read all that was said until now.

    Raises `StoreAway`, `KafkaAway`, `Crowded` and what the database raises.
    """
    before = now - collector.keep
    await forget_uploads(collector.database, now - QUOTA_WINDOW)
    for model in collector.models:
        if not await model.passed(None, "collecting"):
            return 0
    return await _end_those_aside(collector, part, before) + await _set_aside(collector, part, before)


async def _set_aside(collector: Collector, part: str, before: datetime) -> int:
    done = 0
    async for old in collector.store.old("photos", part, before):
        for sha256 in await _uncited(collector.database, old):
            await collector.store.set_aside(sha256)
            _did("set_aside", sha256)
            done += 1
        if done >= MOST_A_ROUND:
            break
    return done


async def _end_those_aside(collector: Collector, part: str, before: datetime) -> int:
    done = 0
    async for old in collector.store.old("aside", part, before):
        uncited = set(await _uncited(collector.database, old))
        for sha256 in old:
            if sha256 in uncited:
                await collector.store.remove(sha256, before)
                _did("removed", sha256)
            else:
                await collector.store.bring_back(sha256)
                _did("brought_back", sha256)
        done += len(old)
        if done >= MOST_A_ROUND:
            break
    return done


async def _uncited(database: Database, sha256s: list[str]) -> list[str]:
    by_hash = dict(zip(hashes_of(sha256s), sha256s, strict=True))
    known = await cited(database, list(by_hash))
    return [sha256 for short, sha256 in by_hash.items() if short not in known]


def _did(step: str, sha256: str) -> None:
    MEDIA_COLLECTED.labels(step).inc()
    log.info(f"media.{step}", sha256=sha256)
