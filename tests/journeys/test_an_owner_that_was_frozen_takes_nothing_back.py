"""The first owner of each service is frozen within a transaction, replaced, and wakes up: nothing goes back."""

import asyncio
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from stack import parked
from stack.processes import free_port, stop
from stack.up import Supervised
from tests.journeys.town import Town, lives, until

FROZEN_SECONDS = 8.0
"""Longer than a consumer's session, after which the others have its partitions."""
WITHIN_A_TRANSACTION = {"intake": "model.written", "router": "router.read", "notifier": "feed.late"}


def is_frozen(process: "subprocess.Popen[bytes]") -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "T"


@pytest.fixture
def replicas(town: Town) -> Iterator[list[Supervised]]:
    """A second process of each service; the town talks to these."""
    made, urls = [], {name: value for name, value in town.env.items() if name.endswith("_URL")}
    for name, first in town.system.services.items():
        port = free_port()
        env = {**first.env, f"{name.upper()}_PORT": str(port)}
        second = Supervised(name, port, env, first.log.with_name(f"{name}-second.log"))
        second.start()
        made.append(second)
    for second in made:
        until(second.ready)
        town.env[f"{second.name.upper()}_URL"] = second.url
    yield made
    town.env.update(urls)
    for second in made:
        if second.process is not None:
            second.process.terminate()
            stop(second.process)


async def parked_now(kafka: str) -> int:
    return sum([len(await parked.read(kafka, topic)) for topic in ("reports", "cases", "notices")])


async def reached(database: str, schema: str) -> dict[str, int]:
    """How far each case is in a service's own ledger."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(f"select case_id::text, seq from {schema}.cases")
        return {row["case_id"]: row["seq"] for row in rows}
    finally:
        await connection.close()


def report_until_all_have_woken(town: Town, processes: dict[str, "subprocess.Popen[bytes]"]) -> list[str]:
    """Reports all the time; wakes each process when it has been frozen for long enough."""
    reports: list[str] = []
    wake_at: dict[str, float] = {}
    while len(wake_at) < len(processes) or any(map(is_frozen, processes.values())):
        assert len(reports) < 400, f"only {sorted(wake_at)} were frozen"
        reports += town.reports(4)
        for name, process in processes.items():
            if is_frozen(process) and time.monotonic() > wake_at.setdefault(name, time.monotonic() + FROZEN_SECONDS):
                process.send_signal(signal.SIGCONT)
        time.sleep(0.4)
    return reports


def test_an_owner_that_was_frozen_takes_nothing_back(town: Town, replicas: list[Supervised]) -> None:
    kafka, database = town.env["KAFKA_BOOTSTRAP"], town.env["DATABASE_URL"]
    parked_before = asyncio.run(parked_now(kafka))
    first = {}
    for name, place in WITHIN_A_TRANSACTION.items():
        town.stop(name)  # its second process now publishes for both
        first[name] = town.start_faulty(name, f"{place}:stop:3")
    try:
        reports = report_until_all_have_woken(town, first)
    finally:
        for process in first.values():
            os.kill(process.pid, signal.SIGCONT)
    town.handle_all(reports)
    results = town.results(reports)
    last = {events[-1]["case_id"]: events[-1]["seq"] for events in lives(town.topic("cases"))}

    assert dict.fromkeys(reports, 1) == results
    assert [] == [item for item, times in Counter(item["notice_id"] for item in town.feed()).items() if times > 1]
    for schema in ("intake", "notifier"):
        until(lambda schema=schema: asyncio.run(reached(database, schema)), lambda seqs: seqs == last)  # type: ignore[misc]
    assert parked_before == asyncio.run(parked_now(kafka))
    assert [None] * 3 == [process.poll() for process in first.values()]
