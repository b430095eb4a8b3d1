"""Checks of a handling, by one who did not do the work: a photo where the category asks for one, new words, new photo.

What is missing is refused; what is suspicious is a finding, and the case waits for the centre instead of closing.
"""

import base64
import binascii
import hashlib
from collections.abc import Collection, Sequence

SHORTEST_TEXT = 2


def missing(text: str, media: Sequence[str], photo_needed: bool) -> str | None:
    """The reason why this cannot count as a handling at all, or None."""
    if len(text.strip()) < SHORTEST_TEXT:
        return "text_too_short"
    if photo_needed and not media:
        return "after_photo_missing"
    return None


def findings(
    text: str, photos: Sequence[str], before: Collection[str], said: Collection[str], shown: Collection[str]
) -> tuple[str, ...]:
    """What a person should look at. Photos are SHA-256 in hex: of this handling, of the reports, of earlier ones."""
    found = []
    if any(photo in before for photo in photos):
        found.append("photo_from_before")
    if any(photo in shown for photo in photos):
        found.append("photo_reused")
    if any(text.strip() == earlier.strip() for earlier in said):
        found.append("text_reused")
    return tuple(found)


def sha256_of(media_id: str) -> str:
    """The hash (hex) that a receipt begins with; of a name that is no receipt, the hash of the name itself."""
    try:
        return base64.urlsafe_b64decode(media_id[:44].encode("ascii"))[:32].hex()
    except (binascii.Error, UnicodeEncodeError):
        return hashlib.sha256(media_id.encode()).hexdigest()
