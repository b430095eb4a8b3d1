"""Who holds readers up is named, and so is the oldest transaction of the server; the outbox is asked for its age."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs

from chassis.http.health import Health
from chassis.http.serve import application
from chassis.postgres import outbox
from chassis.postgres.holders import OLD_SECONDS, Holders
from chassis.postgres.outbox_age import OutboxAge
from chassis.postgres.pool import Database
from stack.prepare import as_role
from stack.processes import free_port

SCHEMA = "router"
Sessions = list["asyncpg.Connection[asyncpg.Record]"]


class Hour:
    """Seconds of a clock that the test sets."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture(scope="module")
async def own_url(database_url: str) -> str:
    """The address for the schema's role, which may not see when others' transactions began."""
    url = as_role(database_url, SCHEMA, None)
    connection = await asyncpg.connect(url)
    for statement in (f"create table {SCHEMA}.rows (n int)", *outbox.ddl(SCHEMA)):
        await connection.execute(statement)
    await connection.close()
    return url


@pytest.fixture
async def database(own_url: str) -> AsyncIterator[Database]:
    made = Database(own_url, "holders-test", 2)
    await made.open()
    await made.execute(f"truncate {SCHEMA}.outbox")
    yield made
    await made.close()


async def page(*sources: Holders | OutboxAge) -> dict[str, float]:
    """The values that the sources set, by name; what is not on the page is missing."""
    app = application("trial", "1", "trial", Health(asyncio.Event()), sources)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trial") as http:
        lines = (await http.get("/metrics")).text.splitlines()
    found = [line for line in lines if f'schema="{SCHEMA}"' in line or line.startswith("metrics_measured{")]
    return {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in found}


@pytest.mark.parametrize(
    ("statement", "event"),
    [(f"insert into {SCHEMA}.rows values (1)", "horizon.held"), ("select pg_current_xact_id()", "transaction.old")],
)
async def test_an_old_transaction_is_named_and_measured_as_what_it_is(
    database: Database, database_url: str, statement: str, event: str
) -> None:
    hour = Hour()
    holders = Holders(database, SCHEMA, hour)
    other = await asyncpg.connect(database_url, server_settings={"application_name": "by hand"})
    await other.execute("begin")
    await other.execute(statement)
    with capture_logs() as young:
        await holders.measure()
    hour.at += OLD_SECONDS + 100
    with capture_logs() as old:
        shown = await page(holders)
    await other.close()
    named = [{name: line[name] for name in ("event", "pid", "application", "role")} for line in old if "pid" in line]
    ages = shown["postgres_oldest_transaction_seconds"], shown["horizon_writer_seconds"]

    assert ([], 1.0) == ([line for line in young if line.get("application") == "by hand"], shown["metrics_measured"])
    assert {"event": event, "pid": named[0]["pid"], "application": "by hand", "role": "postgres"} in named
    assert (True, event == "horizon.held") == tuple(age >= OLD_SECONDS + 100 for age in ages)


async def test_the_mark_of_a_writer_is_enough_to_be_named_and_reading_is_not(database: Database) -> None:
    hour = Hour()
    holders = Holders(database, SCHEMA, hour)
    async with database.transaction() as writer:
        await writer.execute("select pg_current_xact_id()")
        await holders.measure()
        hour.at += 60
        held = await page(holders)
    async with database.transaction() as reader:
        await reader.execute(f"select * from {SCHEMA}.rows")
        free = await page(holders)

    assert (True, 0) == (held["horizon_writer_seconds"] >= 60, free["horizon_writer_seconds"])


async def test_the_watch_goes_on_while_the_server_is_away_and_ends_when_told() -> None:
    away = Database(f"postgresql://x@127.0.0.1:{free_port()}/x", "holders-test", 1)
    await away.open()
    stopping = asyncio.Event()
    watching = asyncio.create_task(Holders(away, SCHEMA).watch(stopping))
    shown = await page(Holders(away, SCHEMA))
    before = watching.done()
    stopping.set()
    await asyncio.wait_for(watching, 10)
    await away.close()

    assert (False, {"metrics_measured": 0.0}) == (before, shown)


async def test_the_outbox_is_as_old_as_its_oldest_row_although_no_relay_runs(database: Database) -> None:
    source = OutboxAge(database, SCHEMA)
    empty = await page(source)
    for seconds in (10, 4000, 50):
        await database.execute(
            f"""insert into {SCHEMA}.outbox (topic, key, value, headers, written_at)
                values ('t', '', '', '{{}}', clock_timestamp() - make_interval(secs => $1))""",
            float(seconds),
        )
    waiting = await page(source)
    await database.execute(f"delete from {SCHEMA}.outbox where written_at < clock_timestamp() - interval '1 hour'")
    after = await page(source)

    assert (0, 0) == (empty["outbox_age_seconds"], empty["outbox_waiting_rows"])
    assert (True, 3) == (4000 <= waiting["outbox_age_seconds"] < 4100, waiting["outbox_waiting_rows"])
    assert (True, 2) == (50 <= after["outbox_age_seconds"] < 150, after["outbox_waiting_rows"])


async def test_an_outbox_that_cannot_be_asked_shows_no_age(database: Database, own_url: str) -> None:
    away = Database(f"postgresql://x@127.0.0.1:{free_port()}/x", "holders-test", 1)
    await away.open()
    await page(OutboxAge(database, SCHEMA))
    shown = await page(OutboxAge(away, SCHEMA))
    await away.close()

    assert {"metrics_measured": 0.0} == {
        name: value for name, value in shown.items() if "outbox" in name or "meas" in name
    }
