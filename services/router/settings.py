"""What the router is told by its environment, `ROUTER_…`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from chassis import settings


def _key(text: str) -> str:
    if len(bytes.fromhex(text)) != 32:
        raise ValueError("must be 32 bytes in hex")
    return text


class RouterSettings(settings.Settings):
    """`receipt_key` is shared with intake, which signs the photos that platforms cite."""

    receipt_key: Annotated[str, AfterValidator(_key)]
    port: int = 8002


def ledger_address(environ: Mapping[str, str] = os.environ) -> str:
    """Where an operator's command finds the ledger: as the service does, or at DATABASE_URL as of a local system."""
    if path := environ.get("ROUTER_DATABASE_URL_FILE"):
        return Path(path).read_text("utf-8").strip()
    found = environ.get("ROUTER_DATABASE_URL") or environ.get("DATABASE_URL")
    if not found:
        raise settings.Misset(["ROUTER_DATABASE_URL: is missing (or DATABASE_URL of a local system)"])
    return found
