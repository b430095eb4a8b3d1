"""A large PNG strip by strip: the decoder decodes pictures whole, so it is given one small picture after the other.

Each strip is a PNG of its own: the row before it, without a filter, and its rows as they stand in the file, whose
filters refer to that row. It works where a decoded row has the same bytes as in the file: 8 bits a sample, not
interlaced.
"""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from services.intake.photo_parts import MOST_STEPS
from services.intake.photo_walk import png_chunks

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_SLICE = 65_536


class PngRows:
    """The rows of one PNG without metadata, from the top to the bottom. Raises `ValueError` where it is cut off."""

    def __init__(self, picture: bytes) -> None:
        self.width, self.height, _, colour = struct.unpack_from(">IIBB", picture, 16)
        self._stride = self.width * _SAMPLES[colour]
        chunks = [(kind, picture[begin:end]) for kind, begin, end in png_chunks(picture, MOST_STEPS)]
        self._before = b"".join(chunk for kind, chunk in chunks if kind in (b"PLTE", b"tRNS"))
        self._head = chunks[0][1]
        self._inflating = _inflated(chunk[8:-4] for kind, chunk in chunks if kind == b"IDAT")
        self._ready = bytearray()
        self._last_row = bytes(self._stride)
        self._strip: Image.Image | None = None
        self._top = self._bottom = 0

    def rows(self, top: int, bottom: int) -> Image.Image:
        """The rows from `top` to before `bottom`; neither may be less than the last time."""
        more = self._decode(bottom - self._bottom) if bottom > self._bottom else None
        known = self._strip.crop((0, top - self._top, self.width, self._bottom - self._top)) if self._strip else None
        strip = _joined(known, more)
        self._strip, self._top, self._bottom = strip, top, bottom
        return strip.copy()

    def _decode(self, count: int) -> Image.Image:
        wanted = count * (1 + self._stride)
        while len(self._ready) < wanted:
            inflated = next(self._inflating, None)
            if inflated is None:
                raise ValueError("the picture ends too early")
            self._ready += inflated
        filtered = bytes(self._ready[:wanted])
        del self._ready[:wanted]
        with Image.open(io.BytesIO(self._png_of(count + 1, b"\0" + self._last_row + filtered))) as image:
            image.load()
            self._last_row = image.crop((0, count, self.width, count + 1)).tobytes()
            return image.crop((0, 1, self.width, count + 1))

    def _png_of(self, height: int, filtered: bytes) -> bytes:
        header = self._head[8:16][:4] + struct.pack(">I", height) + self._head[16:21]
        body = _chunk(b"IHDR", header) + self._before + _chunk(b"IDAT", zlib.compress(filtered, 0))
        return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


def _joined(above: Image.Image | None, below: Image.Image | None) -> Image.Image:
    if above is None or below is None:
        return above or below or Image.new("L", (0, 0))
    both = below.crop((0, -above.height, below.width, below.height))
    both.paste(above, (0, 0))
    both.info = below.info
    return both


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    for chunk in packed:
        for at in range(0, len(chunk), _SLICE):
            tail = chunk[at : at + _SLICE]
            while tail:
                yield inflater.decompress(tail, 16 * _SLICE)
                tail = inflater.unconsumed_tail


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
