"""Who calls: clients by the SHA-256 of their key, read from `clients.json` and re-read within a second of a change.

A file that does not parse keeps the set that was there and says so in the log; a file that was never readable
admits nobody.
"""

import hashlib
import json
import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from chassis.http.problems import Problem
from chassis.logs import log

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Client:
    """Who holds a key. `kind` is an opaque word here; each service names the kinds that it admits."""

    name: str
    kind: str
    scopes: frozenset[str]
    expires_at: datetime | None = None


class Entry(BaseModel):
    """One client in `clients.json`. The key itself is nowhere, only its SHA-256 in hex."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    kind: str
    scopes: list[str] = []
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    expires_at: AwareDatetime | None = None


class File(BaseModel):
    """The whole of `clients.json`."""

    model_config = ConfigDict(extra="forbid")

    clients: list[Entry]


def new_key(kind: str) -> str:
    """A fresh secret with 32 random bytes; the prefix makes a leaked one findable."""
    return f"ssp_{kind}_{secrets.token_urlsafe(32)}"


def fingerprint(key: str) -> str:
    """What is stored of a key: SHA-256 in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class Keys:
    """The clients of one file, always the newest that could be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clients: dict[str, Client] = {}
        self._seen: tuple[int, int, int] | None = None
        self._looked_at = -LOOK_SECONDS

    def client_of(self, authorization: str | None) -> Client | None:
        """The client whose key stands in an `Authorization: Bearer …` header, if it is known and has not expired."""
        self._look()
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        client = self._clients.get(fingerprint(key.strip()))
        if client is None or (client.expires_at is not None and client.expires_at <= datetime.now(UTC)):
            return None
        return client

    def admit(self, request: Request, *kinds: str) -> Client:
        """The caller, or a `Problem`: 401 key_missing, 401 key_wrong, 403 key_not_for_this."""
        authorization = request.headers.get("authorization")
        if not authorization:
            raise Problem(401, "key_missing", "Send your key as 'Authorization: Bearer <key>'.", field="Authorization")
        client = self.client_of(authorization)
        if client is None:
            raise Problem(401, "key_wrong", "This key is unknown, revoked or expired.", field="Authorization")
        if client.kind not in kinds:
            raise Problem(403, "key_not_for_this", "This key is not for this call.", field="Authorization")
        return client

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        try:
            stat = os.stat(self._path)
            if (seen := (stat.st_ino, stat.st_mtime_ns, stat.st_size)) == self._seen:
                return
            self._clients = _read(self._path)
        except (OSError, ValidationError, UnicodeDecodeError, json.JSONDecodeError) as why:
            log.error("keys.unreadable", path=str(self._path), why=type(why).__name__)
            return
        self._seen = seen
        log.info("keys.read", clients=len(self._clients))


def _read(path: Path) -> dict[str, Client]:
    entries = File.model_validate_json(path.read_bytes()).clients
    return {e.sha256: Client(e.name, e.kind, frozenset(e.scopes), e.expires_at) for e in entries}
