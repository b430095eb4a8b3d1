"""A receipt: a name for stored bytes that proves by itself who was given it, for which bytes and when.

Anyone with the key can check it without a look-up. It is 32 bytes of hash, 8 of the holder's fingerprint, 4 of
time and 16 of HMAC-SHA-256, in URL-safe base64 without padding: 80 characters.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime

LENGTH = 80


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says: SHA-256 of the bytes (hex), fingerprint of the holder, and the second it was given."""

    sha256: str
    holder: bytes
    at: datetime

    def is_held_by(self, client: str) -> bool:
        return hmac.compare_digest(self.holder, _fingerprint(client))


class Forged(ValueError):
    """Not a receipt of ours: wrong length, alphabet or signature."""


def sign(key: bytes, client: str, sha256: str, at: datetime) -> str:
    """The receipt that `client` gets for bytes of this hash at `at` (aware)."""
    body = bytes.fromhex(sha256) + _fingerprint(client) + int(at.timestamp()).to_bytes(4, "big")
    return base64.urlsafe_b64encode(body + _signature(key, body)).decode().rstrip("=")


def read(key: bytes, text: str) -> Receipt:
    """What `text` says if it was signed with `key`; raises `Forged` otherwise. Lifetime is the caller's question."""
    if len(text) != LENGTH:
        raise Forged
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as why:
        raise Forged from why
    body, signature = raw[:-16], raw[-16:]
    if not hmac.compare_digest(signature, _signature(key, body)):
        raise Forged
    return Receipt(body[:32].hex(), body[32:40], datetime.fromtimestamp(int.from_bytes(body[40:44], "big"), UTC))


def _fingerprint(client: str) -> bytes:
    return hashlib.sha256(client.encode()).digest()[:8]


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:16]
