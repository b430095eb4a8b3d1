"""Whether a handling counts: what is missing is refused; what is suspicious, or drawn to be looked at, is a finding.

A case with a finding waits for the centre instead of closing.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from chassis.plain_text import folded, visible_length
from schemas.coordinates import SYSTEMS, to_wgs84
from services.router.case import Case
from services.router.city import City
from services.router.commands import Handle
from services.router.media import alike, sha256_of
from services.router.same_problem import distance_m
from services.router.transitions import ALLOWED

SHORTEST_TEXT, MAX_TEXT, MAX_PHOTOS = 2, 2000, 9
_SHARES = 1_000_000


def needs(case: Case, city: City) -> dict[str, Any] | None:
    """What a handling of the case must have, to be announced before it comes; None while there can be none."""
    if Handle not in ALLOWED[case.state]:
        return None
    return {
        "after_photo": city.checking.needs_after_photo(case.category or ""),
        "photos": {"max": MAX_PHOTOS},
        "text": {"min": SHORTEST_TEXT, "max": MAX_TEXT},
    }


def missing(text: str, media: Sequence[str], photo_needed: bool) -> str | None:
    """The reason why this cannot count as a handling at all, or None."""
    if visible_length(text) < SHORTEST_TEXT:
        return "text_too_short"
    if photo_needed and not media:
        return "after_photo_missing"
    return None


def findings(case: Case, command: Handle, city: City) -> tuple[str, ...]:
    """Why a person should look: photo_from_before, photo_reused (in this case), photo_of_another_case,
    photo_far_away, text_reused; if it is nothing else, chosen_for_check by the city's policy."""
    found = tuple(_suspicious(case, command, city))
    if not found and is_drawn(case, city.checking.share(case.category or "")):
        return ("chosen_for_check",)
    return found


def is_drawn(case: Case, share: float) -> bool:
    """Whether this handling is one of the share that the centre checks: derived from case and generation."""
    digest = hashlib.sha256(f"{case.case_id}/{case.generation}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % _SHARES < share * _SHARES


def _suspicious(case: Case, command: Handle, city: City) -> Iterator[str]:
    before = {sha256_of(media_id) for media_id in case.media}
    if not before.isdisjoint(command.photos) or alike(command.media, case.media):
        yield "photo_from_before"
    if not set(case.shown).isdisjoint(command.photos) or alike(command.media, case.shown_media):
        yield "photo_reused"
    if command.photos_elsewhere:
        yield "photo_of_another_case"
    if any(_is_far(case, point, city.checking.photo_far_m) for point in command.points):
        yield "photo_far_away"
    if command.said_elsewhere or folded(command.text) in map(folded, case.said):
        yield "text_reused"


def _is_far(case: Case, point: tuple[float, float], far_m: float) -> bool:
    """Far in every coordinate system: EXIF names none, and cameras in this country write any of the three."""
    lon, lat = case.place.lon, case.place.lat
    if lon is None or lat is None:
        return False
    return all(distance_m(lon, lat, *to_wgs84(*point, system)) > far_m for system in SYSTEMS)
