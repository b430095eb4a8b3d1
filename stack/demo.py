"""The demo: a few hundred reports of Taiyuan live their whole lives before your eyes; exit 0 only if all went well.

Against a system of its own under `.run/demo`, or, when INTAKE_URL, ROUTER_URL, NOTIFIER_URL and the keys of another
one are in the environment, against that one.
"""

import asyncio
import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console

from stack import demo_view
from stack.demo_facts import Facts, Tail
from stack.demo_play import Play
from stack.demo_verdict import Heard, faults
from stack.environment import for_child, forget_own
from stack.failed import Failed
from stack.prepare import ROOT
from stack.private import tighten
from stack.processes import spawn, stop, wait_for
from stack.supervisor import FOLDER
from stack.up import CITY, System

PATIENCE = 120.0
URLS = ("INTAKE_URL", "ROUTER_URL", "NOTIFIER_URL")


class Stopped(BaseException):
    """A signal asked this process to stop, at whatever it was doing."""


def run() -> int:
    """Plays the demo and returns the exit code; Ctrl-C at any moment cleans up and returns 130."""
    forget_own()
    console = Console(width=None if sys.stdout.isatty() else 120)
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, _raise_stopped)
    try:
        with _system(console) as (env, logs):
            return _play(console, env, logs)
    except Stopped:
        console.print("\nStopped; everything that was started is gone.")
        return 130
    except Failed as why:
        console.print(str(why), markup=False)
        return 1


@contextmanager
def _system(console: Console) -> Iterator[tuple[Mapping[str, str], Path]]:
    """Addresses and keys of the system to play with, and a folder for logs; a system of our own ends with the block."""
    if os.environ.get("INTAKE_URL"):
        logs = Path(os.environ.get("DEMO_LOGS", FOLDER / "demo/logs"))
        logs.mkdir(parents=True, exist_ok=True)
        yield dict(os.environ) | _keys_of(os.environ.get("DEMO_KEYS_FILE")), logs
        return
    folder = FOLDER / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    tighten(FOLDER)
    system = System(folder, own_ports=True)
    console.print("Starting Kafka, PostgreSQL and the three services …")
    try:
        system.start()
        yield system.env, folder / "logs"
    finally:
        for sig in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sig, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the cleaning up
        system.stop()


def _keys_of(file: str | None) -> dict[str, str]:
    """The clients' keys, one NAME=key a line; none without a file, for they may be in the environment."""
    return dict(line.split("=", 1) for line in Path(file).read_text("utf-8").splitlines()) if file else {}


def _play(console: Console, env: Mapping[str, str], logs: Path) -> int:
    count = int(os.environ.get("DEMO_REPORTS", "240"))
    tails = [Tail(logs / "platforms.jsonl"), Tail(logs / "apps.jsonl")]
    for tail in tails:
        tail.path.unlink(missing_ok=True)
    facts = Facts()
    played = []
    try:
        for what, tail in zip(("platforms", "apps"), tails, strict=True):
            played.append(_stand_in(what, tail.path, env, logs))
        _wait_until_ready(facts, tails, played, logs)
        console.print(f"71 platforms and 2 upstream apps are at work; {count} citizens report.")
        return asyncio.run(_watch(console, Play(env, facts, tails, count, f"demo-{int(time.time())}"), facts, logs))
    finally:
        for process in played:
            stop(process, patience=5)


async def _watch(console: Console, play: Play, facts: Facts, logs: Path) -> int:
    bars = demo_view.Bars(console, int(os.environ.get("DEMO_REPORTS", "240")))
    start, began = time.time(), time.monotonic()
    with bars.progress:
        await play.run(bars.follow, PATIENCE)
    seconds = time.monotonic() - began
    pages = await play.pages()
    demo_view.platforms(console, facts, _names())
    if whole := [page for page in pages.values() if page.get("reply")]:
        demo_view.life(console, max(whole, key=lambda page: len(page["timeline"])))
    demo_view.latencies(console, facts, seconds)
    rated = await play.rate(pages)
    demo_view.desk(console, play.centre.did, await play.centre.figures(start), rated)
    await play.close()
    wrong = faults(facts.sent, Heard(facts.feed, facts.callbacks), pages)
    for line in wrong:
        console.print(f"[red]✗[/] {line}")
    if not wrong:
        console.print(
            f"[green]✓[/] {len(facts.sent)} reports, each answered exactly once in the feed, all called back."
        )
    repeats = sum(facts.callbacks.values()) - len(facts.callbacks)
    console.print(f"Callbacks that came again under their id: {repeats}. Logs: {logs}")
    console.print("Look further: `make up`, then the addresses it prints; README.md has the first calls.")
    return 1 if wrong else 0


def _stand_in(what: str, log: Path, env: Mapping[str, str], logs: Path) -> subprocess.Popen[bytes]:
    command: list[str | Path] = [sys.executable, "-m", "tests.standins", what, "--log", log]
    own = ("PLATFORM_KEY_",) if what == "platforms" else ("APP_KEY", "APP2_KEY")
    told = {name: value for name, value in env.items() if name in URLS or name.startswith(own)}
    given = {name: value for name, value in os.environ.items() if name == "RETURNED_SHARE"}
    return spawn(command, logs / f"{what}.log", for_child() | told | given, cwd=ROOT)


def _wait_until_ready(facts: Facts, tails: list[Tail], played: list[subprocess.Popen[bytes]], logs: Path) -> None:
    def ready() -> bool:
        for tail in tails:
            for fact in tail.facts():
                facts.take(fact)
        return len(facts.ready) == len(played)

    for process in played:
        wait_for("a stand-in", ready, process, logs / "apps.log", 30)


def _names() -> dict[str, str]:
    with (CITY / "platforms.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file)}


def _raise_stopped(_signal: int, _frame: FrameType | None) -> None:
    raise Stopped
