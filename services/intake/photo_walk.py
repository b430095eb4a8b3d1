"""The containers of photos: the segments of a JPEG, the chunks of a PNG or a WebP, each walked once from the front."""

import re
import struct
from collections.abc import Iterator

_FILL = re.compile(rb"\xff*")
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
_ENDS = frozenset({START_OF_SCAN, END_OF_IMAGE})
Segment = tuple[int, int, int]
"""Marker, where the segment begins (at the byte 0xFF before its marker), and where it ends."""
Chunk = tuple[bytes, int, int]
"""Kind in four bytes, where the chunk begins (with its own head), and where it ends."""


class TooLong(ValueError):
    """More segments than a walk may take."""


def jpeg_segments(data: bytes, most: int) -> Iterator[Segment]:
    """The segments of a JPEG up to its first scan or its end, which is the last one given.

    Ends early where no marker stands. Raises `TooLong` after `most` segments, and `IndexError` or `struct.error` where
    the data is cut off. Fill bytes before a marker cost no step: they are skipped by one search.
    """
    at = 2
    for _ in range(most):
        if data[at] != 0xFF:
            return
        found = _FILL.match(data, at)
        at = found.end() - 1 if found else at
        marker = data[at + 1]
        end = at + 2 if marker in _BARE or marker in _ENDS else at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        yield marker, at, end
        if marker in _ENDS:
            return
        at = end
    raise TooLong


def png_chunks(data: bytes, most: int) -> Iterator[Chunk]:
    """The chunks of a PNG, up to where the data ends. Raises `TooLong` after `most`, `struct.error` where it is cut."""
    at = 8
    for _ in range(most):
        if at == len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at, at + 12 + size
        at += 12 + size
    raise TooLong


def webp_chunks(data: bytes, most: int) -> Iterator[Chunk]:
    """The chunks of a WebP, up to where the data ends. Raises `TooLong` after `most`."""
    at = 12
    for _ in range(most):
        if at + 8 > len(data):
            return
        kind, size = struct.unpack_from("<4sI", data, at)
        yield kind, at, at + 8 + size + size % 2
        at += 8 + size + size % 2
    raise TooLong
