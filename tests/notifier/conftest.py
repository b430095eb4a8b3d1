"""What the notifier's tests share: a case that tells of itself, the service on a real ledger, and whom it calls."""

import asyncio
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from aiohttp import web

from chassis.bell import Bell
from chassis.http.health import Health
from chassis.http.serve import add_routes, application, served
from chassis.kafka.consumer import Aside
from chassis.kafka.envelope import headers_of
from chassis.keys import Keys, fingerprint
from chassis.logs import configure
from chassis.postgres.pool import Connection, Database
from schemas.cases import (
    CaseAccepted,
    CaseClosed,
    CaseCorrected,
    CaseDeclined,
    CaseDispatched,
    CaseDisputed,
    CaseDisputeRefused,
    CaseEscalated,
    CaseEvent,
    CaseExtended,
    CaseFiled,
    CaseHandled,
    CaseHeld,
    CaseJoined,
    CaseLinked,
    CaseOpened,
    CaseRated,
    CaseReopened,
    CaseRequested,
    CaseRequestRefused,
    CaseRescheduled,
    CaseResumed,
    CaseReturned,
    CaseReworked,
    CaseSupplemented,
    CaseSuspended,
    CaseUnlinked,
    CaseVoided,
    Stage,
)
from schemas.events import Event, Named, Place
from schemas.ids import case_id_of, event_id_of, report_id_of, unlinked_case_id_of
from schemas.reports import ReportDisputed, ReportReceived
from services.notifier.callback import Callbacks
from services.notifier.city import read_wording
from services.notifier.consumers import Consumers, read_case, read_report
from services.notifier.http import Endpoints
from services.notifier.http_feed import Feed
from services.notifier.rounds import Rounds
from services.notifier.sms import Texts
from stack.processes import free_port

ROOT = Path(__file__).parents[2]
SHANGHAI = timezone(timedelta(hours=8))
TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=SHANGHAI)
TUESDAY_1200 = datetime(2026, 11, 24, 12, 0, tzinfo=SHANGHAI)
PATIENCE = 30.0
WORDING = read_wording(ROOT / "cities/taiyuan")
DRAINS = Named(code="P016", name="市排水管理处")
JINYANG, FENHE, PLATFORM = "ssp_app_jinyang", "ssp_app_fenhe", "ssp_platform_P016"
CENTRE, OPS = "ssp_centre_one", "ssp_ops_one"
KEYS = {
    JINYANG: ("jinyang", "app"), FENHE: ("fenhe", "app"), PLATFORM: ("P016", "platform"),
    CENTRE: ("centre-one", "centre"), OPS: ("ops-one", "ops"),
}  # fmt: skip
TABLES = ("notices", "told", "awaited", "cases", "reporters", "endpoints", "outbox")
T = TypeVar("T")


class Clock:
    """The hour, as the test wants it."""

    def __init__(self, at: datetime = TUESDAY_1000) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def set_right(self) -> None:
        """To the true hour, for receivers that compare a signature's with their own."""
        self.at = datetime.now(UTC)


async def until(ask: Callable[[], Awaitable[T]], good: Callable[[T], object] = bool) -> T:
    """What `ask` says as soon as it is good."""
    deadline = time.monotonic() + PATIENCE
    while not good(told := await ask()):
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s; last: {told!r:.500}"
        await asyncio.sleep(0.01)
    return told


class Record:
    """What a consumer gets from Kafka."""

    def __init__(self, topic: str, key: UUID, value: bytes, headers: dict[str, str], offset: int = 0) -> None:
        self.topic, self.partition, self.offset, self.timestamp = topic, 0, offset, 0
        self.key = str(key).encode()
        self.value = value
        self.headers = tuple((name, text.encode()) for name, text in headers.items())


