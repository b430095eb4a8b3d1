"""A perceptual hash: 63 bits that change little when a photo is encoded anew, made smaller, brighter or a bit narrower.

The bits are the signs of the lowest frequencies of the picture's cosine transform. A picture that is turned or mirrored
has the same frequencies, some of them with the other sign or with rows and columns exchanged. Its hash therefore
follows from the hash of the upright picture, and a comparison can try all eight orientations. How far two hashes of one
photo lie apart was measured (`schemas/decisions/`, on evidence that is recognised).

Versions before 2026-12 compared the frequencies with their median instead of zero. The lowest bit tells the two apart:
it stands for the brightness, which is above the median in every picture, so it is 1 in their hashes and 0 in these.
"""

from math import cos, pi

SIDE = 32
"""Pixels in a row and in a column of the small grey picture that is hashed."""
TRIMMED = 0.035
"""Of the width and height, what the inner part of a picture lacks on each side: a photo that is cropped by about as
much resembles it more than the whole."""
_LOW = 8
_FLATTEST = 12
"""Less contrast than this (of 255) is a blank: every blank would resemble every other."""
_WAVES = [[round(cos(pi * n * (2 * x + 1) / (2 * SIDE)) * 65_536) for x in range(SIDE)] for n in range(_LOW)]
"""Whole numbers, so that a mirrored picture has exactly the opposite sums: no rounding decides a sign."""


def likeness_of(grey: bytes) -> int | None:
    """The hash of a picture as `SIDE` rows of `SIDE` grey pixels; None for a blank, which resembles nothing.

    Bit 8 u + v is set if the frequency with u half waves downwards and v half waves across is positive; bit 0 is not.
    """
    if max(grey) - min(grey) < _FLATTEST:
        return None
    rows = [grey[at : at + SIDE] for at in range(0, SIDE * SIDE, SIDE)]
    across = [[sum(map(int.__mul__, wave, row)) for wave in _WAVES] for row in rows]
    columns = list(zip(*across, strict=True))
    found = [sum(map(int.__mul__, wave, column)) for wave in _WAVES for column in columns]
    return sum(1 << n for n, value in enumerate(found) if n and value > 0)
