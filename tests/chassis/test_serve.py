"""How a process lives: told to stop it answers what is open and ends with 0; a part that dies takes it along."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka.errors import KafkaConnectionError

from chassis.kafka.connection import keep_connected
from stack.prepare import ROOT
from stack.processes import free_port

PATIENCE = 40.0
PROGRAM = """
import asyncio, sys
import uvloop
from chassis.http import health, serve

async def made():
    stopping, begun, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event()
    checks = health.Health(stopping)
    app = serve.application("trial", "1", "", checks)

    @app.get("/slow")
    async def slow():
        begun.set()
        await stopping.wait()
        ready = await checks.faults()
        go_on.set()
        return {"faults": ready}

    @app.get("/begun")
    async def has_begun():
        return {"begun": begun.is_set()}

    async def drains(stopping):
        await stopping.wait()
        await go_on.wait()
        print("drained", flush=True)

    async def dies(stopping):
        await begun.wait()
        raise KeyError("our own mistake")

    parts = {"drains": drains, "dies": dies}
    await serve.run(app, "127.0.0.1", int(sys.argv[1]), stopping, [parts[sys.argv[2]]])

uvloop.run(made())
"""


@asynccontextmanager
async def running(part: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """The program above with one part, once it is alive; gone afterwards."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(port), part, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as http:
            await until(lambda: says(http, "/livez", "alive"))
            yield process, http
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def says(http: httpx.AsyncClient, path: str, name: str) -> bool:
    try:
        return bool((await http.get(path)).json()[name])
    except httpx.TransportError:
        return False


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await true():
            await asyncio.sleep(0.02)


async def test_told_to_stop_it_is_not_ready_answers_what_is_open_drains_and_ends_well() -> None:
    async with running("drains") as (process, http):
        slow = asyncio.create_task(http.get("/slow"))
        await until(lambda: says(http, "/begun", "begun"))
        process.send_signal(signal.SIGTERM)
        answer = await slow
        output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)

    assert (200, {"faults": {"process": "is stopping"}}) == (answer.status_code, answer.json())
    assert (0, True) == (process.returncode, b"drained" in output.splitlines())


async def test_a_part_that_dies_of_our_own_mistake_takes_the_process_with_it() -> None:
    async with running("dies") as (process, http):
        slow = asyncio.create_task(http.get("/slow"))
        output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
        await asyncio.gather(slow, return_exceptions=True)

    assert 1 == process.returncode
    assert b"our own mistake" in output + errors


class Broker:
    """A broker that cannot be reached a few times."""

    def __init__(self, *away: Exception) -> None:
        self._away = list(away)
        self.calls: list[str] = []
        self.connected = asyncio.Event()

    async def start(self) -> None:
        self.calls.append("start")
        if self._away:
            raise self._away.pop(0)
        self.connected.set()

    async def stop(self) -> None:
        self.calls.append("stop")


async def test_a_broker_that_is_away_is_tried_until_it_is_there_and_stopped_in_the_end() -> None:
    stopping, broker = asyncio.Event(), Broker(KafkaConnectionError("refused"), OSError("no route"))
    kept: Any = broker
    task = asyncio.create_task(keep_connected(kept, stopping))
    await asyncio.wait_for(broker.connected.wait(), PATIENCE)
    before = broker.calls.copy()
    stopping.set()
    await asyncio.wait_for(task, PATIENCE)

    assert ["start", "stop", "start", "stop", "start"] == before
    assert [*before, "stop"] == broker.calls


async def test_whoever_is_told_to_stop_does_not_wait_for_a_broker_that_is_away() -> None:
    stopping = asyncio.Event()
    broker: Any = Broker(*[KafkaConnectionError("refused")] * 1000)
    task = asyncio.create_task(keep_connected(broker, stopping))
    async with asyncio.timeout(PATIENCE):
        while broker.calls.count("start") < 2:
            await asyncio.sleep(0.01)
    stopping.set()
    await asyncio.wait_for(task, PATIENCE)

    assert broker.calls.count("start") < 10


async def test_a_mistake_in_a_subscription_is_not_waited_for() -> None:
    broker: Any = Broker(TypeError("ours"))
    with pytest.raises(TypeError, match="ours"):
        await asyncio.wait_for(keep_connected(broker, asyncio.Event()), PATIENCE)

    assert ["start"] == broker.calls
