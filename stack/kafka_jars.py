"""Kafka's jars: fetched once from Maven Central, and checked each time against the committed SHA-256."""

import errno
import hashlib
import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from stack.failed import Failed
from stack.private import private_folder

VERSION = "4.3.1"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")
"""The broker, and the bridge without which its warnings are never written."""
SUMS = Path(__file__).parent / "kafka_jars.sha256"
SIZE_MB = 44


def jars(cache: Path) -> Path:
    """The folder of Kafka's jars, fetched once into `cache`. Raises `Failed`, and then leaves `cache` as it was."""
    folder = cache / f"kafka-{VERSION}"
    expected = {line.split()[1]: line.split()[0] for line in SUMS.read_text("ascii").splitlines()}
    if folder.exists() and _sums(folder) == expected:
        return folder
    try:
        with TemporaryDirectory(dir=private_folder(cache), prefix="kafka-") as scratch, _progress(Path(scratch)):
            fresh = _resolved(Path(scratch))
            found = _sums(fresh)
            if found != expected:
                wrong = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
                raise Failed(f"Kafka's jars differ from {SUMS.name}: {', '.join(wrong)}. Fetch them again.")
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)
    except OSError as why:
        raise Failed(f"Kafka's jars cannot be stored in {cache}: {_remedy(why)}") from why
    return folder


def _sums(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def _resolved(scratch: Path) -> Path:
    """A folder of jars under `scratch`. The Maven repository is there too: a download that is cut off leaves nothing
    behind, and another program's use of the home folder's repository cannot get in between."""
    import jgo

    os.environ["M2_REPO"] = str(scratch / "repository")
    fresh = private_folder(scratch / "jars")
    for again in (True, True, False):
        try:
            with warnings.catch_warnings(action="ignore", category=UserWarning):  # of a missing XDG_RUNTIME_DIR
                for artifact in (a for coordinate in COORDINATES for a in jgo.resolve(coordinate)):
                    shutil.copyfile(artifact.resolve(), copied := fresh / artifact.resolve().name)
                    copied.chmod(0o600)
            break
        except (OSError, RuntimeError, ValueError, SyntaxError) as why:  # what a cut or spoiled download ends in
            if not again or _full(why):
                raise Failed(f"Kafka's jars cannot be resolved from Maven: {_remedy(why)}") from why
            shutil.rmtree(scratch / "repository", ignore_errors=True)
    return fresh


def _full(why: BaseException) -> bool:
    return isinstance(why, OSError) and why.errno in (errno.ENOSPC, errno.EDQUOT)


def _remedy(why: BaseException) -> str:
    """What happened and what to do about it, as the second half of a sentence."""
    if _full(why):
        return f"the disk is full. Free {4 * SIZE_MB} MB and try again."
    if isinstance(why, PermissionError):
        return f"{why.strerror}: {why.filename}. Give this user the right to write there."
    if isinstance(why, OSError) and why.errno is None:  # of the HTTP client, whose own texts are long
        return f"it cannot be reached ({type(why).__name__}). Check the network and HTTPS_PROXY and try again."
    told = str(why).splitlines() or [type(why).__name__]
    return f"{told[0][:200]}. Check the network and HTTPS_PROXY and try again."


@contextmanager
def _progress(scratch: Path) -> Iterator[None]:
    """Says on standard error, while the block runs, how much has been fetched."""
    done = threading.Event()
    live = sys.stderr.isatty()
    sys.stderr.write(f"Fetching Kafka's jars ({SIZE_MB} MB), once …\n")

    def report() -> None:
        while not done.wait(0.5 if live else 5):
            with suppress(OSError):  # files come and go
                size = sum(path.stat().st_size for path in (scratch / "repository").rglob("*.jar*"))
                sys.stderr.write(f"  {min(size // 1_000_000, SIZE_MB)} of {SIZE_MB} MB{chr(13) if live else chr(10)}")
                sys.stderr.flush()

    began = time.monotonic()
    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
        sys.stderr.write(f"Kafka's jars were fetched in {time.monotonic() - began:.0f} s.\n")
    finally:
        done.set()
        reporter.join()
