"""What a photo's name says by itself."""

import base64
import binascii
import hashlib
from collections.abc import Iterable

from chassis.receipts import likeness_in

ALIKE = 8
"""Of the 64 bits of a perceptual hash, so many may differ in two photos that show the same (measured: see
`schemas/decisions/`, "A photo that was served is recognised")."""


def sha256_of(media_id: str) -> str:
    """The hash (hex) that a receipt begins with; of a name that is no receipt, the hash of the name itself."""
    try:
        return base64.urlsafe_b64decode(media_id[:44].encode("ascii"))[:32].hex()
    except (binascii.Error, UnicodeEncodeError):
        return hashlib.sha256(media_id.encode()).hexdigest()


def alike(media: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a photo among `media` shows the same picture as one among `others`, as far as their receipts say."""
    known = [likeness for likeness in map(likeness_in, others) if likeness is not None]
    found = [likeness for likeness in map(likeness_in, media) if likeness is not None]
    return any((one ^ other).bit_count() <= ALIKE for one in found for other in known)
