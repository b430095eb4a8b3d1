"""The whole system under one folder: started in order, restarted when something dies, stopped in reverse."""

import csv
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from stack.child import Prepare, Supervised
from stack.environment import MARK, for_child
from stack.failed import Failed, Unfit
from stack.kafka import Kafka
from stack.kept import Kept
from stack.postgres import Postgres
from stack.prepare import ROOT, SERVICES, as_role
from stack.private import private_folder, tighten
from stack.processes import free_port, stop, taken
from stack.secrets import Secrets

CITY = ROOT / "cities/taiyuan"
PORTS = {"intake": "8101", "router": "8102", "notifier": "8103", "kafka": "9092"}
PREPARED_BY = ("KAFKA_PARTITIONS", "KAFKA_REPLICATION", "KAFKA_MIN_INSYNC")
MOST_ATTEMPTS = 5
"""How often one part may fail before `start`, unlike a supervisor, gives up."""


@dataclass
class System:
    """Everything under `folder`: `start`, or `begin` and `watch` now and then; at the end `stop`.

    `env` is what `.run/env` holds, once all is up. With `own_ports`, the usual ports are left to others.
    """

    folder: Path
    cache: Path = ROOT / ".run/cache"
    own_ports: bool = False
    services: dict[str, Supervised] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    kafka: Kafka | None = None
    postgres: Postgres | None = None
    was_up: bool = False
    _servers: list[Kept] = field(default_factory=list)
    _prepare: Kept | None = None
    _kept: list[Kept] = field(default_factory=list)
    _secrets: Secrets = field(init=False)
    _ports: dict[str, int] = field(default_factory=dict)
    _moved: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._secrets = Secrets(self.folder / "secrets", self.folder / "clients.json")

    def start(self) -> None:
        """Returns when all three services are ready. Raises `Failed`; call `stop` in any case."""
        self.begin()
        if self.kafka is not None:
            self.kafka.fetch()
        while not self.is_up():
            lines = self.watch()
            if lines and max(part.child.deaths for part in (*self._servers, *self._parts())) >= MOST_ATTEMPTS:
                raise Failed(lines[-1])
            time.sleep(0.05)

    def begin(self) -> None:
        """Readies folders and secrets, and decides what is to be kept alive; starts nothing yet. Raises `Failed`."""
        tighten(self.folder)
        if self.kafka is None and not os.environ.get("KAFKA_BOOTSTRAP"):
            self.kafka = Kafka(self.folder / "kafka", self.cache, self._port("kafka"))
            self.kafka.may_move = True
            self._servers.append(Kept("kafka", self.kafka))
        if self.postgres is None and not os.environ.get("DATABASE_URL"):
            self.postgres = Postgres(self.folder / "postgres")
            self._servers.append(Kept("postgres", self.postgres))
        self._ports = {name: self._port(name) for name in SERVICES}
        self._secrets.make(platform_codes())

    def watch(self) -> list[str]:
        """Starts what is due, and again what has died, each with a pause that grows; says what it saw.

        Never waits. Raises `Unfit` when wrong settings have kept the system from coming up for the first time.
        """
        told, self._moved = self._moved, []
        for part in self._servers:
            told += part.look(time.monotonic())
        if all(part.up for part in self._servers) or self._prepared():
            for part in self._parts():
                told += part.look(time.monotonic())
        if not self.was_up and (wrong := [part.unfit for part in (*self._servers, *self._parts()) if part.unfit]):
            raise Unfit(wrong[0])
        return told

    def is_up(self) -> bool:
        """Whether all three services are ready; from the first time on `env` is known."""
        if not self.was_up and self._prepared() and all(service.ready() for service in self.services.values()):
            self._tell_addresses()
        return self.was_up

    def write_env(self) -> None:
        """Writes `env` into the folder, whole or not at all."""
        fresh = self.folder / ".env.new"
        fresh.touch(mode=0o600)
        fresh.write_text("".join(f"{name}={value}\n" for name, value in self.env.items()), "utf-8")
        fresh.replace(self.folder / "env")

    def stop(self) -> None:
        """Stops services, then Kafka, then PostgreSQL; waits for each."""
        children = [*self.services.values(), *([self._prepare.child] if self._prepare else [])]
        processes = [child.process for child in children if child.process is not None]
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
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def addresses(self) -> tuple[str, str]:
        """The addresses of Kafka and, for its superuser, PostgreSQL: servers of our own or those of the environment."""
        bootstrap = self.kafka.bootstrap if self.kafka else os.environ["KAFKA_BOOTSTRAP"]
        return bootstrap, self.postgres.url() if self.postgres else os.environ["DATABASE_URL"]

    def _prepared(self) -> bool:
        return self._prepare is not None and self._prepare.up

    def _parts(self) -> list[Kept]:
        """What needs the servers: first the task that readies them, and when it is done the services."""
        if self._prepare is None:
            if not all(part.up for part in self._servers):
                return []
            if self.kafka is not None:
                self.kafka.may_move = False
            bootstrap, database = self.addresses()
            given = {name: value for name, value in os.environ.items() if name in PREPARED_BY}
            env = for_child() | given | {"KAFKA_BOOTSTRAP": bootstrap, "DATABASE_URL": database}
            self._prepare = Kept("prepare", Prepare(env, self.folder / "logs/prepare.log"), 120, once=True)
        if self._prepare.up and not self._kept:
            self._kept = [Kept(name, self._service(name)) for name in SERVICES]
        return [self._prepare, *self._kept]

    def _service(self, name: str) -> Supervised:
        bootstrap, database = self.addresses()
        given = {
            "KAFKA_BOOTSTRAP": bootstrap,
            "DATABASE_URL": as_role(database, name, None),
            "CLIENTS_PATH": str(self.folder / "clients.json"),
            "CITY_PATH": str(CITY),
            **self._secrets.settings_of(name, private_folder(self.folder / "media")),
        }
        env = for_child() | {f"{name.upper()}_{key}": value for key, value in given.items()}
        log = self.folder / f"logs/{name}.log"
        self.services[name] = Supervised(name, self._ports[name], env, log, may_move=True)
        return self.services[name]

    def _port(self, name: str) -> int:
        """The port that the environment names, or the usual one; when it is taken, a free one."""
        wanted = os.environ.get(f"{name.upper()}_PORT", "0" if self.own_ports else PORTS[name])
        if not wanted.isascii() or not wanted.isdigit() or int(wanted) > 65535:
            raise Unfit(f"{name.upper()}_PORT is {wanted!r}, which is no TCP port. Give a number up to 65535.")
        if int(wanted) and taken(int(wanted)):
            port = free_port()
            self._moved.append(f"Port {wanted} is taken by another program; {name} uses {port}.")
            return port
        return int(wanted) or free_port()

    def _tell_addresses(self) -> None:
        urls = {f"{name.upper()}_URL": service.url for name, service in self.services.items()}
        bootstrap, database = self.addresses()
        own = [*urls, *(["KAFKA_BOOTSTRAP"] if self.kafka else []), *(["DATABASE_URL"] if self.postgres else [])]
        env = {**urls, "KAFKA_BOOTSTRAP": bootstrap, "DATABASE_URL": database, **self._secrets.keys}
        self.env = env | {MARK: ",".join((*own, *self._secrets.keys))}
        for service in self.services.values():
            service.may_move = False
        self.was_up = True


def platform_codes() -> list[str]:
    """The codes of the city's platforms, in their order."""
    with (CITY / "platforms.csv").open(encoding="utf-8", newline="") as file:
        return [row["code"] for row in csv.DictReader(file)]


__all__ = ["Failed", "Supervised", "System", "platform_codes"]
