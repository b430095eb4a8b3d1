"""The supervisor's own process: it starts everything, never gives up, and says what it is trying and why."""

import fcntl
import os
import shlex
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from stack.failed import Failed
from stack.private import private_folder
from stack.up import System

CURL = """\
curl -s $INTAKE_URL/v1/reports -H "Authorization: Bearer $APP_KEY" \\
  -H 'Idempotency-Key: my-first-report' -H 'Content-Type: application/json' \\
  -d '{"text":"迎泽大街与五一路口便道井盖缺失","category":"C0102","reporter":{"ref":"u-1"},
       "place":{"lon":112.5589,"lat":37.8558,"system":"GCJ-02"}}'
"""
MISHAP_PAUSE = 5.0
"""After a fault of the supervisor's own surroundings, such as a full disk."""


def say(text: str) -> None:
    """Writes a line to standard output at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class _Asked:
    """Whether a signal asked this process to stop. A flag, so that no step is cut off in the middle."""

    def __init__(self) -> None:
        self.to_stop = False
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, self._take)

    def _take(self, _signal: int, _frame: FrameType | None) -> None:
        self.to_stop = True


def supervise(folder: Path) -> int:
    """Keeps the system of `folder` alive until a signal comes; returns an exit code. Ends by itself only when wrong
    settings keep the system from coming up for the first time."""
    if not _locked(private_folder(folder) / "supervisor.pid"):
        say("It runs already; another one was quicker.")
        return 0
    asked, system = _Asked(), System(folder)
    try:
        system.begin()
        while not asked.to_stop:
            _tick(system, asked)
        _tell("Stopping …")
        return 0
    except (Failed, OSError) as why:
        _tell(str(why))
        return 1
    finally:
        system.stop()  # the lock ends with this process: who waits for it finds nothing left


def _locked(path: Path) -> bool:
    """Writes this process's number and locks the file for as long as it lives. False when another one holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(20):  # who only asks whether it is locked holds it for a moment
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode("ascii"))
            return True
        time.sleep(0.05)
    os.close(lock)
    return False


def _tick(system: System, asked: _Asked) -> None:
    pause = 0.2
    try:
        for line in system.watch():
            _tell(line)
        if system.is_up() and not (system.folder / "env").exists():
            _tell(_welcome(system))
            system.write_env()
    except OSError as why:
        pause = MISHAP_PAUSE
        _tell(f"The supervisor cannot work: {why}; again in {pause:g} s")
    until = time.monotonic() + pause
    while not asked.to_stop and time.monotonic() < until:
        time.sleep(0.05)


def _tell(text: str) -> None:
    """As `say`, but a full disk or a closed terminal does not end who keeps the system alive."""
    with suppress(OSError):
        say(text)


def _welcome(system: System) -> str:
    urls = "\n".join(f"  {s.name:9} {s.url}   {s.url}/docs   {s.url}/docs/asyncapi" for s in system.services.values())
    env = shlex.quote(str(system.folder / "env"))
    return f"Up. Addresses and keys are in {env}.\n{urls}\n\nTry:\nset -a; . {env}; set +a\n{CURL}"
