"""A receipt: a name for stored bytes that proves by itself who was given it, for which bytes and when.

Anyone with the key can check it without a look-up. It is 32 bytes of hash, 8 of the holder's fingerprint, 4 of
time and 16 of HMAC-SHA-256, in URL-safe base64 without padding: 80 characters. Two things may follow the time: a point,
8 bytes that nobody reads without the key, and a likeness, which is the byte 1 and the 8 bytes of a perceptual hash. The
length says which: 91 characters with a point, 92 with a likeness, 103 with both.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime

LENGTH, LENGTH_WITH_POINT, LENGTH_WITH_LIKENESS, LENGTH_WITH_BOTH = 80, 91, 92, 103
_HEAD, _POINT, _SIGNATURE = 44, 8, 16
_KIND_OF_LIKENESS = b"\1"
_STEPS = 100_000
"""Of a degree: about a metre."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says: SHA-256 of the bytes (hex), fingerprint of the holder, and the second it was given.

    `point`: lon, lat in degrees, to a metre, and `likeness`: a perceptual hash, 64 bits, if it was given with them.
    """

    sha256: str
    holder: bytes
    at: datetime
    point: tuple[float, float] | None = None
    likeness: int | None = None

    def is_held_by(self, client: str) -> bool:
        return hmac.compare_digest(self.holder, fingerprint(client))


class Forged(ValueError):
    """Not a receipt of ours: wrong length, alphabet or signature."""


def sign(
    key: bytes, client: str, sha256: str, at: datetime, point: tuple[float, float] | None = None,
    likeness: int | None = None,
) -> str:  # fmt: skip
    """The receipt that `client` gets for bytes of this hash at `at` (aware); `point` is lon, lat in degrees."""
    body = bytes.fromhex(sha256) + fingerprint(client) + int(at.timestamp()).to_bytes(4, "big")
    if point is not None:
        body += _veiled(key, body, struct.pack(">ii", *(round(degrees * _STEPS) for degrees in point)))
    if likeness is not None:
        body += _KIND_OF_LIKENESS + likeness.to_bytes(8, "big")
    return _written(body + _signature(key, body))


def read(key: bytes, text: str) -> Receipt:
    """What `text` says if it was signed with `key`; raises `Forged` otherwise. Lifetime is the caller's question."""
    raw = _raw(text)
    body, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
    # Written again, because the last of 91 characters has bits to spare: one receipt must not have several names.
    if not hmac.compare_digest(signature, _signature(key, body)) or _written(raw) != text:
        raise Forged
    at = datetime.fromtimestamp(int.from_bytes(body[40:_HEAD], "big"), UTC)
    point = _point(key, body) if len(text) in (LENGTH_WITH_POINT, LENGTH_WITH_BOTH) else None
    return Receipt(body[:32].hex(), body[32:40], at, point, likeness_in(text))


def likeness_in(text: str) -> int | None:
    """The perceptual hash in a receipt, which is read without the key and not checked; None if it carries none."""
    if len(text) not in (LENGTH_WITH_LIKENESS, LENGTH_WITH_BOTH):
        return None
    try:
        last = _raw(text)[:-_SIGNATURE][-9:]
    except Forged:
        return None
    return int.from_bytes(last[1:], "big") if last[:1] == _KIND_OF_LIKENESS else None


def _raw(text: str) -> bytes:
    if len(text) not in (LENGTH, LENGTH_WITH_POINT, LENGTH_WITH_LIKENESS, LENGTH_WITH_BOTH):
        raise Forged
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as why:
        raise Forged from why


def _point(key: bytes, body: bytes) -> tuple[float, float]:
    lon, lat = struct.unpack(">ii", _veiled(key, body[:_HEAD], body[_HEAD : _HEAD + _POINT]))
    return lon / _STEPS, lat / _STEPS


def _veiled(key: bytes, head: bytes, point: bytes) -> bytes:
    """`point` veiled or, if it was, unveiled, by a keystream of this receipt's own."""
    stream = hmac.digest(key, b"point\n" + head, "sha256")
    return bytes(one ^ other for one, other in zip(point, stream, strict=False))


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def fingerprint(client: str) -> bytes:
    """What a receipt keeps of its holder's name."""
    return hashlib.sha256(client.encode()).digest()[:8]


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:16]
