"""The relay: publishes the outbox in its order, waits until it is durable, deletes what is published.

One at a time for each schema, by an advisory lock that lives and dies with the session which also reads and deletes.
It keeps no high-water mark: commit order is not id order, so what stands in the table is unpublished, nothing else.
A crash between publishing and deleting repeats records under the same `ce_id`; it never leaves a gap.
"""

import asyncio
import zlib
from typing import Any

import asyncpg
import orjson
from aiokafka.errors import KafkaError
from faststream.exceptions import IncorrectState
from faststream.kafka import KafkaBroker

from chassis import faults
from chassis.http.metrics import OUTBOX_ROWS, RELAY_FAILED
from chassis.logs import log
from chassis.postgres.blame import CLIENT_ERRORS, Unavailable

MOST_ROWS = 1000
POLL_SECONDS = 0.5
LINGER_SECONDS = 0.004
"""Waited before each look, so that the rows of acts at the same moment go in one run."""
AWAY_SECONDS = 1.0
ACK_SECONDS = 60.0
PASSES = (asyncpg.PostgresError, *CLIENT_ERRORS, Unavailable, KafkaError, IncorrectState)
"""What trying again cures. `IncorrectState`: the broker is not connected yet, or not any more. A server that is killed
while it notifies can leave the client's protocol in a state in which it raises `InternalClientError`."""


class Relay:
    """The relay of one schema. `run` it beside the service; a second one waits until the first is gone."""

    def __init__(self, url: str, broker: KafkaBroker, schema: str) -> None:
        self._url, self._broker, self._schema = url, broker, schema
        self._written = asyncio.Event()

    async def run(self, stopping: asyncio.Event) -> None:
        """Relays until `stopping` is set. Lost connections are made anew; rows stay until they are published."""
        while not stopping.is_set():
            try:
                await self._session(stopping)
            except PASSES as why:
                RELAY_FAILED.labels(self._schema).inc()
                log.warning("relay.failed", schema=self._schema, why=f"{type(why).__name__}: {why}"[:200])
                await _wait(stopping, AWAY_SECONDS)

    async def _session(self, stopping: asyncio.Event) -> None:
        connection = await asyncpg.connect(
            self._url,
            timeout=5,
            command_timeout=15,
            # Deleting lazily is safe: a row that comes back after a crash is a repeat, never a loss.
            server_settings={
                "application_name": f"{self._schema}.relay",
                "synchronous_commit": "off",
                "jit": "off",
                # A frozen process gives the lock up; longer than any wait between two statements of one that lives.
                "idle_session_timeout": "70000",
            },
        )
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", self._lock):
                if await _wait(stopping, POLL_SECONDS):
                    return
            await connection.add_listener(f"{self._schema}_outbox", lambda *_: self._written.set())
            while not stopping.is_set():
                await asyncio.sleep(LINGER_SECONDS)
                self._written.clear()
                if not await self._relay_some(connection):
                    await _first(self._written, stopping, POLL_SECONDS)
        finally:
            await connection.close(timeout=2)

    @property
    def _lock(self) -> int:
        return zlib.crc32(f"relay {self._schema}".encode())

    async def _send(self, row: asyncpg.Record) -> Any:
        headers = orjson.loads(row["headers"])
        return await self._broker.publish(
            row["value"], row["topic"], key=row["key"], headers=headers, correlation_id=headers.get("ce_id"),
            no_confirm=True,
        )  # fmt: skip

    async def _relay_some(self, connection: "asyncpg.Connection[asyncpg.Record]") -> int:
        rows = await connection.fetch(
            f"""select id, topic, key, value, headers,
                    (select current_setting('transaction_read_only') = 'off'
                        and has_table_privilege('{self._schema}.outbox', 'delete')) as deletable
                from {self._schema}.outbox order by id limit $1""",  # noqa: S608
            MOST_ROWS,
        )
        if not rows:
            return 0
        if not rows[0]["deletable"]:  # or everything would be published again and again
            raise Unavailable(f"rows of {self._schema}.outbox cannot be deleted now")
        acks = [await self._send(row) for row in rows]
        faults.reach("relay.uncertain")
        async with asyncio.timeout(ACK_SECONDS):
            await asyncio.gather(*acks)
        faults.reach("relay.sent")
        await connection.execute(
            f"delete from {self._schema}.outbox where id = any($1::bigint[])",  # noqa: S608
            [row["id"] for row in rows],
        )
        OUTBOX_ROWS.labels(self._schema).inc(len(rows))
        return len(rows)


async def _wait(stopping: asyncio.Event, seconds: float) -> bool:
    """Whether `stopping` was set within `seconds`."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _first(one: asyncio.Event, other: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.ensure_future(one.wait()), asyncio.ensure_future(other.wait())]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
