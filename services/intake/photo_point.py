"""Where a photo says it was taken: EXIF's position, in whatever notation it is written, as one point (lon before lat).

EXIF asks for three fractions, degrees, minutes and seconds. Cameras and editors also write degrees and decimal minutes,
decimal degrees, a fraction 0/0 for what they leave out, a negative number beside S or W, and text.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

_LAT_REF, _LAT, _LON_REF, _LON = 1, 2, 3, 4
_SIGNS = {"N": 1, "S": -1, "E": 1, "W": -1}
_LONGEST_TEXT = 100
_NUMBER = re.compile(r"-?\d{1,10}(?:\.\d{1,20})?")
_BETWEEN = re.compile(r"[\s,;:°º\u2032\u2033'\"dDmM]*")
"""What may stand beside and between the numbers of a text, apart from the letter of the direction."""


def point_of(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    """The point in the GPS part of an EXIF block, by tag number; None unless it is whole and on this earth.

    0, 0 is what a phone without a fix writes, and the sea.
    """
    lon, lat = _degrees(gps.get(_LON), gps.get(_LON_REF), "EW"), _degrees(gps.get(_LAT), gps.get(_LAT_REF), "NS")
    if lon is None or lat is None or (lon, lat) == (0, 0):
        return None
    return (round(lon, 7), round(lat, 7)) if abs(lon) <= 180 and abs(lat) <= 90 else None


def _degrees(value: Any, ref: Any, refs: str) -> float | None:
    letter = _text(ref).strip(" \0").upper()
    text = _text(value).strip(" \0")
    if text and text[-1].upper() in refs:
        letter, text = text[-1].upper() if letter in ("", text[-1].upper()) else "", text[:-1]
    parts = _numbers_in(text) if text else value if isinstance(value, tuple) else (value,)
    numbers = _numbers(parts) if letter in tuple(refs) and 1 <= len(parts) <= 3 else None
    if numbers is None or (numbers[0] < 0) > (_SIGNS[letter] < 0):
        return None
    degrees, minutes, seconds = numbers
    if not (isfinite(degrees) and 0 <= minutes <= 60 and 0 <= seconds <= 60):
        return None
    return _SIGNS[letter] * (abs(degrees) + minutes / 60 + seconds / 3600)


def _numbers(parts: tuple[Any, ...]) -> tuple[float, float, float] | None:
    """Degrees, minutes and seconds; what is left out after the degrees is nought."""
    try:
        degrees, *rest = (float(part) for part in (parts[0], *(part for part in parts[1:] if not _is_left_out(part))))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):  # the file may hold anything under these tags
        return None
    minutes, seconds = [*rest, 0.0, 0.0][:2]
    return degrees, minutes, seconds


def _is_left_out(part: Any) -> bool:
    return (getattr(part, "numerator", 1), getattr(part, "denominator", 1)) == (0, 0)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


def _numbers_in(text: str) -> tuple[str, ...]:
    """The numbers of a text, none if anything else stands in it."""
    return () if _BETWEEN.sub("", _NUMBER.sub("", text)) else tuple(_NUMBER.findall(text))
