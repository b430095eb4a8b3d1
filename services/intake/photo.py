"""What a photo says about itself before anything decodes it: format, size, frames and memory, from its first bytes."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from services.intake.photo_walk import TooLong, jpeg_segments, png_chunks, webp_chunks

LARGEST_BYTES = 10_000_000
MOST_KEPT = 13_000_000
"""A larger photo is kept with about this many pixels."""
MOST_PIXELS = 4 * MOST_KEPT
"""Room for every camera of "50 megapixels"; a JPEG of this size is decoded at half its width and height."""
LONGEST_SIDE = 16_000
MOST_STEPS = 1_000
"""Segments before the size, or the frames, are known: phones write some dozens. It bounds what the event loop does."""
MOST_MEMORY = 216_000_000
"""Of pixels and coefficients, for one photo at its peak; the darkroom's process gets little more."""
SMALL_MEMORY = 42_000_000
"""What takes no more than this never waits for larger photos."""
DECODED_AT_MOST = 2 * MOST_KEPT
"""Pixels of a JPEG as decoded, at full size or at a half, a quarter or an eighth of its width and height."""
Format = Literal["JPEG", "PNG", "WEBP"]
Refused = Literal[
    "not_an_image", "image_cut_off", "too_many_pixels", "side_too_long", "more_than_one_frame", "header_too_long"
]  # fmt: skip
MEDIA_TYPES: dict[Format, str] = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_SIZES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_WEBP_BYTES = 16.0
"""For a pixel: two canvases of libwebp, its answer, and the picture."""
_ANIMATED = 0x02


@dataclass(frozen=True, slots=True)
class Header:
    """Format by magic bytes, and the size in pixels that the header claims.

    `held`: bytes for each pixel of the file that decoding holds beside the picture as it is decoded.
    """

    format: Format
    width: int
    height: int
    frames: bool = False
    held: float = field(default=0.0, compare=False)

    @property
    def scale(self) -> int:
        """By what a JPEG's width and height are divided while it is decoded: 1, 2, 4 or 8. Others are decoded whole."""
        pixels = self.width * self.height
        small_enough = (scale for scale in (1, 2, 4) if pixels / scale**2 <= DECODED_AT_MOST)
        return next(small_enough, 8) if self.format == "JPEG" else 1

    @property
    def memory(self) -> int:
        """What decoding takes at its peak, in bytes: what it holds, the picture, and the picture as it is kept."""
        pixels = self.width * self.height
        decoded = pixels / self.scale**2
        kept = 4 * min(MOST_KEPT, pixels)
        held = pixels * self.held + (4 * decoded if self.format == "JPEG" else 0)
        return int(max(held + (kept if decoded > MOST_KEPT else 0), 2 * kept))

    @property
    def in_strips(self) -> bool:
        """Whether it is a PNG that is decoded in strips."""
        return self.format == "PNG" and not self.held


def format_of(data: bytes) -> Format | None:
    """The format by magic bytes alone; what the client calls it does not matter."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def look_at(data: bytes) -> Header | Refused:
    """The header if a darkroom may take the photo, else why not. Takes at most `MOST_STEPS` steps."""
    kind = format_of(data)
    if kind is None:
        return "not_an_image"
    try:
        header = _READERS[kind](data)
    except TooLong:
        return "header_too_long"
    except (IndexError, struct.error):
        return "image_cut_off"
    return header if isinstance(header, str) else _within_bounds(header)


def _within_bounds(header: Header) -> Header | Refused:
    if not header.width or not header.height:
        return "not_an_image"
    if max(header.width, header.height) > LONGEST_SIDE:
        return "side_too_long"
    if header.width * header.height > MOST_PIXELS or header.memory > MOST_MEMORY:
        return "too_many_pixels"
    return "more_than_one_frame" if header.frames else header


def _jpeg(data: bytes) -> Header | Refused:
    for marker, at, _ in jpeg_segments(data, MOST_STEPS):
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return Header("JPEG", width, height, held=_coefficients(data, at) if marker in _PROGRESSIVE else 0.0)
    return "not_an_image"


def _coefficients(data: bytes, at: int) -> float:
    """Bytes of a progressive JPEG's coefficients for each pixel, which are all held until its last scan."""
    sampling = [data[at + 11 + 3 * n] for n in range(data[at + 9])]
    blocks = [(byte >> 4) * (byte & 15) for byte in sampling]
    most = max((byte >> 4 for byte in sampling), default=0) * max((byte & 15 for byte in sampling), default=0)
    return 2 * sum(blocks) / most if most else 0.0


def _png(data: bytes) -> Header | Refused:
    if data[12:16] != b"IHDR":
        return "not_an_image" if len(data) >= 16 else "image_cut_off"
    width, height, depth, colour, interlaced = struct.unpack_from(">IIBB2xB", data, 16)
    frames = 1
    for kind, at, _ in png_chunks(data, MOST_STEPS):
        if kind == b"acTL":
            frames = struct.unpack_from(">I", data, at + 8)[0]
        if kind == b"IDAT":
            in_strips = depth == 8 and not interlaced and width * height > MOST_KEPT
            return Header("PNG", width, height, frames > 1, 0.0 if in_strips else _png_bytes(depth, colour))
    return "image_cut_off"


def _png_bytes(depth: int, colour: int) -> float:
    """Bytes for each pixel of a PNG in memory: one of grey or a palette, two of 16 bits of grey, four of colours."""
    return (2.0 if depth == 16 else 1.0) if colour == 0 else 1.0 if colour == 3 else 4.0


def _webp(data: bytes) -> Header | Refused:
    kind = data[12:16]
    if kind == b"VP8X":
        flags, width, width_high, height, height_high = struct.unpack_from("<B3xHBHB", data, 20)
        width, height = width + (width_high << 16) + 1, height + (height_high << 16) + 1
        return Header("WEBP", width, height, bool(flags & _ANIMATED) and _is_animated(data), _WEBP_BYTES)
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, held=_WEBP_BYTES)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF, held=_WEBP_BYTES)
    return "not_an_image"


def _is_animated(data: bytes) -> bool:
    frames = (kind for kind, _, _ in webp_chunks(data, MOST_STEPS) if kind == b"ANMF")
    return next(frames, None) is not None and next(frames, None) is not None


_READERS: dict[Format, Callable[[bytes], Header | Refused]] = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}
