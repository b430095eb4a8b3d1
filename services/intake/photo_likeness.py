"""A perceptual hash: 64 bits that change little when a photo is encoded anew, made smaller, brighter or a bit narrower.

The signs, against their median, of the 64 lowest frequencies of the picture's cosine transform. How far two hashes of
one photo lie apart was measured (`schemas/decisions/`, on evidence that is recognised).
"""

from math import cos, pi
from statistics import median

SIDE = 32
"""Pixels in a row and in a column of the small grey picture that is hashed."""
_LOW = 8
_FLATTEST = 12
"""Less contrast than this (of 255) is a blank: every blank would resemble every other."""
_WAVES = [[cos(pi * n * (2 * x + 1) / (2 * SIDE)) for x in range(SIDE)] for n in range(_LOW)]


def likeness_of(grey: bytes) -> int | None:
    """The hash of a picture as `SIDE` rows of `SIDE` grey pixels; None for a blank, which resembles nothing."""
    if max(grey) - min(grey) < _FLATTEST:
        return None
    rows = [grey[at : at + SIDE] for at in range(0, SIDE * SIDE, SIDE)]
    across = [[sum(map(float.__mul__, wave, map(float, row))) for wave in _WAVES] for row in rows]
    columns = list(zip(*across, strict=True))
    found = [sum(map(float.__mul__, wave, column)) for wave in _WAVES for column in columns]
    middle = median(found[1:])  # the first is the brightness, which says nothing
    return sum(1 << n for n, value in enumerate(found) if value > middle)
