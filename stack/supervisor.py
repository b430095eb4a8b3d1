"""`up`, `down` and `status`: one supervisor process for each folder, in the foreground or detached."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from stack.child import Supervised
from stack.environment import forget_own
from stack.kafka_jars import jars
from stack.prepare import ROOT
from stack.private import private_log, tighten
from stack.supervising import say, supervise
from stack.up import System

FOLDER = ROOT / ".run"


def running(folder: Path = FOLDER) -> int | None:
    """The process id of the folder's supervisor, if it lives: as long as it does, it holds a lock on its file."""
    with suppress(FileNotFoundError, ValueError), (folder / "supervisor.pid").open("rb") as file:
        pid = int(file.read())
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return pid
        return pid if _is_of_before(pid) else None
    return None


def _is_of_before(pid: int) -> bool:
    """Whether it is this checkout's supervisor of a version that held no lock."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        return b"\0-m\0stack\0up\0" in words and Path(f"/proc/{pid}/cwd").samefile(ROOT) and pid != os.getpid()
    return False


def up(fresh: bool, detach: bool, folder: Path = FOLDER) -> int:
    """Starts the system and stays until it is told to stop, or returns once it is up. Returns an exit code."""
    if (pid := running(folder)) is not None:
        say(f"It runs already (process {pid}). `python -m stack status` says how; `python -m stack down` stops it.")
        return 0
    forget_own()
    system = System(folder)
    if fresh:
        system.wipe()
    tighten(folder)
    (folder / "env").unlink(missing_ok=True)  # a supervisor that was killed leaves it; ours writes it when all is up
    if not os.environ.get("KAFKA_BOOTSTRAP"):
        jars(system.cache)
    return _detached(folder) if detach else supervise(folder)


def down(folder: Path = FOLDER) -> int:
    """Stops the folder's supervisor and waits until everything is gone."""
    pid = running(folder)
    if pid is None:
        say("Nothing runs.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 90
    while running(folder) is not None:
        if time.monotonic() > deadline:
            say(f"Process {pid} does not stop.")
            return 1
        time.sleep(0.1)
    say("Stopped. The data stays; `up --fresh` begins anew.")
    return 0


def status(folder: Path = FOLDER) -> int:
    """Says what runs and whether it is ready; exit code 0 only when all is."""
    pid = running(folder)
    if pid is None or not (folder / "env").exists():
        say("Nothing runs." if pid is None else f"It is starting. Log: {folder / 'logs/supervisor.log'}")
        return 3
    env = dict(line.split("=", 1) for line in (folder / "env").read_text("utf-8").splitlines())
    all_ready = True
    for name in ("intake", "router", "notifier"):
        url = env[f"{name.upper()}_URL"]
        ready = Supervised(name, int(url.rpartition(":")[2]), {}, folder / f"logs/{name}.log").answers()
        all_ready &= ready
        say(f"{name:9} {'ready' if ready else 'NOT READY':10} {url}   log {folder / 'logs' / name}.log")
    say(f"kafka     {env['KAFKA_BOOTSTRAP']}\nkeys      {folder / 'env'}")
    return 0 if all_ready else 1


def _detached(folder: Path) -> int:
    """Starts a supervisor of its own session and repeats what it says until all is up."""
    for name in (signal.SIGTERM, signal.SIGHUP):  # whoever stops waiting stops the start
        signal.signal(name, signal.default_int_handler)
    log = folder / "logs/supervisor.log"
    log.unlink(missing_ok=True)
    with private_log(log) as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", "up"], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        with log.open("rb") as said:
            while process.poll() is None and not (folder / "env").exists():
                _repeat(said)
                time.sleep(0.1)
            _repeat(said)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        say("Stopped.")
        return 130
    if process.poll() is not None:
        say(f"It did not come up (exit code {process.returncode}). Its log: {log}")
        return 1
    return 0


def _repeat(said: BinaryIO) -> None:
    if text := said.read().decode("utf-8", "replace"):
        say(text.rstrip("\n"))
