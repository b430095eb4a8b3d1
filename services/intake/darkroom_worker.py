"""The process in which photos are decoded: it has Pillow loaded, forks once for each photo, and limits the child.

Started by `darkroom`, which hands it a listening socket; it ends when its standard input
does, that is, with the service. A connection brings one photo and takes back one line of JSON and the new bytes.
"""

import contextlib
import io
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from services.intake.darkroom_picture import decoded, in_srgb, small_greys, upright
from services.intake.photo import LARGEST_BYTES, MOST_MEMORY, MOST_PIXELS, look_at
from services.intake.photo_likeness import likeness_of
from services.intake.photo_parts import split
from services.intake.photo_point import point_of

MOST_SPACE = MOST_MEMORY + 5 * LARGEST_BYTES
"""Of a child's own data: the pixels, the photo as it came, was taken apart and is sent back, and what Pillow needs."""
MOST_SECONDS, MOST_WAITED = 6, 25
"""Of work, and by the clock: a machine that is busy with other things must not cost a good photo."""
UNDECODABLE = (
    OSError, ValueError, SyntaxError, MemoryError, Warning, Image.DecompressionBombError, KeyError, TypeError,
    IndexError, EOFError, OverflowError, AttributeError, struct.error, zlib.error,
)  # fmt: skip
_MODES = {"JPEG": ("L", "RGB"), "PNG": ("L", "LA", "RGB", "RGBA"), "WEBP": ("RGB", "RGBA")}
_SAVE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85},
    "PNG": {"compress_level": 4},
    "WEBP": {"quality": 82, "method": 2},
}


def develop(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Decodes the whole photo, turns it upright, in sRGB and bounded in size, and encodes it without metadata.

    The first value holds width, height, `likeness` and `inner` (see `photo_likeness`) and `evidence` (what EXIF says of
    time and position, and `lon` and `lat` where it says so in a form that can be read). Metadata that cannot be read
    counts as absent; a picture that cannot be decoded raises what Pillow raises.
    """
    header = look_at(data)
    if isinstance(header, str):
        raise ValueError(header)
    parts = split(data, header.format)
    evidence, turned = _said(parts.exif)
    picture = upright(in_srgb(decoded(parts.picture, header), parts.icc), turned or parts.turned)
    if picture.mode not in _MODES[header.format]:
        picture = picture.convert("RGBA" if "A" in picture.mode and header.format != "JPEG" else "RGB")
    picture.info = {}
    out = io.BytesIO()
    picture.save(out, header.format, **_SAVE[header.format])
    likeness, inner = map(likeness_of, small_greys(picture))
    told = {
        "width": picture.width,
        "height": picture.height,
        "evidence": evidence,
        "likeness": likeness,
        "inner": inner,
    }
    return told, out.getvalue()


def _said(block: bytes) -> tuple[dict[str, Any], int | None]:
    """What EXIF says that can be read: the evidence, and the orientation, 1 to 8."""
    exif = Image.Exif()
    said: dict[str, Any] = {}
    with contextlib.suppress(*UNDECODABLE):
        exif.load(block)
    with contextlib.suppress(*UNDECODABLE):
        taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
        said |= {"taken": str(taken)[:40]} if taken else {}
    with contextlib.suppress(*UNDECODABLE):
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        position = {ExifTags.GPSTAGS.get(tag, str(tag)): str(value)[:100] for tag, value in gps.items()}
        said |= {"position": position} if position else {}
        point = point_of(gps)
        said |= {"lon": point[0], "lat": point[1]} if point else {}
    turned = None
    with contextlib.suppress(*UNDECODABLE):
        turned = exif.get(ExifTags.Base.Orientation)
    return said, turned if isinstance(turned, int) and 1 <= turned <= 8 else None


def _limit() -> None:
    """Bounds what this process may do. The space is counted from what it has of its parent's."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[5]) if sys.platform == "linux" else 0
    space = pages * resource.getpagesize() + MOST_SPACE
    for limit, most in (
        (resource.RLIMIT_DATA, space), (resource.RLIMIT_CPU, MOST_SECONDS), (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(limit, (most, most))
    signal.alarm(MOST_WAITED)  # ends a child that waits for ever


def _answer(connection: socket.socket) -> None:
    _limit()
    with connection, connection.makefile("rwb") as stream:
        data = stream.read(int.from_bytes(stream.read(4), "big"))
        try:
            told, photo = develop(data)
        except UNDECODABLE as why:
            told, photo = {"refused": type(why).__name__}, b""
        stream.write(json.dumps({**told, "bytes": len(photo)}).encode() + b"\n" + photo)


def main(listening: socket.socket) -> None:
    """Serves until standard input ends."""
    warnings.simplefilter("ignore")  # what Pillow finds odd about metadata is no reason to refuse a picture
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    Image.init()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the children
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is the service's business
    while True:
        ready, _, _ = select.select([listening, sys.stdin.fileno()], [], [])
        if sys.stdin.fileno() in ready:
            return
        connection, _ = listening.accept()
        if os.fork() == 0:
            try:
                listening.close()
                _answer(connection)
            finally:
                os._exit(0)
        connection.close()


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
