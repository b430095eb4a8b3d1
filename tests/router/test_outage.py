"""PostgreSQL away: 503 with Retry-After and a red /readyz; back: everything goes on without a restart."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from chassis.http.health import Health
from chassis.http.serve import served
from chassis.kafka.producer import broker_of
from chassis.postgres.pool import Database
from schemas.ids import case_id_of
from services.router.act import Door
from services.router.app import application
from services.router.consumers import on_batch, read
from services.router.rounds import make_round
from tests.router.conftest import record_of, report

CASE = case_id_of(report(1).report_id)
DRAINS = {"Authorization": "Bearer ssp_platform_P016", "Idempotency-Key": "one"}


class Wire:
    """A socket between the router and PostgreSQL that can be cut."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.whole = True
        self._open: set[asyncio.StreamWriter] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_unix_connection(self.target)
        self._open |= {writer, far_writer}
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    def cut(self) -> None:
        self.whole = False
        for writer in self._open:
            writer.close()
        self._open.clear()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        if writer.is_closing():
            return
        writer.write(data)
    writer.close()


@pytest.fixture
async def wired(door: Door, service_url: Callable[[str], str]) -> AsyncIterator[tuple[Wire, Door]]:
    parts = urlsplit(service_url("router"))
    folder = parse_qs(parts.query).get("host", [""])[0]
    wire = Wire(f"{folder}/.s.PGSQL.5432")
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://router@127.0.0.1:{port}{parts.path}?sslmode=disable"
    database = Database(url, "router-outage", patience=1.0)
    await database.open()
    yield wire, replace(door, database=database)
    await database.close()
    wire.cut()
    server.close()


async def test_an_act_without_the_ledger_is_503_and_succeeds_under_the_same_key_once_it_is_back(
    door: Door, wired: tuple[Wire, Door]
) -> None:
    wire, far = wired
    async with door.database.transaction() as connection:
        await on_batch(connection, door, [(r, read(r)) for r in (record_of(report(1)),)])
    health = Health(asyncio.Event())
    health.add("postgres", far.database.check)
    app = application(far, broker_of("localhost:1", "test"), health)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served(app)), base_url="http://router") as http:
        assert (await http.get("/readyz")).status_code == 200
        wire.cut()
        refused = await http.post(f"/v1/cases/{CASE}/accept", json={"generation": 1}, headers=DRAINS)
        await asyncio.sleep(0.6)  # health answers are kept for half a second
        red = await http.get("/readyz")
        wire.whole = True
        accepted = await http.post(f"/v1/cases/{CASE}/accept", json={"generation": 1}, headers=DRAINS)

    assert (503, "database_away", "1") == (
        refused.status_code,
        refused.json()["reason"],
        refused.headers["retry-after"],
    )
    assert (503, ["postgres"]) == (red.status_code, list(red.json()["faults"]))
    assert (200, "accepted") == (accepted.status_code, accepted.json()["state"])
    assert await make_round(far) == 0
