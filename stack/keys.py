"""Keys of clients: issued once in clear, stored as SHA-256 in `clients.json`, revoked by leaving the file."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from chassis.keys import Entry, File, fingerprint, new_key
from stack.private import private_folder

KINDS = ("app", "platform", "centre", "ops")


class Refused(ValueError):
    """A key cannot be issued or revoked; the text says why."""


def read(path: Path) -> list[Entry]:
    """The clients of the file, in its order; none when there is no file."""
    return File.model_validate_json(path.read_bytes()).clients if path.exists() else []


def issue(path: Path, name: str, kind: str, expires_at: datetime | None = None) -> str:
    """Adds a key for a client and returns it; a client may hold several, so that keys can be changed without a gap."""
    if kind not in KINDS:
        raise Refused(f"kind {kind!r} is none of {', '.join(KINDS)}")
    key = new_key(kind)
    try:
        entry = Entry(name=name, kind=kind, sha256=fingerprint(key), expires_at=expires_at)
    except ValidationError as why:
        raise Refused(f"{name!r} is no name for a client: {why.errors()[0]['msg']}") from why
    with _alone(path):
        entries = read(path)
        if any(e.name == name and e.kind != kind for e in entries):
            raise Refused(f"{name} is already a client of another kind")
        _write(path, [*entries, entry])
    return key


def revoke(path: Path, name: str) -> int:
    """Removes every key of a client and returns how many there were. Services know within a second."""
    if not path.exists():
        raise Refused(f"there is no {path}")
    with _alone(path):
        entries = read(path)
        kept = [e for e in entries if e.name != name]
        if len(kept) == len(entries):
            raise Refused(f"no client is called {name}")
        _write(path, kept)
    return len(entries) - len(kept)


def issue_all(path: Path, wanted: dict[str, tuple[str, str]]) -> dict[str, str]:
    """One key for each label of `wanted` (label: name, kind), in one write; what was in the file is replaced."""
    keys = {label: new_key(kind) for label, (_, kind) in wanted.items()}
    _write(
        path,
        [Entry(name=name, kind=kind, sha256=fingerprint(keys[label])) for label, (name, kind) in wanted.items()],
    )
    return keys


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else changes the file meanwhile: a key that is revoked while another is issued must not come back."""
    if not path.parent.exists():
        private_folder(path.parent)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, entries: list[Entry]) -> None:
    if not path.parent.exists():
        private_folder(path.parent)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.touch(mode=0o600)
    if path.exists():  # the user of Compose's containers, who may not be this one, must go on reading it
        before = path.stat()
        fresh.chmod(stat.S_IMODE(before.st_mode))
        if os.geteuid() == 0:
            os.chown(fresh, before.st_uid, before.st_gid)
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"clients": [e.model_dump(mode="json") for e in entries]}, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)  # atomic: a service sees the old file or the new one