def record_of(event: Event) -> Record:
    """The event as it lies on its topic."""
    if isinstance(event, CaseEvent):
        headers = headers_of(event_id_of(event.case_id, event.kind, event.seq), event.kind, "router", event.at)
        return Record("cases", event.case_id, event.model_dump_json().encode(), headers, event.seq)
    assert isinstance(event, ReportReceived | ReportDisputed)
    headers = headers_of(event_id_of(event.report_id, event.kind), event.kind, "intake", event.at)
    return Record("reports", event.report_id, event.model_dump_json().encode(), headers)


def report(number: int, app: str = "jinyang", **changes: Any) -> ReportReceived:
    """A citizen's report to an app."""
    fields: dict[str, Any] = {
        "at": TUESDAY_1000, "report_id": report_id_of(app, f"r-{number}"), "app": app, "reporter_ref": f"u-{number}",
        "text": "井盖缺失", "category": "C0102", "place": Place(lon=112.5, lat=37.8, district="140106"),
        "body_digest": f"digest-{number}", "city_version": "1",
    }  # fmt: skip
    return ReportReceived(**(fields | changes))


class Story:
    """A case as the router tells of it: each call is its next event."""

    def __init__(self, by: ReportReceived, case_id: UUID | None = None) -> None:
        self.report, self.case_id, self.seq = by, case_id or case_id_of(by.report_id), 0

    def _next(self, model: type[CaseEvent], **fields: Any) -> CaseEvent:
        self.seq += 1
        at = TUESDAY_1000 + timedelta(minutes=self.seq)
        return model(case_id=self.case_id, seq=self.seq, by="router", at=at, **fields)

    def opened(self) -> CaseEvent:
        place, report_id = self.report.place, self.report.report_id
        return self._next(CaseOpened, report_id=report_id, category="C0102", place=place, text="", city_version="1")

    def joined(self, other: ReportReceived) -> CaseEvent:
        return self._next(CaseJoined, report_id=other.report_id)

    def held(self) -> CaseEvent:
        return self._next(CaseHeld, reason="category_missing")

    def filed(self) -> CaseEvent:
        return self._next(CaseFiled, case_number="1401062026112400001", category="C0102", district="140106")

    def declined(self, reply: str = "未发现问题") -> CaseEvent:
        return self._next(CaseDeclined, reason="not_true", reply=reply)

    def dispatched(self, platform: Named = DRAINS) -> CaseEvent:
        return self._next(
            CaseDispatched, generation=1, platform=platform, rule="R0289", candidates=(platform.code,),
            accept_by=TUESDAY_1200, deadline=TUESDAY_1200, city_version="1",
        )  # fmt: skip

    def accepted(self) -> CaseEvent:
        return self._next(CaseAccepted, generation=1, platform=DRAINS)

    def suspended(self, reason: str = "冬季停工") -> CaseEvent:
        return self._next(CaseSuspended, generation=1, until=TUESDAY_1200, reason=reason)

    def returned(self) -> CaseEvent:
        return self._next(CaseReturned, generation=1, platform=DRAINS, reason="not_ours")

    def requested(self) -> CaseEvent:
        return self._next(CaseRequested, generation=1, platform=DRAINS, request="extension", reason="连日降雨")

    def request_refused(self) -> CaseEvent:
        return self._next(CaseRequestRefused, generation=1, request="extension", reason="可以按时完成")

    def extended(self) -> CaseEvent:
        return self._next(CaseExtended, generation=1, deadline=TUESDAY_1200, reason="连日降雨")

    def resumed(self) -> CaseEvent:
        return self._next(CaseResumed, generation=1, deadline=TUESDAY_1200)

    def rescheduled(self) -> CaseEvent:
        return self._next(CaseRescheduled, generation=1, accept_by=TUESDAY_1200, deadline=TUESDAY_1200)

    def escalated(self, stage: Stage | None = "handle") -> CaseEvent:
        return self._next(CaseEscalated, generation=1, stage=stage, step="due" if stage else None)

    def handled(self) -> CaseEvent:
        return self._next(CaseHandled, generation=1, platform=DRAINS, text="已更换井盖")

    def reworked(self) -> CaseEvent:
        return self._next(CaseReworked, generation=1, reason="仍有缺失")

    def closed(self, reply: str = "已更换井盖", **fields: Any) -> CaseEvent:
        return self._next(CaseClosed, reply=reply, **fields)

    def forced(self) -> CaseEvent:
        return self.closed("已由市政工程一并解决", forced=True, reason="works")

    def reopened(self) -> CaseEvent:
        return self._next(CaseReopened, report_id=self.report.report_id, reason="未处理")

    def disputed(self) -> CaseEvent:
        return self._next(CaseDisputed, report_id=self.report.report_id, reason="未处理")

    def dispute_refused(self, *by: ReportReceived) -> CaseEvent:
        report_ids = tuple(one.report_id for one in by or (self.report,))
        return self._next(CaseDisputeRefused, report_ids=report_ids, reply="经复查，已处置到位")

    def unlinked(self, other: ReportReceived | None = None) -> CaseEvent:
        moved_to = unlinked_case_id_of(self.case_id, self.seq + 1)
        return self._next(CaseUnlinked, report_id=(other or self.report).report_id, moved_to=moved_to)

    def linked(self, to: UUID | None = None) -> CaseEvent:
        return self._next(CaseLinked, linked_to=to or case_id_of(self.case_id))

    def voided(self, reply: str = "测试上报") -> CaseEvent:
        return self._next(CaseVoided, reason="test_case", reply=reply)

    def corrected(self) -> CaseEvent:
        place = Place(lon=112.55, lat=37.85, district="140106")
        return self._next(
            CaseCorrected, generation=1, changed=("category",), category="E0503", district="140106", place=place,
            reason="类别有误",
        )  # fmt: skip

    def supplemented(self) -> CaseEvent:
        return self._next(CaseSupplemented, report_id=self.report.report_id, text="洞口更大了")

    def rated(self) -> CaseEvent:
        return self._next(CaseRated, report_id=self.report.report_id, stars=5)


