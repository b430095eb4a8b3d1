"""Secrets of a local system: made once, kept beside its data, readable by their owner alone."""

import base64
import json
import os
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from nacl.public import PrivateKey

from stack import keys
from stack.prepare import SERVICES

APPS = {"APP_KEY": "jinyang", "APP2_KEY": "fenhe"}
STAFF = {"CENTRE_KEY": ("centre", "centre"), "OPS_KEY": ("ops", "ops")}


class Secrets:
    """The receipt key, the contact key pair and everybody's client keys (`keys`, by their names in `.run/env`)."""

    def __init__(self, folder: Path, clients: Path) -> None:
        self._folder, self._clients = folder, clients
        self.keys: dict[str, str] = {}

    def make(self, platforms: Sequence[str]) -> None:
        """Makes what is missing; what is there is kept, because data was sealed and signed with it."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._once("receipt.key", lambda: secrets.token_hex(32))
        if not (self._folder / "contact.private").exists():
            private, key_id = PrivateKey.generate(), datetime.now(UTC).strftime("%Y-%m")
            self._write("contact.public", f"{key_id}:{base64.b64encode(bytes(private.public_key)).decode()}")
            self._write("contact.private", f"{key_id}:{base64.b64encode(bytes(private)).decode()}")
        stored = self._folder / "keys.json"
        if not (stored.exists() and self._clients.exists()):
            wanted = {label: (name, "app") for label, name in APPS.items()} | STAFF
            wanted |= {f"PLATFORM_KEY_{code}": (code, "platform") for code in platforms}
            self._write("keys.json", json.dumps(keys.issue_all(self._clients, wanted)))
        self.keys = json.loads(stored.read_text("utf-8"))

    def make_for_compose(self) -> None:
        """Passwords and addresses of PostgreSQL as files, beside the others. Kept when they are there.

        Compose mounts each file as it is, for a user that is not the host's: the folder is closed, the files are not.
        """
        for role in ("postgres", *SERVICES):
            self._once(f"{role}.password", lambda: secrets.token_urlsafe(24))
            password = (self._folder / f"{role}.password").read_text("ascii").strip()
            user = "suishoupai" if role == "postgres" else role
            self._once(f"{role}.url", lambda user=user, p=password: f"postgresql://{user}:{p}@postgres/suishoupai")  # type: ignore[misc]
        lines = "".join(f"{label}={key}\n" for label, key in self.keys.items())
        (self._clients.parent / "keys.env").write_text(lines, "ascii")
        for path in self._folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)

    def settings_of(self, service: str, media: Path) -> dict[str, str]:
        """What one service is told of these, by the names of its settings; each gets only what it needs."""
        if service == "intake":
            media.mkdir(parents=True, exist_ok=True)
            return {
                "RECEIPT_KEY_FILE": str(self._folder / "receipt.key"),
                "CONTACT_PUBLIC_KEY_FILE": str(self._folder / "contact.public"),
                "MEDIA_URL": media.as_uri(),
            }
        if service == "router":
            return {"RECEIPT_KEY_FILE": str(self._folder / "receipt.key")}
        told = {"CONTACT_PRIVATE_KEYS_FILE": str(self._folder / "contact.private"), "LOCAL_MODE": "true"}
        return told | ({"SMS_URL": os.environ["SMS_URL"]} if os.environ.get("SMS_URL") else {})

    def _once(self, name: str, make: Callable[[], str]) -> None:
        if not (self._folder / name).exists():
            self._write(name, make())

    def _write(self, name: str, text: str) -> None:
        """Whole or not at all: what a crash has cut off would be kept for ever."""
        fresh = self._folder / f".{name}.new"
        fresh.touch(mode=0o600)
        fresh.write_text(text + "\n", "utf-8")
        fresh.replace(self._folder / name)
