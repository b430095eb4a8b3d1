"""What a photo's name says by itself."""

import base64
import binascii
import hashlib
from collections.abc import Iterable

from chassis.receipts import likenesses_in

ALIKE = 8
"""Of the 63 bits of a perceptual hash, so many may differ in two photos that show the same (measured: see
`schemas/decisions/`, "A turned photo is recognised")."""
_MIRRORED = 0xAAAA_AAAA_AAAA_AAAA
"""Of an 8 × 8 table of frequencies, row by row, the odd columns: they change their sign when left and right do."""
_UPSIDE_DOWN = 0xFF00_FF00_FF00_FF00
"""The odd rows: they change their sign when top and bottom do."""
_EXCHANGES = ((7, 0x00AA_00AA_00AA_00AA), (14, 0x0000_CCCC_0000_CCCC), (28, 0x0000_0000_F0F0_F0F0))
"""Exchanging, of each 2 × 2 bits, then of 2 × 2 such squares, and so on, the two off the diagonal transposes all."""


def sha256_of(media_id: str) -> str:
    """The hash (hex) that a receipt begins with; of a name that is no receipt, the hash of the name itself."""
    try:
        return base64.urlsafe_b64decode(media_id[:44].encode("ascii"))[:32].hex()
    except (binascii.Error, UnicodeEncodeError):
        return hashlib.sha256(media_id.encode()).hexdigest()


def alike(media: Iterable[str], others: Iterable[str]) -> bool:
    """Whether a photo among `media` shows the same picture as one among `others`, as far as their receipts say.

    A picture that is turned by a right angle or mirrored is the same picture, and so is the inner part of a picture.
    """
    known = [likeness for media_id in others for likeness in likenesses_in(media_id)]
    found = [likeness for media_id in media for likeness in likenesses_in(media_id)]
    turned = [way for likeness in found for way in orientations(likeness)]
    return any(bits_apart(one, other) <= ALIKE for one in turned for other in known)


def orientations(likeness: int) -> list[int]:
    """The hashes of a picture turned and mirrored in all eight ways, the picture as it is first."""
    transposed = likeness
    for shift, mask in _EXCHANGES:
        differing = (transposed ^ transposed >> shift) & mask
        transposed ^= differing ^ differing << shift
    flips = (0, _MIRRORED, _UPSIDE_DOWN, _MIRRORED ^ _UPSIDE_DOWN)
    return [way ^ flip for way in (likeness, transposed) for flip in flips]


def bits_apart(one: int, other: int) -> int:
    """In how many of their bits two hashes differ.

    The lowest bit says whether a hash counts its frequencies from their median (1), as those of versions before 2026-12
    do, or from zero (0). Between one of each, the bits by which one has more ones than the other are not counted: the
    median lies above or below zero and turns that many bits, all in the same direction.
    """
    differing = ((one ^ other) >> 1).bit_count()
    return differing - abs((one >> 1).bit_count() - (other >> 1).bit_count()) if (one ^ other) & 1 else differing
