"""What nothing cites is removed in the end, what anything cites never is, however the rounds are interrupted."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis import receipts
from chassis.postgres.pool import Database
from schemas import cases as ev
from schemas.events import Place
from schemas.reports import Photo, ReportDisputed, ReportReceived
from services.intake import read_model
from services.intake.http_quota import WINDOW, Quota, wait_for
from services.intake.photo_store import PhotoStore
from services.intake.read_model_media import Uncited, add_upload, cite, cited, forget_uploads, hashes_of, uncited
from services.intake.rounds_media import ROUND_SECONDS, Collector, collect, part_at
from tests.standins.photos import photo

TUESDAY_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEEP, DAY = timedelta(days=8), timedelta(days=1)
KEY, APP = b"k" * 32, b"appappap"


@dataclass
class Model:
    """Stands for a read model that has come as far as it is told."""

    behind: bool = False
    asked: list[str] = field(default_factory=list)

    async def passed(self, key: UUID | None, app: str) -> bool:
        self.asked.append(app)
        return not self.behind


@dataclass
class Shop:
    """A store in a folder, a read model, and what collects; photos are as old as they are said to be."""

    folder: Path
    database: Database
    model: Model = field(default_factory=Model)

    def __post_init__(self) -> None:
        self.store = PhotoStore(f"file://{self.folder}")
        self.collector = Collector(self.store, self.database, (self.model, self.model), KEEP)  # type: ignore[arg-type]

    async def put(self, seed: int, at: datetime = TUESDAY_NOON) -> str:
        data = photo(seed)
        sha256 = hashlib.sha256(data).hexdigest()
        await self.store.put(sha256, data, {"taken": str(seed)}, APP)
        self.touch(sha256, at)
        return sha256

    def touch(self, sha256: str, at: datetime) -> None:
        for path in self.folder.rglob("*"):
            if path.is_file() and sha256 in str(path):
                os.utime(path, (at.timestamp(), at.timestamp()))

    async def round(self, sha256: str, at: datetime) -> int:
        moved = await collect(self.collector, sha256[:2], at)
        if moved:
            self.touch(sha256, at)  # what was moved was moved at this time
        return moved

    def where(self, sha256: str) -> set[str]:
        return {
            path.relative_to(self.folder).parts[0]
            for path in self.folder.rglob("*")
            if path.is_file() and sha256 in str(path)
        }


@pytest.fixture
async def shop(service_url: Callable[[str], str], tmp_path: Path) -> AsyncIterator[Shop]:
    database = Database(service_url("intake"), "test", size=4)
    await database.open()
    await database.execute(
        "truncate intake.reports, intake.cases, intake.case_events, intake.media_cited, intake.uploads"
    )
    yield Shop(tmp_path, database)
    await database.close()


def receipt(sha256: str, app: str = "app") -> str:
    return receipts.sign(KEY, app, sha256, TUESDAY_NOON, None, 7)


def received(*media: str) -> ReportReceived:
    photos = tuple(Photo(media_id=m, sha256="") for m in media)
    return ReportReceived(
        at=TUESDAY_NOON, report_id=UUID(int=1), app="app", reporter_ref="u", text="x", place=Place(), media=photos,
        body_digest="d", city_version="v",
    )  # fmt: skip


def opened(*media: str) -> ev.CaseOpened:
    return ev.CaseOpened(
        case_id=UUID(int=2), seq=1, at=TUESDAY_NOON, by="router", report_id=UUID(int=1), category=None, place=Place(),
        text="x", media=media, city_version="v",
    )  # fmt: skip


async def by_a_report_of_the_version_before(shop: Shop, media_id: str) -> None:
    async with shop.database.transaction() as connection:
        await read_model.add_reports(connection, [received(media_id)])


async def by_a_case_of_the_version_before(shop: Shop, media_id: str) -> None:
    async with shop.database.transaction() as connection:
        await read_model.add_case_events(connection, [opened(media_id)], {UUID(int=2): 1})


async def by_a_record(shop: Shop, event: Any) -> None:
    async with shop.database.transaction() as connection:
        await cite(connection, [event.model_dump_json().encode()])


async def by_a_dispute(shop: Shop, media_id: str) -> None:
    photos = (Photo(media_id=media_id, sha256=""),)
    await by_a_record(shop, ReportDisputed(at=TUESDAY_NOON, report_id=UUID(int=1), app="app", text="x", media=photos))


async def by_another_apps_receipt(shop: Shop, media_id: str) -> None:
    sha256 = receipts.read(KEY, media_id).sha256
    await by_a_record(shop, received(receipt(sha256, "another")))


CITING = [
    by_a_report_of_the_version_before, by_a_case_of_the_version_before, by_a_dispute, by_another_apps_receipt,
]  # fmt: skip


async def test_a_photo_that_nothing_cites_is_set_aside_and_then_removed_with_its_evidence(shop: Shop) -> None:
    sha256 = await shop.put(1)
    seen = []
    for days in (7.9, 8.1, 16, 16.2, 17):
        await shop.round(sha256, TUESDAY_NOON + timedelta(days=days))
        seen.append(
            (sorted(shop.where(sha256)), await shop.store.get(sha256) is not None, await shop.store.has(sha256))
        )

    assert [
        (["evidence", "photos"], True, True), (["aside", "evidence"], True, True), (["aside", "evidence"], True, True),
        ([], False, False), ([], False, False),
    ] == seen  # fmt: skip


@pytest.mark.parametrize("citing", CITING)
async def test_a_photo_that_anything_cites_stays(shop: Shop, citing: Callable[[Shop, str], Any]) -> None:
    sha256 = await shop.put(1)
    await citing(shop, receipt(sha256))

    for days in (9, 30, 400):
        assert 0 == await shop.round(sha256, TUESDAY_NOON + timedelta(days=days))
    assert {"evidence", "photos"} == shop.where(sha256)


@pytest.mark.parametrize("citing", CITING)
async def test_a_photo_that_is_cited_after_it_was_set_aside_comes_back(
    shop: Shop, citing: Callable[[Shop, str], Any]
) -> None:
    sha256 = await shop.put(1)
    await shop.round(sha256, TUESDAY_NOON + 9 * DAY)
    await citing(shop, receipt(sha256))
    before = await shop.store.get(sha256)
    await shop.round(sha256, TUESDAY_NOON + 18 * DAY)

    assert photo(1) == before == await shop.store.get(sha256)
    assert {"evidence", "photos"} == shop.where(sha256)


async def test_a_photo_that_is_sent_anew_begins_anew(shop: Shop) -> None:
    sha256 = await shop.put(1)
    await shop.round(sha256, TUESDAY_NOON + 9 * DAY)
    await shop.store.put(sha256, photo(1), {}, APP)  # while the other lies aside
    for path in (shop.folder / f"photos/{sha256[:2]}/{sha256}",):
        os.utime(path, ((TUESDAY_NOON + 17 * DAY).timestamp(),) * 2)
    await collect(shop.collector, sha256[:2], TUESDAY_NOON + 18 * DAY)

    assert {"evidence", "photos"} == shop.where(sha256)
    assert photo(1) == await shop.store.get(sha256)


async def test_nothing_is_collected_while_a_model_is_behind(shop: Shop) -> None:
    sha256 = await shop.put(1)
    shop.model.behind = True

    assert 0 == await shop.round(sha256, TUESDAY_NOON + 30 * DAY)
    assert {"evidence", "photos"} == shop.where(sha256)
    shop.model.behind = False
    assert 1 == await shop.round(sha256, TUESDAY_NOON + 30 * DAY)


@pytest.mark.parametrize("left", ["photos", "aside"])
async def test_a_round_that_was_cut_off_is_finished_by_the_next(shop: Shop, left: str) -> None:
    sha256 = await shop.put(1)
    both = [shop.folder / shelf / sha256[:2] / sha256 for shelf in ("photos", "aside")]
    both[1].parent.mkdir(parents=True)
    both[1].write_bytes(photo(1))
    shop.touch(sha256, TUESDAY_NOON)
    if left == "aside":
        both[0].unlink()
    for days in (9, 18, 27):
        await shop.round(sha256, TUESDAY_NOON + days * DAY)

    assert set() == shop.where(sha256)


async def test_evidence_of_the_version_before_goes_with_its_photo(shop: Shop) -> None:
    sha256 = await shop.put(1)
    (shop.folder / f"evidence/{sha256}.json").write_text("{}")
    for days in (9, 18):
        await shop.round(sha256, TUESDAY_NOON + days * DAY)

    assert set() == shop.where(sha256)


async def test_many_cited_photos_do_not_hide_an_uncited_one(shop: Shop) -> None:
    uncited_one = await shop.put(1)
    part = shop.folder / "photos" / uncited_one[:2]
    names = [uncited_one[:2] + hashlib.sha256(str(n).encode()).hexdigest()[2:] for n in range(1200)]
    for name in names:
        (part / name).write_bytes(b"x")
        os.utime(part / name, (TUESDAY_NOON.timestamp(),) * 2)
    async with shop.database.transaction() as connection:
        await cite(connection, [received(*(receipt(name) for name in names)).model_dump_json().encode()])

    assert 1 == await shop.round(uncited_one, TUESDAY_NOON + 9 * DAY)
    assert 1200 == len(list(part.iterdir()))


def test_every_part_has_its_turn_within_a_day() -> None:
    turns = {part_at(TUESDAY_NOON + timedelta(seconds=ROUND_SECONDS * n)) for n in range(256)}

    assert {f"{n:02x}" for n in range(256)} == turns
    assert timedelta(seconds=ROUND_SECONDS * 256) < DAY


async def test_what_was_sent_counts_once_until_it_is_cited_or_a_day_is_over(shop: Shop) -> None:
    one, two = (hashlib.sha256(photo(seed)).hexdigest() for seed in (1, 2))
    for at in (TUESDAY_NOON, TUESDAY_NOON + timedelta(hours=1)):
        for client, sha256 in (("app", one), ("app", two), ("other", one)):
            await add_upload(shop.database, client, sha256, at, 1000)
    counted = await uncited(shop.database, "app", TUESDAY_NOON - DAY)
    await by_a_record(shop, received(receipt(one)))
    rest = await uncited(shop.database, "app", TUESDAY_NOON - DAY)
    others = await uncited(shop.database, "other", TUESDAY_NOON - DAY)
    await forget_uploads(shop.database, TUESDAY_NOON)

    assert (Uncited(2, 2000, TUESDAY_NOON), Uncited(1, 1000, TUESDAY_NOON)) == (counted, rest)
    assert Uncited(0, 0, None) == others == await uncited(shop.database, "app", TUESDAY_NOON - DAY)
    assert set(hashes_of([one])) == await cited(shop.database, hashes_of([one, two]))


@pytest.mark.parametrize(
    ("known", "seconds"),
    [
        (Uncited(0, 0, None), None),
        (Uncited(9, 99, TUESDAY_NOON), None),
        (Uncited(10, 0, TUESDAY_NOON - timedelta(hours=23)), 3600),
        (Uncited(1, 100, TUESDAY_NOON), 86_400),
        (Uncited(10, 100, TUESDAY_NOON - WINDOW), 1),
    ],
)
def test_a_client_waits_until_its_oldest_photo_no_longer_counts(known: Uncited, seconds: int | None) -> None:
    wait = wait_for(Quota(10, 100), known, TUESDAY_NOON)

    assert seconds == (None if wait is None else wait.total_seconds())
