"""What the router's tests share: the real city pack, a door to a real database, reports as records."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from structlog.testing import capture_logs

from chassis.kafka.envelope import headers_of
from chassis.keys import Keys, fingerprint
from chassis.postgres.pool import Database
from schemas.events import Place
from schemas.ids import event_id_of, report_id_of
from schemas.reports import ReportEvent, ReportReceived
from services.router.act import Door
from services.router.city import City, read_city
from services.router.waking import Waking
from tests.router.http import Caller, calling

ROOT = Path(__file__).parent.parent.parent
SHANGHAI = timezone(timedelta(hours=8))
RECEIPT_KEY = bytes(range(32))
Lines = list[MutableMapping[str, Any]]
NAMES = UUID("6f3d1f4e-5b0c-5d8a-9c56-7a1e5e0f0cff")
TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=SHANGHAI)
CITY = read_city(ROOT / "cities/taiyuan")
KEYS = {f"ssp_platform_{code}": (code, "platform") for code in CITY.platforms} | {
    "ssp_centre_one": ("centre-one", "centre"), "ssp_app_one": ("app-one", "app"), "ssp_ops_one": ("ops-one", "ops"),
}  # fmt: skip


class Clock:
    """The hour, as the test wants it."""

    def __init__(self, at: datetime = TUESDAY_1000) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class Record:
    """What a consumer gets from Kafka."""

    def __init__(self, value: bytes, headers: dict[str, str], offset: int = 0) -> None:
        self.topic, self.partition, self.offset, self.timestamp = "reports", 0, offset, 0
        self.key: bytes | None = None
        self.value = value
        self.headers = tuple((name, text.encode()) for name, text in headers.items())


def report(number: int, **changes: Any) -> ReportReceived:
    """A report of a missing manhole cover in 迎泽区, each number 200 m from the next."""
    place = Place(lon=112.50 + (number % 100) * 0.0025, lat=37.80 + (number // 100) * 0.002, district="140106")
    fields: dict[str, Any] = {
        "at": TUESDAY_1000, "report_id": report_id_of("app-one", f"r-{number}"), "app": "app-one",
        "reporter_ref": f"u-{number}", "text": f"井盖缺失 {number}", "category": "C0102", "place": place,
        "body_digest": f"digest-{number}", "city_version": CITY.version,
    }  # fmt: skip
    return ReportReceived(**(fields | changes))


def record_of(event: ReportEvent, offset: int = 0, seq: int = 0) -> Record:
    """The event as it lies on the topic."""
    headers = headers_of(event_id_of(event.report_id, event.kind, seq), event.kind, "intake", event.at)
    return Record(event.model_dump_json().encode(), headers, offset)


def derived(name: str) -> UUID:
    """An id that is the same in every run."""
    return uuid5(NAMES, name)


@pytest.fixture(scope="session")
def city() -> City:
    return CITY


@pytest.fixture(scope="module")
def clients_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "clients.json"
    clients = [{"name": name, "kind": kind, "sha256": fingerprint(key)} for key, (name, kind) in KEYS.items()]
    path.write_text(json.dumps({"clients": clients}), "utf-8")
    return path


@pytest.fixture
async def door(service_url: Callable[[str], str], clients_path: Path) -> AsyncIterator[Door]:
    """The router's edges on a real, empty ledger; `door.now` is a clock that the test sets."""
    database = Database(service_url("router"), "router-test")
    await database.open()
    tables = "cases, reports, timers, answers, numbers, accounts, evidence, calendar, outbox, positions"
    await database.execute("alter table router.history disable trigger history_stays")
    await database.execute(f"truncate router.history, {', '.join('router.' + t for t in tables.split(', '))}")
    await database.execute("alter table router.history enable trigger history_stays")
    yield Door(database, CITY, Keys(clients_path), RECEIPT_KEY, Waking(), Clock())
    await database.close()


def hour(door: Door) -> Clock:
    """The clock of a door."""
    assert isinstance(door.now, Clock)
    return door.now


def utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


@pytest.fixture
async def call(door: Door) -> AsyncIterator[Caller]:
    """Whoever has a key, calling the router of `door` in process."""
    async with calling(door) as caller:
        yield caller


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged, before it is written."""
    with capture_logs() as found:
        yield found
