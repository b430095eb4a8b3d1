"""What only one of the processes that run tests may do at a time, because it needs something they all share."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".test-run"


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Until the block ends, whoever else wants to enter a block of this name waits; a process that dies leaves it."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
