"""What a growing ledger costs: batches, looks for neighbours and worklist pages at 0, 100 k and 1 M cases, in turn."""

import asyncio
import base64
import gc
import hashlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chassis.kafka.envelope import headers_of
from chassis.keys import Keys
from chassis.postgres.pool import Database
from schemas.events import Place
from schemas.ids import event_id_of, report_id_of
from schemas.reports import Photo, ReportReceived
from services.router import ledger_lists
from services.router.act import Door
from services.router.consumers import on_batch, read
from services.router.http_worklist import OPEN_WORK
from services.router.ledger_lists import Sweep
from services.router.ledger_reports import Spot, near
from services.router.same_problem import cells_of, locks_of
from services.router.waking import Waking
from tests.bench.ledgers import EAST, NORTH, SOUTH, WEST, Ledger
from tests.bench.seeded import TUESDAY_1000, chosen_category, city, districts

SIZES: Mapping[str, int] = {"0": 0, "100 k": 100_000, "1 M": 1_000_000}
BATCH, LIMIT, PLATFORMS = 500, 50, 4
WARM, BATCHES, LOOKS, PAGES = 2, 10, 12, 40
"""Rounds: those before each measurement that nobody counts, and those that count."""

Figures = dict[str, list[float]]
"""By name of the ledger, in its order: the seconds of each round."""


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as a consumer gets it from Kafka."""

    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    topic: str = "reports"
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds by ledger: for a batch of 500 reports, for the look for neighbours of 500 spots, for a page of 50."""

    batch: Figures = field(default_factory=dict)
    look: Figures = field(default_factory=dict)
    first: Figures = field(default_factory=dict)
    onward: Figures = field(default_factory=dict)
    nothing: Figures = field(default_factory=dict)


def measure(ledgers: Sequence[Ledger], clients: Path) -> Measured:
    """Everything, the ledgers in turn.

    Batches come first, so each ledger, even that of no cases, holds 6000 cases of the last minute when neighbours and
    pages are looked for. They begin right after a checkpoint, when PostgreSQL writes every page that is touched for the
    first time as a whole: that is the dear part of its round, and the dearer the more pages there are.
    """
    return asyncio.run(_measure(ledgers, clients))


async def _measure(ledgers: Sequence[Ledger], clients: Path) -> Measured:
    doors = {ledger.name: door_of(ledger, clients) for ledger in ledgers}
    for door in doors.values():
        await door.database.open()
    gc.collect()
    gc.freeze()  # as a service does when it has started
    measured = Measured()
    await _measure_batches(doors, measured.batch)
    await _measure_looks(doors, measured.look)
    await _measure_pages(doors, measured)
    gc.unfreeze()
    for door in doors.values():
        await door.database.close()
    return measured


async def _measure_batches(doors: Mapping[str, Door], figures: Figures) -> None:
    for n in range(WARM + BATCHES):
        records = [_record(n * BATCH + m) for m in range(BATCH)]
        for name in _turned(doors, n):
            _take(figures, name, await _settle(doors[name], records), n >= WARM)


async def _measure_looks(doors: Mapping[str, Door], figures: Figures) -> None:
    for n in range(WARM + LOOKS):
        spots = _spots(n)
        for name in _turned(doors, n):
            _take(figures, name, await _look(doors[name], spots), n >= WARM)


async def _measure_pages(doors: Mapping[str, Door], measured: Measured) -> None:
    platforms = await _busiest(doors)
    for n in range(WARM + PAGES):
        for name in _turned(doors, n):
            pages = await _pages(doors[name], platforms[n % PLATFORMS])
            for figures, took in zip((measured.first, measured.onward, measured.nothing), pages, strict=True):
                _take(figures, name, took, n >= WARM)


def _turned(doors: Mapping[str, Door], n: int) -> list[str]:
    """All ledgers, another one first each time."""
    names = list(doors)
    return [*names[n % len(names) :], *names[: n % len(names)]]


def _take(figures: Figures, name: str, took: float, counts: bool) -> None:
    if counts:
        figures.setdefault(name, []).append(took)


