"""`python -m stack.postgres_node FOLDER SOCKETS`: makes the cluster once, then becomes the server.

As root the server runs as another user, who may be unable to enter any folder above the data. The data is therefore
opened as root and handed over as an open folder, which the server reaches as /proc/self/fd/N.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from stack.failed import UNFIT_CODE, Failed, Unfit
from stack.postgres_programs import SOCKET, programs, runner
from stack.processes import become_program, die_with_parent

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


def become(folder: Path, sockets: Path) -> None:
    """Makes the cluster if there is none, and becomes the server. Raises `Failed`."""
    parent = os.getppid()
    data = folder / "data"
    user = runner(data)
    binaries = programs(user)
    if not (data / "PG_VERSION").exists():
        _make_cluster(data, binaries, user)
    for lock in (data / "postmaster.pid", sockets / f"{SOCKET}.lock"):
        _forget_strangers(lock)
    (place, _), (socket_place, _) = _handed_over(data, user), _handed_over(sockets, user)
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    os.chdir("/")
    if user is not None:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        die_with_parent(signal.SIGINT)  # the kernel forgets this when the user changes
        if os.getppid() != parent:
            raise Failed("The process that started PostgreSQL is gone.")
    become_program(str(binaries / "postgres"), ["-D", place, "-k", socket_place, *settings])


def _make_cluster(data: Path, binaries: Path, user: int | None) -> None:
    """Makes it beside, then renames: what a crash has cut off is never taken for a cluster."""
    fresh = data.with_name("data.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if user is not None:
        os.chown(fresh, user, user)
    place, handle = _handed_over(fresh, user)
    words = ["-D", place, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
    try:
        made = subprocess.run(
            [binaries / "initdb", *words], capture_output=True, check=False, cwd="/", user=user, group=user,
            extra_groups=None if user is None else [], pass_fds=() if handle is None else (handle,),
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
        )  # fmt: skip
    except (PermissionError, subprocess.SubprocessError) as why:
        raise Failed(f"initdb does not start: {why}") from why
    if made.returncode:
        said = made.stderr.decode("utf-8", "replace").strip().splitlines()
        blamed = [line for line in said if "error:" in line or "FATAL:" in line] or said or ["no reason given"]
        raise Failed(f"PostgreSQL's cluster cannot be made: {blamed[0][-300:]}")
    if data.exists():
        data.rmdir()  # an older version made an empty folder first
    fresh.rename(data)


def _handed_over(folder: Path, user: int | None) -> tuple[str, int | None]:
    """The name under which another user reaches the folder, and the open file behind it if there is one."""
    if user is None or not Path("/proc/self/fd").exists():
        return str(folder), None
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.set_inheritable(handle, True)
    return f"/proc/self/fd/{handle}", handle


def _forget_strangers(lock: Path) -> None:
    """Removes the lock file of a server that is gone when its number belongs to another program by now.

    Otherwise it stays: with it PostgreSQL notices processes of a killed server that have not ended yet.
    """
    if not lock.exists():
        return
    pid = lock.read_text("utf-8", "replace").partition("\n")[0].strip()
    name = Path(f"/proc/{pid}/comm")
    if pid.isdigit() and name.exists() and name.read_text("utf-8", "replace").strip() != "postgres":
        lock.unlink()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # how PostgreSQL is stopped, at whatever it is
    try:
        become(Path(sys.argv[1]), Path(sys.argv[2]))
    except (Failed, OSError) as why:
        sys.stdout.write(f"{why}\n")
        sys.exit(UNFIT_CODE if isinstance(why, Unfit) else 1)
