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
        path = self._folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n", "utf-8")
