"""From a photo's bytes to the picture that is kept: bounded in size, in colours that everybody shows, upright."""

import contextlib
import io
from collections.abc import Callable
from math import ceil

from PIL import Image, ImageCms

from services.intake.photo import DECODED_AT_MOST, MOST_KEPT, Header
from services.intake.photo_likeness import SIDE, TRIMMED
from services.intake.photo_rows import PngRows

_STRIP = 64
"""Rows of the kept picture that are made at a time."""
_MARGIN = 2
"""Rows of the larger picture, for each that is divided by, that a strip's edges need of its neighbours."""
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
UNREADABLE_PROFILE = (ImageCms.PyCMSError, OSError, ValueError, TypeError)
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
Rows = Callable[[int, int], Image.Image]
"""The rows from one to before another, of the whole width. Asked for from the top to the bottom."""


def decoded(picture: bytes, header: Header) -> Image.Image:
    """The picture in mode L, LA, RGB, RGBA or CMYK, of at most `MOST_KEPT` pixels. Raises what Pillow raises.

    What is larger is decoded at a half, a quarter or an eighth of its width and height (JPEG), and then made smaller in
    strips, so that it never stands in memory twice.
    """
    if header.in_strips:
        large = PngRows(picture)
        return smaller((large.width, large.height), lambda top, bottom: _plain(large.rows(top, bottom)))
    with Image.open(io.BytesIO(picture), formats=(header.format,)) as photo:
        if photo.size != (header.width, header.height):
            raise ValueError("the file has two sizes")
        if header.scale > 1:
            photo.draft(None, (photo.width // header.scale, photo.height // header.scale))
        if photo.width * photo.height > DECODED_AT_MOST and header.format == "JPEG":
            raise ValueError("the decoder did not make it smaller")
        photo.load()
        return smaller(photo.size, lambda top, bottom: _plain(photo.crop((0, top, photo.width, bottom))))


def smaller(size: tuple[int, int], rows: Rows) -> Image.Image:
    """The picture of which `rows` gives the rows, with at most `MOST_KEPT` pixels."""
    width, height = size
    if width * height <= MOST_KEPT:
        return rows(0, height)
    by = (width * height / MOST_KEPT) ** 0.5
    kept = Image.new("L", (0, 0))
    wide, high = max(1, int(width / by)), max(1, int(height / by))
    for top in range(0, high, _STRIP):
        bottom = min(high, top + _STRIP)
        first, last = top * height / high, bottom * height / high
        begin, end = max(0, int(first - _MARGIN * by)), min(height, ceil(last + _MARGIN * by))
        strip = rows(begin, end)
        box = (0, first - begin, width, last - begin)
        if not kept.size[0]:
            kept = Image.new(strip.mode, (wide, high))
        kept.paste(strip.resize((wide, bottom - top), Image.Resampling.HAMMING, box), (0, top))
    return kept


def in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """The picture in sRGB, or in grey, if its colours were meant by a profile; a profile that is broken is ignored."""
    if profile:
        with contextlib.suppress(*UNREADABLE_PROFILE):  # else it is shown as if it were sRGB, as every viewer does
            image = _converted(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    return image.convert("RGB") if image.mode == "CMYK" else image


def upright(image: Image.Image, turned: int) -> Image.Image:
    """The picture as it was seen: `turned` is EXIF's orientation, 1 to 8."""
    return image.transpose(_TO_UPRIGHT[turned]) if turned in _TO_UPRIGHT else image


def small_greys(image: Image.Image) -> tuple[bytes, bytes]:
    """The whole picture and its inner part, each as `SIDE` rows of `SIDE` grey pixels."""
    grey, (wide, high) = image.convert("L"), image.size
    inner = (wide * TRIMMED, high * TRIMMED, wide * (1 - TRIMMED), high * (1 - TRIMMED))
    boxes = ((0, 0, wide, high), inner)
    whole, part = (grey.resize((SIDE, SIDE), Image.Resampling.BOX, box).tobytes() for box in boxes)
    return whole, part


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    if (ImageCms.getProfileDescription(profile) or "").startswith("sRGB"):
        return image
    if image.mode == "LA":
        grey, alpha = image.split()
        return Image.merge("LA", (_converted(grey, profile), alpha))
    if image.mode in ("RGB", "RGBA"):
        ImageCms.profileToProfile(image, profile, _SRGB, inPlace=True)
        return image
    converted = ImageCms.profileToProfile(image, profile, _SRGB, outputMode="RGB")
    if converted is None:
        raise ValueError("nothing was converted")
    return converted.convert("L") if image.mode == "L" else converted


def _plain(image: Image.Image) -> Image.Image:
    """The same picture in a mode that can be scaled and saved."""
    if image.mode.startswith("I"):  # 16 bits of grey
        return image.point(lambda value: value * (1 / 257)).convert("L")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
