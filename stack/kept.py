"""One process that is kept alive: started, watched, and started again for ever with a pause that grows."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stack.failed import UNFIT_CODE, Failed, Unfit
from stack.processes import last_words, stop

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
STEADY_SECONDS = 60.0
"""A process that has been up for so long is healthy: its next death is again the first."""
LONGEST_PATIENCE = 3600.0
WRONG_SETTINGS = ("settings: ", "pack: ")
"""How the last line of a service begins that its settings or its city pack do not let start."""


class Child(Protocol):
    """What is kept. `launch` starts the process and returns at once; it raises `Failed` or OSError if it cannot."""

    log: Path
    process: subprocess.Popen[bytes] | None
    deaths: int

    def launch(self) -> None: ...

    def started(self) -> bool: ...


@dataclass
class Kept:
    """The state of one child. `look` never waits and never raises; what it saw comes back as at most one line.

    `process` of a child that somebody has stopped on purpose is None: such a child is left alone.
    """

    name: str
    child: Child
    patience: float = 60.0
    """How long the first start may take; after each failure twice as long, for a recovery must not be cut off."""
    once: bool = False
    """A task: it is done, and never started again, when it exits with 0."""
    up: bool = False
    unfit: str = ""
    """Why the settings are to blame for the last failure; empty when they are not."""
    again_at: float | None = 0.0
    _began_at: float = 0.0
    _up_since: float = 0.0
    _said_before: int = 0

    def look(self, now: float) -> list[str]:
        """Does what is due at `now` (seconds of a monotonic clock)."""
        process = self.child.process
        if process is None:
            return self._begin(now) if self.again_at is not None and now >= self.again_at else []
        if (code := process.poll()) is not None:
            return self._ended(now, code)
        if self.up:
            self.child.deaths = 0 if now - self._up_since > STEADY_SECONDS else self.child.deaths
            return []
        if not self.once and self.child.started():
            self.up, self._up_since = True, now
            return [f"{self.name} is up again"] if self.child.deaths else []
        if now - self._began_at > (patience := min(self.patience * 2**self.child.deaths, LONGEST_PATIENCE)):
            stop(process, signal.SIGKILL)
            return self._failed(now, f"was not ready within {patience:g} s")
        return []

    def _begin(self, now: float) -> list[str]:
        self._began_at, self.again_at = now, None
        self._said_before = self.child.log.stat().st_size if self.child.log.exists() else 0
        try:
            self.child.launch()
        except (Failed, OSError, subprocess.SubprocessError) as why:
            return self._failed(now, f"cannot be started: {why}", unfit=str(why) if isinstance(why, Unfit) else "")
        return []

    def _ended(self, now: float, code: int) -> list[str]:
        if self.once and code == 0:
            self.child.process, self.up = None, True
            return [f"{self.name} is done"] if self.child.deaths else []
        said = last_words(self.child.log, self._said_before)
        if code < 0:
            return self._failed(now, f"was killed by {_name(-code)}")
        unfit = said if code == UNFIT_CODE or said.startswith(WRONG_SETTINGS) else ""
        return self._failed(now, f"ended with exit code {code} ({said or 'it said nothing'})", unfit)

    def _failed(self, now: float, how: str, unfit: str = "") -> list[str]:
        self.child.deaths += 1
        pause = min(FIRST_PAUSE * 2 ** min(self.child.deaths - 1, 10), LONGEST_PAUSE)
        self.child.process, self.up, self.again_at, self.unfit = None, False, now + pause, unfit
        return [f"{self.name} {how}; attempt {self.child.deaths + 1} in {pause:g} s. Log: {self.child.log}"]


def _name(number: int) -> str:
    """SIGKILL for 9; real-time signals have no names of their own."""
    return next((known.name for known in signal.Signals if known == number), f"signal {number}")
