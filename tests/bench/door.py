"""The door against a bare app that publishes the same bytes to the same broker: in turn, three rounds each."""

import json
import os
import subprocess
import sys
import uuid
from typing import Any

from stack.processes import free_port, listens, spawn, stop, wait_for
from stack.up import System
from tests.bench.lives import body

ROUNDS, SECONDS, CONNECTIONS, PREPARED = 3, 5.0, 64, 30_000


def measure(system: System) -> tuple[list[float], list[float]]:
    """Accepted a second of the door and of the bare app, by round. Router and notifier rest meanwhile."""
    for name in ("router", "notifier"):
        stop_service(system, name)
    port = free_port()
    env = {**os.environ, "KAFKA_BOOTSTRAP": system.env["KAFKA_BOOTSTRAP"], "BARE_PORT": str(port)}
    log = system.folder / "logs/bare.log"
    bare = spawn([sys.executable, "-m", "tests.bench.bare"], log, env)
    wait_for("the bare app", lambda: listens(port, bare), bare, log, 30)
    key = system.env["APP_KEY"]
    record = json.dumps(_record_like())
    ours, other = [], []
    try:
        for n in range(ROUNDS + 1):
            door = _drive(system.env["INTAKE_URL"], _reports(key, n), 2 if n == 0 else SECONDS)
            base = _drive(f"http://127.0.0.1:{port}", _publishes(record), 2 if n == 0 else SECONDS)
            if n:  # the first round warms both up
                ours.append(door)
                other.append(base)
    finally:
        stop(bare, patience=5)
    return ours, other


def stop_service(system: System, name: str) -> None:
    process = system.services[name].process
    if process is not None:
        stop(process)
        system.services[name].process = None


def _drive(url: str, requests: list[dict[str, Any]], seconds: float) -> float:
    lines = "\n".join(json.dumps(request) for request in requests)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load", url, str(CONNECTIONS), str(seconds)],
        input=lines.encode(),
        capture_output=True,
        check=True,
    )
    told = json.loads(done.stdout)
    if told["other"]:
        raise RuntimeError(f"{len(told['other'])} answers of {url} were not 202, the first {told['other'][0]}")
    return float(told["accepted"] / told["seconds"])


def _reports(key: str, round_: int) -> list[dict[str, Any]]:
    mark = uuid.uuid4().hex[:8]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    return [
        {
            "path": "/v1/reports",
            "headers": headers | {"Idempotency-Key": f"{mark}-{n}"},
            "body": json.dumps(body(n), ensure_ascii=False),
        }
        for n in range(PREPARED)
    ]


def _publishes(record: str) -> list[dict[str, Any]]:
    mark = uuid.uuid4()
    headers = {
        "ce_specversion": "1.0", "ce_id": str(mark), "ce_type": "report.received", "ce_source": "/intake",
        "ce_time": "2026-11-24T12:00:00Z", "content-type": "application/json",
    }  # fmt: skip
    return [
        {"path": "/publish", "headers": headers | {"key": str(uuid.uuid4())}, "body": record} for _ in range(PREPARED)
    ]


def _record_like() -> dict[str, Any]:
    """A record as intake publishes it, by its published example."""
    from tests.bench.router import received

    return json.loads(received(0)[1])  # type: ignore[no-any-return]
