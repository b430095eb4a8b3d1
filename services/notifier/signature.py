"""Signatures of callbacks as Standard Webhooks 1.0.0 has them: HMAC-SHA-256 over `{id}.{timestamp}.{body}`."""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

PREFIX = "whsec_"
OVERLAP = timedelta(hours=24)
"""How long the old secret signs beside the new one after a rotation."""


def secret_of(key: bytes) -> str:
    """The text form of a secret; 24 to 64 bytes by the standard."""
    return PREFIX + base64.b64encode(key).decode()


def headers_of(notice_id: UUID, at: datetime, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The three headers of one attempt: the id is the notice's for ever, the timestamp is the attempt's.

    Every secret signs, so that a receiver may know either of two during a rotation.
    """
    timestamp = str(int(at.timestamp()))
    signed = f"{notice_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": str(notice_id),
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
