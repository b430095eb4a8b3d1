"""The children that are Python programs of this project: a service, and the task that readies the servers."""

import http.client
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.failed import Failed
from stack.processes import free_port, listens, spawn, taken, uninterrupted

ROOT = Path(__file__).parent.parent


@dataclass
class Supervised:
    """One service process and how often it has died lately. `prefix` is what the names of its settings begin with."""

    name: str
    port: int
    env: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    may_move: bool = False
    """Whether it may take another port when its own is taken: only until somebody was told the address."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the process and returns at once. Raises `Failed` when its port is taken."""
        if taken(self.port):
            if not self.may_move:
                raise Failed(f"port {self.port} is taken by another program")
            self.port = free_port()
        self.env = {**self.env, f"{self.name.upper()}_PORT": str(self.port)}
        with uninterrupted():
            self.process = spawn([sys.executable, "-m", f"services.{self.name}"], self.log, self.env, cwd=ROOT)

    launch = start

    def started(self) -> bool:
        """Whether this very process, ready or not, accepts connections."""
        return self.process is not None and listens(self.port, self.process)

    def ready(self) -> bool:
        """Whether this very process says yes at `/readyz` now; another checkout's service may answer on its port."""
        return self.started() and self.answers()

    def answers(self) -> bool:
        """Whether whoever has the port says yes at `/readyz` now."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError, http.client.HTTPException):
            return False


@dataclass
class Prepare:
    """`python -m stack prepare` as a child: what it needs comes by environment, which only its own user can read."""

    env: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0

    def launch(self) -> None:
        """Starts the process and returns at once."""
        with uninterrupted():
            self.process = spawn([sys.executable, "-m", "stack", "prepare"], self.log, self.env, cwd=ROOT)

    def started(self) -> bool:
        """Never: it is done when it ends."""
        return False
