"""Child processes that cannot outlive their parent, with their output in a file."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NoReturn, cast

from stack.failed import Failed
from stack.private import MASK, private_log

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_LISTENS = "0A"
_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on, and that nobody else is given for the next minute.

    A connection over it is opened and closed: until the kernel has forgotten it, a program gets this port only if it
    asks for its number, as a server with SO_REUSEADDR may. So a server that takes seconds to start still finds it free.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = cast("int", server.getsockname()[1])
        with closing(socket.create_connection(("127.0.0.1", port))):
            server.accept()[0].close()
        return port


def taken(port: int) -> bool:
    """Whether another program holds this port of the loopback."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def die_with_parent(last: signal.Signals) -> None:
    """Lets the kernel send `last` to this process when the thread that started it ends. Linux only."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(last))


def become_program(path: str, arguments: Sequence[str]) -> NoReturn:
    """Replaces this process by another program, with the signals as a fresh process has them."""
    for name in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would the program
        signal.signal(name, signal.SIG_DFL)
    os.execv(path, [path, *arguments])  # noqa: S606


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Delays signals that end this process, so that a child is not started without being remembered."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def spawn(
    command: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
    last: signal.Signals = signal.SIGTERM,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Starts `command` with its output appended to `log`. When this process dies, however, it is sent `last`.

    Call from the main thread: Linux ties the signal to the thread that started the child.
    """

    def begin() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with_parent(last)

    with private_log(log) as output:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            umask=MASK,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its children in order
            preexec_fn=begin,
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
    return "\n".join(_end(log).splitlines()[-lines:]) if log.exists() else "(no log)"


def last_words(log: Path, after: int = 0) -> str:
    """The last line of a log that names an error, or else the last one; no part of a stack trace. Empty for none.

    Only what was written behind the first `after` bytes counts, so that a process is not blamed for an earlier one.
    """
    said = [line for line in _end(log, after).splitlines()[-40:] if line.strip() and not line.startswith(("\t", "  "))]
    blamed = [line for line in said if re.search("rror|xception|FATAL|settings: |pack: ", line)]
    return (blamed or said or [""])[-1].strip()[:300]


def _end(log: Path, after: int = 0) -> str:
    with suppress(FileNotFoundError), log.open("rb") as file:
        file.seek(max(after, os.fstat(file.fileno()).st_size - 20_000))
        return file.read().decode("utf-8", "replace")
    return ""


def listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether `process` itself, not a stranger on the same port, accepts connections on this port."""
    if process.poll() is not None:
        return False
    if _LIBC is None:
        with closing(socket.socket()) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", port)) == 0
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    return bool(sockets) and any(link in sockets for link in _open_files(process.pid))


def _open_files(pid: int) -> Iterator[str]:
    with suppress(OSError):  # the process ends meanwhile
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(FileNotFoundError):  # a file is closed meanwhile
                yield os.readlink(f"/proc/{pid}/fd/{name}")


def _listening(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on this port."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(FileNotFoundError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                words = line.split()
                if words[3] == _LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]
