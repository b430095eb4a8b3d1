"""A real PostgreSQL 18 without Docker, behind a Unix socket that only this user can reach."""

import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import zlib
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from stack.environment import for_child
from stack.failed import Failed
from stack.postgres_programs import SOCKET, runner
from stack.private import private_folder
from stack.processes import spawn, stop, uninterrupted, wait_for

ROOT = Path(__file__).parent.parent
LONGEST_PATH = 107
"""Bytes in the path of a Unix socket."""
_WORDS = struct.pack("!i", 3 << 16) + b"user\0postgres\0database\0postgres\0\0"
_HELLO, _GOODBYE = struct.pack("!i", len(_WORDS) + 4) + _WORDS, b"X" + struct.pack("!i", 4)
"""The first and the last message of a client (PostgreSQL's manual, "Frontend/Backend Protocol")."""


class Postgres:
    """One server with its data and log in `folder`. As root it runs as `nobody`, because PostgreSQL refuses root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "postgres.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.deaths = 0
        self._sockets = self._socket_folder()

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The address of a database for a user, through the socket, without a password."""
        return f"postgresql://{user}@/{database}?host={quote(str(self._sockets))}"

    def launch(self) -> None:
        """Starts the server and returns at once; the cluster is made first if there is none. Raises `Failed`."""
        self._ready_sockets()
        folders = str(private_folder(self.folder)), str(self._sockets)
        command = [sys.executable, "-m", "stack.postgres_node", *folders]
        with uninterrupted():
            self.process = spawn(command, self.log, for_child(), last=signal.SIGINT, cwd=ROOT)

    def started(self) -> bool:
        """Whether the server lets clients in: it does not while it still reads what a crash has left."""
        with closing(socket.socket(socket.AF_UNIX)) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self._sockets / SOCKET))
                probe.sendall(_HELLO)
                let_in = probe.recv(1) == b"R"
                probe.sendall(_GOODBYE)
            except OSError:
                return False
            return let_in

    def start(self) -> None:
        """Starts the server and returns when it answers (about 1 s). Raises `Failed`."""
        self.launch()
        wait_for("PostgreSQL", self.started, self.process, self.log, 120)

    def stop(self) -> None:
        """Stops the server in order (fast shutdown)."""
        if self.process is not None:
            stop(self.process, signal.SIGINT, patience=10)
            self.process = None

    def kill(self) -> None:
        """As a crash would: SIGKILL to the postmaster, whose children notice and go."""
        if self.process is not None:
            stop(self.process, signal.SIGKILL)
            self.process = None

    def _socket_folder(self) -> Path:
        """A short path below the temporary folder that belongs to this checkout and to nobody else."""
        name = f"suishoupai-{os.getuid()}-{zlib.crc32(os.fsencode(self.folder.absolute())):08x}"
        top = Path(tempfile.gettempdir())
        if len(os.fsencode(top / f"{name}-9" / SOCKET)) > LONGEST_PATH:
            top = Path("/tmp")  # noqa: S108
        return next(path for n in range(10) if self._may_use(path := top / (f"{name}-{n}" if n else name)) or n == 9)

    def _may_use(self, path: Path) -> bool:
        """Whether the folder is free or ours. Another user's could hold a server that only claims to be this one."""
        if not path.exists() and not path.is_symlink():
            return True
        return not path.is_symlink() and path.stat().st_uid in (os.getuid(), runner(self.folder / "data"))

    def _ready_sockets(self) -> None:
        if not self._may_use(self._sockets):
            raise Failed(f"{self._sockets} belongs to another user. Remove it, or set TMPDIR to a folder of your own.")
        private_folder(self._sockets)
        if (user := runner(self.folder / "data")) is not None:
            os.chown(self._sockets, user, user)
