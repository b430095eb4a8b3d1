"""The crash windows: every named place in the code, who passes it, and the sweep that dies in each of them."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from stack.prepare import ROOT
from stack.processes import spawn
from stack.up import System

WINDOWS = {
    "intake": (
        "intake.placed", "intake.sent", "intake.acked", "intake.answered", "media.written", "media.decoding",
        "model.written", "model.crossed", "parked.sent",
    ),
    "router": (
        "router.read", "router.decided", "router.committed", "router.joined", "router.answered", "router.superseded",
        "clock.claimed", "clock.moved", "relay.uncertain", "relay.sent", "parked.sent",
    ),
    "notifier": (
        "notifier.written", "notifier.claimed", "notifier.slow", "notifier.sent", "notifier.recorded",
        "notices.pending", "feed.late", "relay.uncertain", "relay.sent", "parked.sent",
    ),
}  # fmt: skip
DEATHS = ("exit", "kill")
HITS = (1, 2)
LONGEST_RUN = 25.0
"""Seconds within which a window must be reached."""
_NAMED = re.compile(r"(?:faults|failpoints)\.reach\(\"([a-z_.]+)\"\)")


def named_in_the_code() -> set[str]:
    """Every window that the product marks."""
    files = (path for folder in ("services", "chassis") for path in (ROOT / folder).rglob("*.py"))
    return {
        name
        for path in files
        if path.stem not in ("faults", "failpoints")
        for name in _NAMED.findall(path.read_text("utf-8"))
    }


def strays() -> set[str]:
    """Windows that the code names and the sweep does not, or the reverse."""
    return named_in_the_code() ^ {window for windows in WINDOWS.values() for window in windows}


def specs(service: str) -> Iterator[str]:
    """What `FAULT` says for each run of a service: window, death, and at which pass."""
    for hit in HITS:
        for death in DEATHS:
            yield from (f"{window}:{death}:{hit}" for window in WINDOWS[service])


@dataclass
class Sweep:
    """Kills one service in each of its windows, one after the other, while the others work on."""

    system: System
    service: str
    say: Callable[[str], None]
    died: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    async def run(self, until: float) -> None:
        """Every run once, those that were missed a second time; ends the service, which the caller starts again."""
        for spec in [*specs(self.service)]:
            if time.monotonic() > until or not await self._die(spec):
                self.missed.append(spec)
        again, self.missed = self.missed, []
        for spec in again:
            if time.monotonic() > until or not await self._die(spec):
                self.missed.append(spec)

    async def _die(self, spec: str) -> bool:
        supervised = self.system.services[self.service]
        end(supervised.process)
        log = supervised.log.with_suffix(".faults.log")
        before = log.stat().st_size if log.exists() else 0
        command = [sys.executable, "-m", "tests.faultpoints", f"services.{self.service}"]
        process = spawn(command, log, {**supervised.env, "FAULT": spec})
        supervised.process = process
        deadline = time.monotonic() + LONGEST_RUN
        while process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        with log.open("rb") as file:
            file.seek(before)
            proved = f"fault {spec}\n".encode() in file.read()
        if process.poll() is None:
            end(process)
        if proved:
            self.died.append(spec)
        else:
            self.say(f"{self.service} never reached {spec} within {LONGEST_RUN:g} s")
        return proved


def end(process: "subprocess.Popen[bytes] | None") -> None:
    """kill -9, and gone when this returns."""
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()
