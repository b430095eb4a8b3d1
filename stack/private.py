"""Folders and files that only their owner can read, whatever the umask is."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from stack.failed import Failed

MASK = 0o077
"""The umask of everything that the stack starts: files 0600, folders 0700."""


def private_folder(path: Path) -> Path:
    """Makes the folder and its missing parents with mode 0700 and returns it; an existing one is closed to others."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(mode=0o700, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) & MASK:
        path.chmod(0o700)
    return path


def private_log(path: Path) -> BinaryIO:
    """Opens the file for appending; it is made with mode 0600."""
    private_folder(path.parent)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def tighten(folder: Path) -> None:
    """Takes the rights of others from everything under `folder`, as an older version may have left them.

    Raises `Failed` when a file belongs to somebody else, because then nothing under it could be used either.
    """
    for place, folders, files in os.walk(private_folder(folder)):
        for path in (Path(place, name) for name in (*folders, *files)):
            try:
                if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & MASK:
                    path.chmod(0o700 if path.is_dir() else 0o600)
            except FileNotFoundError:  # a running server removes files of its own
                continue
            except PermissionError as why:
                raise Failed(f"{path} belongs to another user. Run as that user, or remove {folder}.") from why
