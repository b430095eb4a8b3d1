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
from stack.failed import Unfit
from stack.prepare import SERVICES
from stack.private import private_folder

APPS = {"APP_KEY": "jinyang", "APP2_KEY": "fenhe"}
SERVICE_USER, POSTGRES_USER = 10001, 999
"""The users of the containers, as Dockerfile and docker-compose.yml have them."""
STAFF = {"CENTRE_KEY": ("centre", "centre"), "OPS_KEY": ("ops", "ops")}


class Secrets:
    """The receipt key, the contact key pair and everybody's client keys (`keys`, by their names in `.run/env`)."""

    def __init__(self, folder: Path, clients: Path) -> None:
        self._folder, self._clients = folder, clients
        self.keys: dict[str, str] = {}

    def make(self, platforms: Sequence[str]) -> None:
        """Makes what is missing; what is there is kept, because data was sealed and signed with it."""
        private_folder(self._folder)
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
        try:
            self.keys = json.loads(stored.read_text("utf-8"))
        except ValueError as why:
            raise Unfit(f"{stored} cannot be read ({why}). Remove it: all keys are then issued anew.") from why

    def make_for_compose(self) -> None:
        """Passwords and addresses of PostgreSQL as files, beside the others. Kept when they are there.

        Compose mounts each file as it is, with its owner and mode, into the one container that needs it. As root, a
        file is given to that container's user alone. An ordinary user cannot do that: there the files are readable by
        all, inside a folder that nobody else can enter.
        """
        for role in ("postgres", *SERVICES):
            self._once(f"{role}.password", lambda: secrets.token_urlsafe(24))
            password = (self._folder / f"{role}.password").read_text("ascii").strip()
            user = "suishoupai" if role == "postgres" else role
            self._once(f"{role}.url", lambda user=user, p=password: f"postgresql://{user}:{p}@postgres/suishoupai")  # type: ignore[misc]
        self._write("keys.env", "".join(f"{label}={key}\n" for label, key in self.keys.items()).rstrip("\n"))
        (self._clients.parent / "keys.env").unlink(missing_ok=True)  # an older version mounted it into every service
        self._folder.chmod(0o700)
        for path in self._folder.rglob("*"):
            self._hand_over(path)

    def _hand_over(self, path: Path) -> None:
        own = path.name == "keys.json"
        if os.geteuid() == 0 and not own:
            owner = POSTGRES_USER if path.name == "postgres.password" else SERVICE_USER
            os.chown(path, owner, owner)
        shared = os.geteuid() != 0 and not own
        path.chmod((0o755 if shared else 0o700) if path.is_dir() else (0o644 if shared else 0o600))

    def settings_of(self, service: str, media: Path) -> dict[str, str]:
        """What one service is told of these, by the names of its settings; each gets only what it needs."""
        if service == "intake":
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
