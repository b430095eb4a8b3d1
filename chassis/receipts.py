"""A receipt: a name for stored bytes that proves by itself who was given it, for which bytes and when.

Anyone with the key can check it without a look-up. It is 32 bytes of hash, 8 of the holder's fingerprint, 4 of
time and 16 of HMAC-SHA-256, in URL-safe base64 without padding: 80 characters. A receipt that carries a point has 8
bytes more before the signature, which nobody reads without the key: 91 characters.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime

LENGTH, LENGTH_WITH_POINT = 80, 91
_HEAD = 44
_STEPS = 100_000
"""Of a degree: about a metre."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says: SHA-256 of the bytes (hex), fingerprint of the holder, and the second it was given.

    `point`: lon, lat in degrees, to a metre, if it was given with one.
    """

    sha256: str
    holder: bytes
    at: datetime
    point: tuple[float, float] | None = None

    def is_held_by(self, client: str) -> bool:
        return hmac.compare_digest(self.holder, _fingerprint(client))


class Forged(ValueError):
    """Not a receipt of ours: wrong length, alphabet or signature."""


def sign(key: bytes, client: str, sha256: str, at: datetime, point: tuple[float, float] | None = None) -> str:
    """The receipt that `client` gets for bytes of this hash at `at` (aware); `point` is lon, lat in degrees."""
    body = bytes.fromhex(sha256) + _fingerprint(client) + int(at.timestamp()).to_bytes(4, "big")
    if point is not None:
        body += _veiled(key, body, struct.pack(">ii", *(round(degrees * _STEPS) for degrees in point)))
    return _written(body + _signature(key, body))


def read(key: bytes, text: str) -> Receipt:
    """What `text` says if it was signed with `key`; raises `Forged` otherwise. Lifetime is the caller's question."""
    if len(text) not in (LENGTH, LENGTH_WITH_POINT):
        raise Forged
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as why:
        raise Forged from why
    body, signature = raw[:-16], raw[-16:]
    # Written again, because the last of 91 characters has bits to spare: one receipt must not have several names.
    if not hmac.compare_digest(signature, _signature(key, body)) or _written(raw) != text:
        raise Forged
    at = datetime.fromtimestamp(int.from_bytes(body[40:_HEAD], "big"), UTC)
    return Receipt(body[:32].hex(), body[32:40], at, _point(key, body) if len(body) > _HEAD else None)


def _point(key: bytes, body: bytes) -> tuple[float, float]:
    lon, lat = struct.unpack(">ii", _veiled(key, body[:_HEAD], body[_HEAD:]))
    return lon / _STEPS, lat / _STEPS


def _veiled(key: bytes, head: bytes, point: bytes) -> bytes:
    """`point` veiled or, if it was, unveiled, by a keystream of this receipt's own."""
    stream = hmac.digest(key, b"point\n" + head, "sha256")
    return bytes(one ^ other for one, other in zip(point, stream, strict=False))


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _fingerprint(client: str) -> bytes:
    return hashlib.sha256(client.encode()).digest()[:8]


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:16]
