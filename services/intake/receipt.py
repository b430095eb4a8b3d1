"""Citing a photo: a report names the receipts that its app was given, and needs no look-up."""

from datetime import datetime, timedelta

from chassis import receipts

LIFETIME = timedelta(hours=24)
SKEW = timedelta(minutes=5)


def cited(media_id: str, app: str, key: bytes, at: datetime) -> tuple[str, None] | tuple[None, str]:
    """(SHA-256 in hex, None) if `app` may cite the photo at `at`, else (None, reason).

    Reasons: media_forged, media_not_yours, media_expired.
    """
    try:
        receipt = receipts.read(key, media_id)
    except receipts.Forged:
        return None, "media_forged"
    if not receipt.is_held_by(app):
        return None, "media_not_yours"
    if not receipt.at - SKEW <= at <= receipt.at + LIFETIME:
        return None, "media_expired"
    return receipt.sha256, None
