"""Real JPEG photos of things that are wrong in the street, drawn, with the EXIF of a phone. Seeded."""

import functools
import io
import random

from PIL import Image, ImageDraw, ImageFilter

SIZES = ((800, 600), (600, 800), (768, 576))
_EXIF_GPS, _EXIF_MADE, _EXIF_TIME = 0x8825, 0x010F, 0x0132


@functools.cache
def photo(seed: int, lon: float = 112.5526, lat: float = 37.8553) -> bytes:
    """A JPEG of 40 to 100 kB, the same for the same seed; `lon` and `lat` (WGS-84) stand in its EXIF."""
    return _taken(_street(seed), lon, lat)


def photo_of(seed: int, sign: str, lon: float, lat: float) -> bytes:
    """The same street with somebody who holds up a `sign` (ASCII): another photo for every sign."""
    image = _street(seed).copy()
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 60 + 7 * len(sign), 60), fill=(250, 250, 240))
    draw.text((30, 30), sign, fill=(20, 20, 20))
    return _taken(image, lon, lat)


def _taken(image: Image.Image, lon: float, lat: float) -> bytes:
    exif = Image.Exif()
    exif[_EXIF_MADE] = "stand-in phone"
    exif[_EXIF_TIME] = "2026:11:24 08:30:00"
    gps = exif.get_ifd(_EXIF_GPS)
    gps.update({1: "N", 2: _degrees(lat), 3: "E", 4: _degrees(lon)})
    made = io.BytesIO()
    image.save(made, "JPEG", quality=82, exif=exif)
    return made.getvalue()


@functools.cache
def _street(seed: int) -> Image.Image:
    chance = random.Random(seed)
    width, height = chance.choice(SIZES)
    grey = chance.randint(90, 140)
    noise = Image.effect_noise((width // 4, height // 4), 40).resize((width, height))
    image = Image.merge("RGB", [noise.point(lambda v, g=grey + n: (v + g) // 2) for n in (0, 3, 8)])
    draw = ImageDraw.Draw(image)
    horizon = height // 3
    draw.rectangle((0, 0, width, horizon), fill=(150 + chance.randint(0, 60), 180, 215))
    for _ in range(6):
        x, tall = chance.randint(0, width), chance.randint(horizon // 3, horizon)
        draw.rectangle((x, horizon - tall, x + width // 7, horizon), fill=tuple(chance.randint(80, 180) for _ in "rgb"))
    for _ in range(chance.randint(3, 9)):  # what is wrong: holes, heaps, spills
        x, y, size = chance.randint(0, width), chance.randint(horizon, height), chance.randint(20, 120)
        colour = tuple(chance.randint(0, 120) for _ in "rgb")
        draw.ellipse((x, y, x + size, y + size // 2), fill=colour, outline=(30, 30, 30), width=3)
    return image.filter(ImageFilter.GaussianBlur(0.6))


def _degrees(value: float) -> tuple[float, float, float]:
    minutes = (value - int(value)) * 60
    return float(int(value)), float(int(minutes)), round((minutes - int(minutes)) * 60, 2)
