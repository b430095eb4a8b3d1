"""Photos that a report cites: the receipt proves by itself whose they are; no look-up is needed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from chassis.receipts import Forged, read
from schemas.reports import Photo
from services.intake.claim import Fault, named

Uncitable = Literal["media_forged", "media_not_yours", "media_expired"]


def cite(key: bytes, media_id: str, app: str, at: datetime, lifetime: timedelta) -> Photo | Uncitable:
    """The photo behind `media_id` if `app` was given it less than `lifetime` ago."""
    try:
        receipt = read(key, media_id)
    except Forged:
        return "media_forged"
    if not receipt.is_held_by(app):
        return "media_not_yours"
    return "media_expired" if at - receipt.at > lifetime else Photo(media_id=media_id, sha256=receipt.sha256)


def cite_all(
    key: bytes, media_ids: Sequence[str], app: str, at: datetime, lifetime: timedelta
) -> tuple[tuple[Photo, ...], list[Fault]]:
    """`cite` for each, in order, and a fault for each that cannot be cited or stands there twice."""
    cited = [cite(key, media_id, app, at, lifetime) for media_id in media_ids]
    twice = sorted(media_ids.index(m) for m in {m for m in media_ids if media_ids.count(m) > 1})
    faults = [named(f"media.{place}", "media_twice") for place in twice]
    faults += [named(f"media.{place}", why) for place, why in enumerate(cited) if isinstance(why, str)]
    return tuple(photo for photo in cited if isinstance(photo, Photo)), faults
