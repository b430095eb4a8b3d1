"""The process in which photos are decoded: it has Pillow loaded, forks once for each photo, and limits the child.

Started by `darkroom`, which hands it a listening socket; it ends when its standard input
does, that is, with the service. A connection brings one photo and takes back one line of JSON and the new bytes.
"""

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
from typing import Any

from PIL import ExifTags, Image, ImageOps

from services.intake.photo_point import point_of

MOST_MEMORY = 1_200_000_000
MOST_SECONDS = 5
UNDECODABLE = (
    OSError, ValueError, SyntaxError, MemoryError, Warning, Image.DecompressionBombError, KeyError, TypeError,
    IndexError, EOFError, OverflowError, struct.error, zlib.error,
)  # fmt: skip
_MODES = {"JPEG": ("L", "RGB"), "PNG": ("L", "LA", "RGB", "RGBA"), "WEBP": ("RGB", "RGBA")}
_SAVE: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85},
    "PNG": {"compress_level": 4},
    "WEBP": {"quality": 82, "method": 2},
}


def develop(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Decodes the whole photo, turns it upright and encodes it anew without metadata.

    The first value holds width, height and `evidence` (what EXIF says of time and position, and `lon` and `lat` where
    it says so in a form that can be read). What cannot be decoded raises what Pillow raises.
    """
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as photo:
        form = "JPEG" if photo.format == "MPO" else str(photo.format)
        evidence = _evidence(photo)
        photo.load()
        upright = ImageOps.exif_transpose(photo)
    if upright.mode not in _MODES[form]:
        upright = upright.convert("RGBA" if upright.has_transparency_data and form != "JPEG" else "RGB")
    upright.info = {}
    out = io.BytesIO()
    upright.save(out, form, **_SAVE[form])
    return {"width": upright.width, "height": upright.height, "evidence": evidence}, out.getvalue()


def _evidence(photo: Image.Image) -> dict[str, Any]:
    exif = photo.getexif()
    taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    position = {ExifTags.GPSTAGS.get(tag, str(tag)): str(value)[:100] for tag, value in gps.items()}
    said = {name: value for name, value in (("taken", taken and str(taken)[:40]), ("position", position)) if value}
    point = point_of(gps)
    return said | {"lon": point[0], "lat": point[1]} if point else said


def _answer(connection: socket.socket) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(MOST_SECONDS + 1)  # ends a child that waits for ever
    with connection, connection.makefile("rwb") as stream:
        data = stream.read(int.from_bytes(stream.read(4), "big"))
        try:
            told, photo = develop(data)
        except UNDECODABLE as why:
            told, photo = {"refused": type(why).__name__}, b""
        stream.write(json.dumps({**told, "bytes": len(photo)}).encode() + b"\n" + photo)


def main(listening: socket.socket) -> None:
    """Serves until standard input ends."""
    warnings.simplefilter("error")
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
