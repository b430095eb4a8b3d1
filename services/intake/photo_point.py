"""Where a photo says it was taken: EXIF's degrees, minutes and seconds as one point (WGS-84, lon before lat)."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

_LAT_REF, _LAT, _LON_REF, _LON = 1, 2, 3, 4
_SIGNS = {"N": 1, "S": -1, "E": 1, "W": -1}


def point_of(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    """The point in the GPS part of an EXIF block, by tag number; None unless it is whole and on this earth.

    0, 0 is what a phone without a fix writes, and the sea.
    """
    lon, lat = _degrees(gps.get(_LON), gps.get(_LON_REF), "EW"), _degrees(gps.get(_LAT), gps.get(_LAT_REF), "NS")
    if lon is None or lat is None or (lon, lat) == (0, 0):
        return None
    return (round(lon, 7), round(lat, 7)) if abs(lon) <= 180 and abs(lat) <= 90 else None


def _degrees(parts: Any, ref: Any, refs: str) -> float | None:
    letter = ref.strip(" \0").upper() if isinstance(ref, str) else ""
    if letter not in tuple(refs) or not isinstance(parts, tuple):
        return None
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):  # the file may hold anything under these tags
        return None
    if not isfinite(degrees) or degrees < 0 or not (0 <= minutes <= 60 and 0 <= seconds <= 60):
        return None
    return _SIGNS[letter] * (degrees + minutes / 60 + seconds / 3600)
