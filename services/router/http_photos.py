"""Photos that a platform cites: each receipt proves by itself whose it is; what is wrong with which is told."""

from datetime import timedelta

from chassis import receipts
from chassis.http.problems import FieldError, Problem
from services.router.act import Door

_CLOCKS_DIFFER = timedelta(minutes=5)


def cited(door: Door, platform: str, media: list[str], path: str) -> list[receipts.Receipt]:
    """What each receipt says; a `Problem` names each that is forged, not the platform's own, or too old."""
    errors, found = [], []
    for n, media_id in enumerate(media):
        try:
            receipt = receipts.read(door.receipt_key, media_id)
        except receipts.Forged:
            errors.append(
                FieldError(
                    f"{path}media[{n}]", "media_unknown", "This is not a `media_id` that `POST /v1/media` has given."
                )
            )
            continue
        found.append(receipt)
        if not receipt.is_held_by(platform):
            errors.append(FieldError(f"{path}media[{n}]", "media_not_yours", "Somebody else sent this photo."))
        elif not -_CLOCKS_DIFFER <= door.now() - receipt.at <= door.city.checking.receipt_lifetime:
            errors.append(FieldError(f"{path}media[{n}]", "media_too_old", "Send the photo again."))
    if errors:
        raise Problem(422, errors[0].reason, "A photo cannot be cited: `errors` says which and why.", errors=errors)
    return found
