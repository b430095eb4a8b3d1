"""A real Apache Kafka without Docker: one KRaft node from Maven jars, on the machine's Java or the one from PyPI."""

import signal
import subprocess
import sys
from pathlib import Path

from stack.environment import for_child
from stack.failed import Failed
from stack.kafka_jars import jars
from stack.private import private_folder
from stack.processes import free_port, listens, spawn, stop, taken, uninterrupted, wait_for

ROOT = Path(__file__).parent.parent


class Kafka:
    """One broker with its data, settings and log in `folder`; jars are shared in `cache`."""

    def __init__(self, folder: Path, cache: Path, port: int = 0) -> None:
        self.folder, self._cache = folder, cache
        self.port = port or free_port()
        self.log = folder / "kafka.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0
        self.may_move = False

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def fetch(self) -> None:
        """Fetches the jars, with progress on standard error, if they are not there. Raises `Failed`."""
        jars(self._cache)

    def launch(self) -> None:
        """Starts the broker and returns at once. Raises `Failed` when its port is taken.

        Until somebody was told its address (`may_move`), it takes another port then.
        """
        if taken(self.port):
            if not self.may_move:
                raise Failed(f"port {self.port} is taken by another program")
            self.port = free_port()
        command = [sys.executable, "-m", "stack.kafka_node", str(private_folder(self.folder))]
        command += [str(self._cache), str(self.port)]
        with uninterrupted():
            self.process = spawn(command, self.log, for_child(), cwd=ROOT)

    def started(self) -> bool:
        """Whether the broker accepts connections."""
        return self.process is not None and listens(self.port, self.process)

    def start(self) -> None:
        """Starts the broker and returns when it listens (about 2 s). Raises `Failed`."""
        self.fetch()
        self.launch()
        wait_for("Kafka", self.started, self.process, self.log, 120)

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
