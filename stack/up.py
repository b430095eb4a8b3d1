"""The whole system under one folder: started in order, restarted when something dies, stopped in reverse."""

import csv
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack.environment import MARK
from stack.kafka import Kafka
from stack.postgres import Postgres
from stack.prepare import ROOT, SERVICES, as_role, prepare
from stack.processes import Failed, chosen_port, spawn, stop, wait_for
from stack.secrets import Secrets

CITY = ROOT / "cities/taiyuan"
PORTS = {"intake": "8101", "router": "8102", "notifier": "8103", "kafka": "9092"}
LONGEST_PAUSE = 10.0


@dataclass
class Supervised:
    """One service process and how often it has died lately."""

    name: str
    port: int
    env: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    again_at: float = 0.0
    started_at: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = spawn([sys.executable, "-m", f"services.{self.name}"], self.log, self.env)
        self.started_at = time.monotonic()

    def ready(self) -> bool:
        """Whether `/readyz` says yes now."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


@dataclass
class System:
    """Everything under `folder`: `start`, then `watch` now and then, then `stop`. `env` is what `.run/env` holds."""

    folder: Path
    cache: Path = ROOT / ".run/cache"
    own_ports: bool = False
    services: dict[str, Supervised] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    kafka: Kafka | None = None
    postgres: Postgres | None = None

    def start(self) -> None:
        """Returns when all three services are ready. Raises `Failed`; call `stop` in any case."""
        self.folder.mkdir(parents=True, exist_ok=True)
        bootstrap, database = self._servers()
        prepare(bootstrap, database)
        secrets = Secrets(self.folder / "secrets", self.folder / "clients.json")
        secrets.make(platform_codes())
        for name in SERVICES:
            port = self._port(name)
            env = self._service_env(name, port, bootstrap, as_role(database, name, None), secrets)
            self.services[name] = Supervised(name, port, env, self.folder / f"logs/{name}.log")
            self.services[name].start()
        for service in self.services.values():
            wait_for(service.name, service.ready, service.process, service.log, 60)
        urls = {f"{name.upper()}_URL": service.url for name, service in self.services.items()}
        own = [*urls, *(["KAFKA_BOOTSTRAP"] if self.kafka else []), *(["DATABASE_URL"] if self.postgres else [])]
        addresses = {**urls, "KAFKA_BOOTSTRAP": bootstrap, "DATABASE_URL": database}
        self.env = {**addresses, **secrets.keys, MARK: ",".join(own)}
        self._write_env()

    def watch(self) -> list[str]:
        """Restarts what has died, each with a pause that grows; says what it did, a line each."""
        told = []
        for server, name in ((self.kafka, "kafka"), (self.postgres, "postgres")):
            if server is not None and server.process is not None and server.process.poll() is not None:
                told.append(f"{name} died with exit code {server.process.returncode}; starting it again")
                server.start()
        for service in self.services.values():
            told += self._watch(service)
        return told

    def stop(self) -> None:
        """Stops services, then Kafka, then PostgreSQL; waits for each."""
        processes = [s.process for s in self.services.values() if s.process is not None]
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            stop(process)
        for server in (self.kafka, self.postgres):
            if server is not None:
                server.stop()
        (self.folder / "env").unlink(missing_ok=True)

    def wipe(self) -> None:
        """Removes all data under the folder but the downloaded jars."""
        for path in self.folder.iterdir() if self.folder.exists() else ():
            if path != self.cache:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _servers(self) -> tuple[str, str]:
        """The addresses of Kafka and PostgreSQL: those of the environment, or servers of our own."""
        if not (bootstrap := os.environ.get("KAFKA_BOOTSTRAP", "")):
            self.kafka = Kafka(self.folder / "kafka", self.cache, self._port("kafka"))
            self.kafka.start()
            bootstrap = self.kafka.bootstrap
        if not (database := os.environ.get("DATABASE_URL", "")):
            self.postgres = Postgres(self.folder / "postgres")
            self.postgres.start()
            database = self.postgres.url()
        return bootstrap, database

    def _port(self, name: str) -> int:
        variable = f"{name.upper()}_PORT"
        if not self.own_ports:
            os.environ.setdefault(variable, PORTS[name])
        return chosen_port(variable)

    def _service_env(self, name: str, port: int, kafka: str, database: str, secrets: "Secrets") -> dict[str, str]:
        prefixes = tuple(f"{s.upper()}_" for s in SERVICES)
        env = {k: v for k, v in os.environ.items() if not k.startswith(prefixes)}
        given = {
            "KAFKA_BOOTSTRAP": kafka,
            "DATABASE_URL": database,
            "PORT": str(port),
            "CLIENTS_PATH": str(self.folder / "clients.json"),
            "CITY_PATH": str(CITY),
            **secrets.settings_of(name, self.folder / "media"),
        }
        return env | {"MALLOC_ARENA_MAX": "2"} | {f"{name.upper()}_{key}": value for key, value in given.items()}

    def _watch(self, service: Supervised) -> list[str]:
        process, now = service.process, time.monotonic()
        if process is not None and process.poll() is not None:
            service.process = None
            service.deaths = 1 if now - service.started_at > 60 else service.deaths + 1
            pause = min(0.5 * 2 ** (service.deaths - 1), LONGEST_PAUSE)
            service.again_at = now + pause
            return [f"{service.name} died with exit code {process.returncode}; starting it again in {pause:g} s"]
        if process is None and now >= service.again_at:
            service.start()
            return [f"{service.name} was started again"]
        return []

    def _write_env(self) -> None:
        fresh = self.folder / ".env.new"
        fresh.touch(mode=0o600)
        fresh.write_text("".join(f"{name}={value}\n" for name, value in self.env.items()), "utf-8")
        fresh.replace(self.folder / "env")


def platform_codes() -> list[str]:
    """The codes of the city's platforms, in their order."""
    with (CITY / "platforms.csv").open(encoding="utf-8", newline="") as file:
        return [row["code"] for row in csv.DictReader(file)]


__all__ = ["Failed", "System", "platform_codes"]
