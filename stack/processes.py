"""Child processes that cannot outlive their parent, with their output in a file."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Failed(RuntimeError):
    """Something that was to be started is not there; the text says what and where its log is."""


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])


def chosen_port(variable: str) -> int:
    """The port that the environment names, unless it is taken; then a free one."""
    wanted = int(os.environ.get(variable, "0"))
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        return cast("int", probe.getsockname()[1])


def spawn(
    command: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
    user: int | None = None,
    last: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Starts `command` with its output appended to `log`. When this process dies, however, it is sent `last`.

    Call from the main thread: Linux ties the signal to the thread that started the child.
    """
    log.parent.mkdir(parents=True, exist_ok=True)

    def die_with_parent() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(last))

    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its children in order
            preexec_fn=die_with_parent,
        )


def stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM, patience: float = 25) -> int:
    """Asks the process to go and waits; after `patience` seconds it is killed. Returns its exit code."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def wait_for(
    what: str, ready: Callable[[], bool], process: subprocess.Popen[bytes] | None, log: Path, patience: float
) -> None:
    """Returns when `ready()` is true; raises `Failed` when the process is gone or `patience` seconds are over."""
    deadline = time.monotonic() + patience
    while not ready():
        if process is not None and process.poll() is not None:
            raise Failed(f"{what} stopped with exit code {process.returncode}; the end of {log}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise Failed(f"{what} was not ready within {patience:g} s; the end of {log}:\n{tail(log)}")
        time.sleep(0.05)


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error text."""
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of the loopback."""
    with closing(socket.socket()) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
