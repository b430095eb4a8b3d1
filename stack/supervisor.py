"""`up`, `down` and `status`: one supervisor process for each folder, in the foreground or detached."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from stack.environment import forget_own
from stack.prepare import ROOT
from stack.processes import Failed, tail
from stack.up import System

FOLDER = ROOT / ".run"
CURL = """\
curl -s {INTAKE_URL}/v1/reports -H 'Authorization: Bearer {APP_KEY}' \\
  -H 'Idempotency-Key: my-first-report' -H 'Content-Type: application/json' \\
  -d '{{"text":"迎泽大街与五一路口便道井盖缺失","category":"C0102","reporter":{{"ref":"u-1"}},
       "place":{{"lon":112.5589,"lat":37.8558,"system":"GCJ-02"}}}}'
"""


class Stopped(BaseException):
    """A signal asked this process to stop, at whatever it was doing."""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def running(folder: Path = FOLDER) -> int | None:
    """The process id of the folder's supervisor, if it lives."""
    with suppress(FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
        pid = int((folder / "supervisor.pid").read_text("ascii"))
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline")
        if not command.exists() or b"\0-m\0stack\0" in command.read_bytes():
            return pid
    return None


def up(fresh: bool, detach: bool, folder: Path = FOLDER) -> int:
    """Starts the system and stays until it is told to stop, or returns once it is up. Returns an exit code."""
    if (pid := running(folder)) is not None:
        say(f"It runs already (process {pid}). `python -m stack status` says how; `python -m stack down` stops it.")
        return 0
    forget_own()
    if fresh:
        System(folder).wipe()
    folder.mkdir(parents=True, exist_ok=True)
    return _detached(folder) if detach else _supervise(folder)


def down(folder: Path = FOLDER) -> int:
    """Stops the folder's supervisor and waits until everything is gone."""
    pid = running(folder)
    if pid is None:
        say("Nothing runs.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
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
        say("Nothing runs." if pid is None else "It is starting.")
        return 3
    env = dict(line.split("=", 1) for line in (folder / "env").read_text("utf-8").splitlines())
    from stack.up import Supervised

    all_ready = True
    for name in ("intake", "router", "notifier"):
        url = env[f"{name.upper()}_URL"]
        ready = Supervised(name, int(url.rpartition(":")[2]), {}, folder / f"logs/{name}.log").ready()
        all_ready &= ready
        say(f"{name:9} {'ready' if ready else 'NOT READY':10} {url}   log {folder / 'logs' / name}.log")
    say(f"kafka     {env['KAFKA_BOOTSTRAP']}\npostgres  {env['DATABASE_URL']}\nkeys      {folder / 'env'}")
    return 0 if all_ready else 1


def _detached(folder: Path) -> int:
    log = folder / "logs/supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    (folder / "env").unlink(missing_ok=True)  # a supervisor that was killed leaves it; ours writes it when all is up
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack", "up"], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    while not (folder / "env").exists():
        if process.poll() is not None:
            say(f"It did not come up (exit code {process.returncode}). The end of {log}:\n{tail(log)}")
            return 1
        time.sleep(0.1)
    say(log.read_text("utf-8").rstrip())
    return 0


def _supervise(folder: Path) -> int:
    signal.signal(signal.SIGTERM, raise_stopped)
    signal.signal(signal.SIGINT, raise_stopped)
    system = System(folder)
    (folder / "env").unlink(missing_ok=True)
    (folder / "supervisor.pid").write_text(str(os.getpid()), "ascii")
    try:
        system.start()
        say(_welcome(system))
        while True:
            time.sleep(0.5)
            for line in system.watch():
                say(line)
    except Stopped:
        say("Stopping …")
        return 0
    except Failed as why:
        say(str(why))
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        system.stop()
        (folder / "supervisor.pid").unlink(missing_ok=True)


def raise_stopped(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped


def _welcome(system: System) -> str:
    urls = "\n".join(f"  {s.name:9} {s.url}   {s.url}/docs   {s.url}/docs/asyncapi" for s in system.services.values())
    return (
        f"Up. Addresses and keys are in {system.folder / 'env'} (`set -a; . {system.folder / 'env'}`).\n{urls}\n\n"
        f"Try:\n{CURL.format(**system.env)}"
    )