@dataclass
class Notifier:
    """The notifier's edges on one ledger, with a clock that the test sets."""

    database: Database
    clock: Clock
    callbacks: Callbacks
    http: httpx.AsyncClient
    bell: Bell
    stopping: asyncio.Event
    reading: Feed
    texts: bool = False

    async def tell(self, *events: Event) -> list[Aside]:
        """One batch: of `reports` if the first is a report, else of `cases`. What is set aside."""
        async with self.database.transaction() as connection:
            return await self.tell_within(connection, *events)

    async def tell_within(self, connection: Connection, *events: Event) -> list[Aside]:
        """The same, in a transaction that the test ends."""
        consumers = Consumers(self.database, WORDING, self.texts, self.clock, lambda _: None)
        records = [record_of(event) for event in events]
        if isinstance(events[0], ReportReceived):
            return await consumers.on_reports(connection, [(r, read_report(r)) for r in records])
        return await consumers.on_cases(connection, [(r, read_case(r)) for r in records])

    async def call(self, method: str, path: str, key: str = JINYANG, **what: Any) -> httpx.Response:
        """One HTTP call as the holder of a key."""
        headers = {"Authorization": f"Bearer {key}"} | what.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **what)

    async def register(self, url: str, name: str = "main", key: str = JINYANG) -> str:
        """Registers an endpoint; its secret."""
        answer = await self.call("PUT", f"/v1/endpoints/{name}", key, json={"url": url})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["secret"])

    async def endpoint(self, name: str = "main", key: str = JINYANG) -> Any:
        return (await self.call("GET", f"/v1/endpoints/{name}", key)).json()

    async def notices(self, channel: str, key: str = JINYANG) -> list[Any]:
        """The caller's notices on this channel, in their order."""
        items = (await self.call("GET", "/v1/notices?limit=500", key)).json()["items"]
        return [item for item in items if item["channel"] == channel]

    async def feed(self, count: int, key: str = JINYANG) -> list[Any]:
        """The whole feed, once it has that many entries: transactions elsewhere on the server may hold it back."""

        async def ask() -> list[Any]:
            items: list[Any] = (await self.call("GET", "/v1/feed?limit=500", key)).json()["items"]
            return items

        return await until(ask, lambda items: len(items) >= count)

    async def owed(self) -> list[tuple[int, str, str, str]]:
        """Every notice of the ledger: seq, recipient, channel, state."""
        rows = await self.database.fetch("select seq, recipient, channel, state from notifier.notices order by id")
        return [tuple(row) for row in rows]

    async def announced(self) -> list[tuple[str, Any]]:
        """What the outbox holds for the topic `notices`: kind and body, in order."""
        rows = await self.database.fetch("select headers, value from notifier.outbox order by id")
        return [(json.loads(row["headers"])["ce_type"], json.loads(row["value"])) for row in rows]

    async def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        return {t: [tuple(r) for r in await self.database.fetch(f"select * from notifier.{t} t order by t::text")]
                for t in TABLES}  # fmt: skip


