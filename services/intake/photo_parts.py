"""A photo taken apart: the picture alone, and beside it what was written about it.

Metadata that cannot be read must not cost a good picture, so no decoder ever sees it: the picture goes to the decoder
without it, and each part of it is read on its own.
"""

import re
import zlib
from dataclasses import dataclass

from services.intake.photo import Format
from services.intake.photo_walk import END_OF_IMAGE, START_OF_SCAN, jpeg_segments, png_chunks, webp_chunks

MOST_STEPS = 1_000_000
"""More than ten megabytes hold of the smallest chunks."""
_DROPPED = frozenset({*range(0xE1, 0xF0), 0xFE} - {0xEE})
"""All that is not the picture; 0xEE says how Adobe's colours are meant."""
_EXIF = b"Exif\0\0"
_EXIF_SEGMENT, _XMP_SEGMENT = (0xE1, _EXIF), (0xE1, b"http://ns.adobe.com/xap/1.0/\0")
_ICC_SEGMENT = (0xE2, b"ICC_PROFILE\0")
_PNG_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_WEBP_PICTURE = frozenset({b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"})
_WEBP_METADATA_FLAGS = 0x20 | 0x08 | 0x04
_TURNED = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


@dataclass(frozen=True, slots=True)
class Parts:
    """`picture`: the file without metadata. `exif`: a TIFF block, `icc`: a colour profile, empty if there is none.

    `turned`: the orientation, 1 to 8, that XMP gives; 1 without.
    """

    picture: bytes
    exif: bytes = b""
    icc: bytes = b""
    turned: int = 1


def split(data: bytes, kind: Format) -> Parts:
    """The parts of a photo whose header was looked at before. Raises `TooLong`, `IndexError` and `struct.error`."""
    return {"JPEG": _of_jpeg, "PNG": _of_png, "WEBP": _of_webp}[kind](data)


def _of_jpeg(data: bytes) -> Parts:
    kept = [data[:2]]
    said: dict[tuple[int, bytes], list[bytes]] = {_EXIF_SEGMENT: [], _XMP_SEGMENT: [], _ICC_SEGMENT: []}
    for marker, begin, end in jpeg_segments(data, MOST_STEPS):
        if marker in (START_OF_SCAN, END_OF_IMAGE):
            kept.append(data[begin:])
        elif marker not in _DROPPED and _is_whole(data, marker, begin, end):
            kept.append(data[begin:end])
        for segment, parts in said.items():
            if marker == segment[0] and data.startswith(segment[1], begin + 4):
                parts.append(data[begin + 4 + len(segment[1]) : end])
    exif, xmp = b"".join(said[_EXIF_SEGMENT]), b"".join(said[_XMP_SEGMENT])
    icc = b"".join(part[2:] for part in said[_ICC_SEGMENT])  # each begins with its number and how many there are
    return Parts(b"".join(kept), exif, icc, _turned(xmp))


def _is_whole(data: bytes, marker: int, begin: int, end: int) -> bool:
    """Whether a segment is not a JFIF head that is cut off, which Pillow cannot bear."""
    return marker != 0xE0 or (end - begin >= 18 and data.startswith(b"JFIF\0", begin + 4))


def _of_png(data: bytes) -> Parts:
    kept, said = [data[:8]], {b"eXIf": b"", b"iCCP": b"", b"iTXt": b""}
    for kind, begin, end in png_chunks(data, MOST_STEPS):
        if kind in _PNG_PICTURE:
            kept.append(data[begin:end])
        elif kind in said:
            said[kind] = data[begin + 8 : end - 4]
        if kind == b"IEND":
            break
    return Parts(b"".join(kept), said[b"eXIf"], _inflated(said[b"iCCP"]), _turned(said[b"iTXt"]))


def _of_webp(data: bytes) -> Parts:
    kept, said = [b"WEBP"], {b"EXIF": b"", b"ICCP": b"", b"XMP ": b""}
    for kind, begin, end in webp_chunks(data, MOST_STEPS):
        if kind == b"VP8X":
            flags = data[begin + 8] & ~_WEBP_METADATA_FLAGS
            kept.append(data[begin : begin + 8] + bytes([flags]) + data[begin + 9 : end])
        elif kind in _WEBP_PICTURE:
            kept.append(data[begin:end])
        elif kind in said:
            said[kind] = data[begin + 8 : end]
    body = b"".join(kept)
    exif = said[b"EXIF"].removeprefix(_EXIF)
    return Parts(b"RIFF" + len(body).to_bytes(4, "little") + body, exif, said[b"ICCP"], _turned(said[b"XMP "]))


def _inflated(profile: bytes) -> bytes:
    """The profile of an `iCCP` chunk, which stands compressed behind a name; empty if it is broken or huge."""
    inflater = zlib.decompressobj()
    try:
        return inflater.decompress(profile.partition(b"\0")[2][1:], 4_000_000)
    except zlib.error:
        return b""


def _turned(xmp: bytes) -> int:
    found = _TURNED.search(xmp)
    return int(found[1]) if found else 1