def door_of(ledger: Ledger, clients: Path) -> Door:
    """The router's edges on a ledger, with one connection, always at ten o'clock."""
    database = Database(ledger.url, "bench", size=1)
    return Door(database, city(), Keys(clients), bytes(32), Waking(), lambda: TUESDAY_1000)


async def _settle(door: Door, records: Sequence[Raw]) -> float:
    """Seconds from the records of a batch to its commit."""
    began = time.perf_counter()
    pairs = [(record, read(record)) for record in records]
    async with door.database.transaction() as connection:
        asides = await on_batch(connection, door, pairs)
    took = time.perf_counter() - began
    if asides:
        raise RuntimeError(f"set aside: {asides[0]}")
    return took


async def _look(door: Door, spots: Sequence[Spot]) -> float:
    """Seconds of the look for neighbours of all spots, locks included, in a transaction that changes nothing."""
    locks = {lock for s in spots for lock in locks_of(s.category, s.lon, s.lat, city().near.distance_m)}
    async with door.database.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        began = time.perf_counter()
        await near(connection, locks, spots, TUESDAY_1000 - city().near.time)
        took = time.perf_counter() - began
        await transaction.rollback()
    return took


def _spots(n: int) -> list[Spot]:
    chance = random.Random(n)
    found = []
    for _ in range(BATCH):
        category, (lon, lat) = chosen_category(chance), _point(chance)
        found.append(Spot(category, lon, lat, tuple(cells_of(lon, lat, city().near.distance_m))))
    return found


def _record(n: int) -> Raw:
    """A report as intake publishes it; every other one with a photo."""
    chance = random.Random(f"report {n}")
    lon, lat = _point(chance)
    digest = hashlib.sha256(str(n).encode()).digest()
    photo = Photo(media_id=base64.urlsafe_b64encode(digest + digest[:28]).decode(), sha256=digest.hex())
    event = ReportReceived(
        at=TUESDAY_1000, report_id=report_id_of("bench", f"batch {n}"), app="bench", reporter_ref=f"u-{n}",
        text=f"路口有人占道经营，影响通行，第{n}次看到了", category=chosen_category(chance), media=(photo,) * (n % 2),
        place=Place(lon=lon, lat=lat, address="迎泽大街", district=chance.choice(districts())),
        body_digest=digest.hex(), city_version=city().version,
    )  # fmt: skip
    headers = headers_of(event_id_of(event.report_id, event.kind), event.kind, "intake", event.at)
    return Raw(event.model_dump_json().encode(), tuple((name, text.encode()) for name, text in headers.items()))


def _point(chance: random.Random) -> tuple[float, float]:
    """Somewhere in the city, denser towards its middle, as the seeded cases are."""
    lon = WEST + (EAST - WEST) * (chance.random() + chance.random()) / 2
    return lon, SOUTH + (NORTH - SOUTH) * (chance.random() + chance.random()) / 2


async def _busiest(doors: Mapping[str, Door]) -> list[str]:
    """The platforms with the most work in the smallest ledger, which have more than two pages in each."""
    rows = await next(iter(doors.values())).database.fetch(
        """select platform from router.cases where is_open and platform is not null
           group by platform order by count(*) desc, platform limit $1""",
        PLATFORMS,
    )
    return [row["platform"] for row in rows]


async def _pages(door: Door, platform: str) -> list[float]:
    """Seconds of the first page, of the one behind it, and of a look for what came since, which is nothing."""
    sweep, found = Sweep(), []
    for _ in range(2):
        began = time.perf_counter()
        page = await ledger_lists.worklist(door.database, platform, OPEN_WORK, sweep, LIMIT)
        found.append(time.perf_counter() - began)
        if len(page) != LIMIT:
            raise RuntimeError(f"only {len(page)} cases on a page of {platform}")
        sweep = page.onward
    began = time.perf_counter()
    await ledger_lists.worklist(door.database, platform, OPEN_WORK, Sweep(since=sweep.until or 0), LIMIT)
    return [*found, time.perf_counter() - began]