@pytest.fixture(scope="module")
def clients_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "clients.json"
    clients = [{"name": name, "kind": kind, "sha256": fingerprint(key)} for key, (name, kind) in KEYS.items()]
    path.write_text(json.dumps({"clients": clients}), "utf-8")
    return path


@pytest.fixture
async def notifier(service_url: Callable[[str], str], clients_path: Path) -> AsyncIterator[Notifier]:
    """The notifier on an empty ledger, in local mode; its application is called in process."""
    database, clock, keys = Database(service_url("notifier"), "notifier-test"), Clock(), Keys(clients_path)
    bell, stopping = Bell(), asyncio.Event()
    await database.open()
    for table in TABLES:
        await database.execute(f"delete from notifier.{table}")
    callbacks = Callbacks(True, clock)
    app = application("notifier", "0", "", Health(stopping))
    add_routes(app, Endpoints(database, keys, callbacks, clock, True).routes())
    reading = Feed(database, keys, bell, stopping)
    add_routes(app, reading.routes())
    transport = httpx.ASGITransport(served(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier", timeout=PATIENCE) as http:
        yield Notifier(database, clock, callbacks, http, bell, stopping, reading)
    await callbacks.close()
    await database.close()


@asynccontextmanager
async def at_work(
    notifier: Notifier, texts: Texts | None = None, now: Callable[[], datetime] | None = None
) -> AsyncIterator[Rounds]:
    """Rounds that go on until the end of the block, by the notifier's clock or another."""
    rounds, stopping = Rounds(notifier.database, notifier.callbacks, texts, now or notifier.clock), asyncio.Event()
    running = asyncio.create_task(rounds.run(stopping))
    try:
        yield rounds
    finally:
        stopping.set()
        await running


@dataclass(frozen=True)
class Heard:
    """One callback as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def notice(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """Whoever is called: keeps what came, whole, and answers as it is told to."""

    answer: Answer
    heard: list[Heard] = field(default_factory=list)

    async def on_callback(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.heard.append(Heard(headers, await request.read()))
        return await self.answer(request)

    async def count(self) -> int:
        return len(self.heard)


def says(status: int, **headers: str) -> Answer:
    """Always this status. An underscore in a header's name is a hyphen."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=told)

    return answer


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[str]:
    """The receiver on a free port of the loopback; yields its address."""
    site = web.Application()
    site.router.add_post("/callbacks", receiver.on_callback)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/callbacks"
    finally:
        await runner.cleanup()


@dataclass
class Lines:
    """What this process has logged so far, as text and line by line."""

    stream: io.BytesIO

    @property
    def text(self) -> str:
        return self.stream.getvalue().decode()

    def read(self) -> list[Any]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def logged() -> Iterator[Lines]:
    """The log as the product writes it."""
    root, lines = logging.getLogger(), Lines(io.BytesIO())
    before, level = root.handlers[:], root.level
    configure("notifier", "DEBUG", lines.stream)
    yield lines
    configure("notifier")
    root.handlers[:] = before
    root.setLevel(level)


def utc(at: datetime) -> str:
    """The instant as JSON has it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
