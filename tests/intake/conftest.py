"""Intake as a real process on the real Kafka and PostgreSQL, and one client for each kind of caller."""

import asyncio
import base64
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from nacl.public import PrivateKey

from schemas.topics import TOPICS
from stack.keys import issue_all
from stack.processes import free_port
from tests.alone import alone

ROOT = Path(__file__).parents[2]
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For `verify` of clients that only call http://. By default each new client reads all root certificates (50 ms)."""
WANTED = {
    "app": ("demo-app", "app"),
    "app2": ("other-app", "app"),
    "app3": ("third-app", "app"),
    "platform": ("P031", "platform"),
    "centre": ("centre", "centre"),
    "ops": ("ops", "ops"),
}


@dataclass
class Intake:
    """One process of intake: where it listens, the keys of its clients, and how to kill it."""

    environ: dict[str, str]
    url: str
    keys: dict[str, str]
    private_key: PrivateKey
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self, ready: bool = True) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.intake"], env=self.environ, cwd=ROOT, stdout=log, stderr=log
            )
        self.until_ready(ready)

    def until_ready(self, ready: bool, patience: float = 90) -> None:
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                if (httpx.get(f"{self.url}/readyz", timeout=3, verify=PLAIN).status_code == 200) is ready:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.log.read_text()[-4000:])

    def beside(self, **told: str) -> "Intake":
        """A second process with the same clients and read model, told other things, on a port of its own."""
        port = free_port()
        environ = self.environ | {f"INTAKE_{name}": value for name, value in (told | {"PORT": str(port)}).items()}
        log = self.log.with_name(f"log-{port}")
        return Intake(environ, f"http://127.0.0.1:{port}", self.keys, self.private_key, log)

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def client(self, kind: str | None = "app") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.keys[kind]}"} if kind else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, verify=PLAIN)


async def _begin_at_the_ends(kafka: str, database_url: str) -> None:
    """Says in an empty model that it has read what earlier modules have left on the topics.

    Their groups have read it already, so nobody would read it again, and the model would be behind for ever.
    """
    consumer = AIOKafkaConsumer(*(topic.name for topic in TOPICS), bootstrap_servers=kafka, group_id=None)
    await consumer.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
    finally:
        await consumer.stop()
    connection = await asyncpg.connect(database_url)
    await connection.executemany(
        "insert into intake.positions (topic, partition, next_offset) values ($1, $2, $3) on conflict do nothing",
        [(place.topic, place.partition, end) for place, end in ends.items() if end],
    )
    await connection.close()


@pytest.fixture(scope="module")
def intake(kafka: str, service_url: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """For one module alone: that of another would share its groups, and each would read half of the records."""
    with alone("intake"):
        yield from _intake(kafka, service_url, tmp_path_factory.mktemp("intake"))


def _intake(kafka: str, service_url: Callable[[str], str], folder: Path) -> Iterator[Intake]:
    keys = issue_all(folder / "clients.json", WANTED)
    private, port = PrivateKey.generate(), free_port()
    database_url = service_url("intake")
    with ThreadPoolExecutor(1) as threads:  # the tests' own loop may be running
        threads.submit(asyncio.run, _begin_at_the_ends(kafka, database_url)).result()
    told: dict[str, Any] = {
        "KAFKA_BOOTSTRAP": kafka,
        "DATABASE_URL": database_url,
        "CLIENTS_PATH": folder / "clients.json",
        "CITY_PATH": ROOT / "cities/taiyuan",
        "PORT": port,
        "MEDIA_URL": f"file://{folder}/media",
        "RECEIPT_KEY": "ab" * 32,
        "CONTACT_PUBLIC_KEY": f"k1:{base64.b64encode(bytes(private.public_key)).decode()}",
    }
    environ = dict(os.environ) | {f"INTAKE_{name}": str(value) for name, value in told.items()}
    one = Intake(environ, f"http://127.0.0.1:{port}", keys, private, folder / "log")
    one.start()
    yield one
    if one.process is not None and one.process.poll() is None:
        one.end()
