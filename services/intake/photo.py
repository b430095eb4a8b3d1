"""What a photo says about itself before anything decodes it: format, size, frames, read from its first bytes."""

import struct
from dataclasses import dataclass
from typing import Literal

LARGEST_BYTES = 10_000_000
MOST_PIXELS = 50_000_000
LONGEST_SIDE = 16_000
Format = Literal["JPEG", "PNG", "WEBP"]
Refused = Literal["not_an_image", "image_cut_off", "too_many_pixels", "side_too_long", "more_than_one_frame"]
MEDIA_TYPES: dict[Format, str] = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_SIZES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_ENDS = frozenset({0xD9, 0xDA})
_BARE = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class Header:
    """Format by magic bytes, and the size in pixels that the header claims."""

    format: Format
    width: int
    height: int
    frames: bool = False


def format_of(data: bytes) -> Format | None:
    """The format by magic bytes alone; what the client calls it does not matter."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    return "WEBP" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def look_at(data: bytes) -> Header | Refused:
    """The header if a darkroom may take the photo, else why not."""
    kind = format_of(data)
    if kind is None:
        return "not_an_image"
    try:
        header = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}[kind](data)
    except (IndexError, struct.error):
        return "image_cut_off"
    return header if isinstance(header, str) else _within_bounds(header)


def _within_bounds(header: Header) -> Header | Refused:
    if not header.width or not header.height:
        return "not_an_image"
    if max(header.width, header.height) > LONGEST_SIDE:
        return "side_too_long"
    if header.width * header.height > MOST_PIXELS:
        return "too_many_pixels"
    return "more_than_one_frame" if header.frames else header


def _jpeg(data: bytes) -> Header | Refused:
    at = 2
    while data[at] == 0xFF and (marker := data[at + 1]) not in _ENDS:
        if marker in _SIZES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return Header("JPEG", width, height)
        at += 1 if marker == 0xFF else 2 if marker in _BARE else 2 + struct.unpack_from(">H", data, at + 2)[0]
    return "not_an_image"


def _png(data: bytes) -> Header | Refused:
    if data[12:16] != b"IHDR":
        return "not_an_image" if len(data) >= 16 else "image_cut_off"
    width, height = struct.unpack_from(">II", data, 16)
    at = 8
    while (kind := data[at + 4 : at + 8]) not in (b"IDAT", b"acTL"):
        at += 12 + struct.unpack_from(">I", data, at)[0]
    return Header("PNG", width, height, frames=kind == b"acTL")


def _webp(data: bytes) -> Header | Refused:
    kind = data[12:16]
    if kind == b"VP8X":
        flags, width, width_high, height, height_high = struct.unpack_from("<B3xHBHB", data, 20)
        width, height = width + (width_high << 16) + 1, height + (height_high << 16) + 1
        return Header("WEBP", width, height, frames=bool(flags & 0x02))
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Header("WEBP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
    return "not_an_image"
