"""A receipt: a name for stored bytes that proves by itself who was given it, for which bytes and when.

Anyone with the key can check it without a look-up. It is 32 bytes of hash, 8 of the holder's fingerprint, 4 of
time and 16 of HMAC-SHA-256, in URL-safe base64 without padding: 80 characters. Two things may follow the time: a point,
8 bytes that nobody reads without the key, and a likeness, which is the byte 1 and the 8 bytes of a perceptual hash. The
length says which: 91 characters with a point, 92 with a likeness, 103 with both. If the byte is 2, what stands in the
place of the point is the perceptual hash of the inner part of the picture.
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
_WHOLE, _WHOLE_AND_INNER = b"\1", b"\2"
_STEPS = 100_000
"""Of a degree: about a metre."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says: SHA-256 of the bytes (hex), fingerprint of the holder, and the second it was given.

    `point`: lon, lat in degrees, to a metre, `likeness`: a perceptual hash, 64 bits, and `inner`: that of the inner
    part of the picture, if it was given with them.
    """

    sha256: str
    holder: bytes
    at: datetime
    point: tuple[float, float] | None = None
    likeness: int | None = None
    inner: int | None = None

    def is_held_by(self, client: str) -> bool:
        return hmac.compare_digest(self.holder, fingerprint(client))


class Forged(ValueError):
    """Not a receipt of ours: wrong length, alphabet or signature."""


def sign(
    key: bytes, client: str, sha256: str, at: datetime, point: tuple[float, float] | None = None,
    likeness: int | None = None, inner: int | None = None,
) -> str:  # fmt: skip
    """The receipt that `client` gets for bytes of this hash at `at` (aware); `point` is lon, lat in degrees.

    `inner` needs a `likeness` and excludes a `point`, whose place it takes: any other use raises `ValueError`.
    """
    if inner is not None and (likeness is None or point is not None):
        raise ValueError("inner goes with a likeness and without a point")
    body = bytes.fromhex(sha256) + fingerprint(client) + int(at.timestamp()).to_bytes(4, "big")
    if point is not None:
        body += _veiled(key, body, struct.pack(">ii", *(round(degrees * _STEPS) for degrees in point)))
    if inner is not None:
        body += inner.to_bytes(8, "big")
    if likeness is not None:
        body += (_WHOLE if inner is None else _WHOLE_AND_INNER) + likeness.to_bytes(8, "big")
    return _written(body + _signature(key, body))


def read(key: bytes, text: str) -> Receipt:
    """What `text` says if it was signed with `key`; raises `Forged` otherwise. Lifetime is the caller's question."""
    raw = _raw(text)
    body, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
    # Written again, because the last of 91 characters has bits to spare: one receipt must not have several names.
    if not hmac.compare_digest(signature, _signature(key, body)) or _written(raw) != text:
        raise Forged
    at = datetime.fromtimestamp(int.from_bytes(body[40:_HEAD], "big"), UTC)
    likeness, inner = _hashes(body)
    point = _point(key, body) if len(text) in (LENGTH_WITH_POINT, LENGTH_WITH_BOTH) and inner is None else None
    return Receipt(body[:32].hex(), body[32:40], at, point, likeness, inner)


def likenesses_in(text: str) -> list[int]:
    """The perceptual hashes in a receipt, of the whole picture and of its inner part, as far as it carries them.

    They are read without the key and not checked.
    """
    try:
        body = _raw(text)[:-_SIGNATURE]
    except Forged:
        return []
    return [likeness for likeness in _hashes(body) if likeness is not None]


def _hashes(body: bytes) -> tuple[int | None, int | None]:
    head, kind, last = body[:-9], body[-9:-8], int.from_bytes(body[-8:], "big")
    if len(head) == _HEAD + _POINT and kind == _WHOLE_AND_INNER:
        return last, int.from_bytes(head[_HEAD:], "big")
    return (last if len(head) in (_HEAD, _HEAD + _POINT) and kind == _WHOLE else None), None


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
