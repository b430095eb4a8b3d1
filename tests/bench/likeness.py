"""How far the perceptual hashes of photos lie apart: one photo changed in the usual ways, and different photos.

`python -m tests.bench.likeness` prints the table that stands in the decision "A turned photo is recognised".
The photos are drawn: light, sky, houses, a road in perspective, cars, trees, and what is wrong with the road.
"""

import io
import random
from collections.abc import Callable, Iterable
from itertools import permutations

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from rich.console import Console

from services.intake.darkroom_picture import small_greys
from services.intake.photo_likeness import likeness_of
from services.router.media import ALIKE, bits_apart, orientations

SIZE = (800, 600)
Change = Callable[[Image.Image], Image.Image]


def scene(place: int, wrong: int) -> Image.Image:
    """A street (`place` decides all but what is wrong with it) seen by day, with something `wrong` in the road."""
    chance, (width, height) = random.Random(place), SIZE
    horizon = int(height * chance.uniform(0.2, 0.55))
    image = Image.linear_gradient("L").resize(SIZE)
    if chance.random() < 0.5:
        image = image.transpose(Image.Transpose.ROTATE_180)
    image = Image.merge("RGB", [image.point([chance.randint(0, 2) + 40 + v // 3 for v in range(256)]) for _ in "rgb"])
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width, horizon), fill=_colour(chance, 110, 240))
    for _ in range(chance.randint(3, 9)):
        x, tall, wide = chance.randint(-80, width), chance.randint(40, horizon + 40), chance.randint(50, 260)
        draw.rectangle((x, horizon - tall, x + wide, horizon + 10), fill=_colour(chance, 50, 220))
        for row in range(horizon - tall + 8, horizon - 8, 26):
            for column in range(x + 8, x + wide - 12, 24):
                draw.rectangle((column, row, column + 11, row + 14), fill=_colour(chance, 20, 250))
    vanishing = chance.randint(width // 5, width * 4 // 5)
    left, right = chance.randint(-200, width // 3), chance.randint(width * 2 // 3, width + 200)
    draw.polygon([(vanishing, horizon), (left, height), (right, height)], fill=_colour(chance, 60, 130))
    for _ in range(chance.randint(2, 7)):
        x, y, size = chance.randint(0, width), chance.randint(horizon - 30, height - 60), chance.randint(30, 150)
        shape = chance.choice((draw.rectangle, draw.ellipse))
        shape((x, y, x + size, y + size * 2 // 3), fill=_colour(chance, 0, 255))
    _damage(draw, random.Random(wrong), horizon)
    noise = Image.merge("RGB", [Image.effect_noise(SIZE, 24)] * 3)
    return Image.blend(image, noise, 0.08).filter(ImageFilter.GaussianBlur(0.7))


def _damage(draw: ImageDraw.ImageDraw, chance: random.Random, horizon: int) -> None:
    for _ in range(chance.randint(1, 3)):
        x, y, size = chance.randint(150, 550), chance.randint(horizon + 60, 520), chance.randint(60, 170)
        draw.ellipse((x, y, x + size, y + size // 2), fill=_colour(chance, 0, 70), outline=(20, 20, 20), width=4)


def _colour(chance: random.Random, low: int, high: int) -> tuple[int, int, int]:
    grey = chance.randint(low, high)
    red, green, blue = (max(0, min(255, grey + chance.randint(-40, 40))) for _ in "rgb")
    return red, green, blue


def _encoded(quality: int) -> Change:
    def change(image: Image.Image) -> Image.Image:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        return Image.open(io.BytesIO(out.getvalue())).convert("RGB")

    return change


def _cropped(left: float, top: float, right: float, bottom: float) -> Change:
    def change(image: Image.Image) -> Image.Image:
        wide, high = image.size
        return image.crop((int(wide * left), int(high * top), wide - int(wide * right), high - int(high * bottom)))

    return change


def _trimmed(share: float) -> Change:
    return _cropped(share, share, share, share)


def _somehow(seed: int) -> Change:
    chance = random.Random(seed)
    return _cropped(*(chance.uniform(0, 0.05) for _ in range(4)))


def _turned(way: Image.Transpose) -> Change:
    return lambda image: _encoded(85)(image.reduce(2).transpose(way))


def _signed(image: Image.Image) -> Image.Image:
    image = image.copy()
    ImageDraw.Draw(image).text((20, 560), "2026-11-24 08:30 P031", fill="white", stroke_width=2, stroke_fill="black")
    return image


def _by_hand(image: Image.Image, place: int) -> Image.Image:
    """As somebody sees it who stands about where another stood, later in the day."""
    chance = random.Random(-place - 1)
    left, top, right, bottom = (chance.uniform(0, 0.2) for _ in range(4))
    width, height = image.size
    seen = image.crop((int(left * width), int(top * height), int((1 - right) * width), int((1 - bottom) * height)))
    return ImageEnhance.Brightness(seen).enhance(chance.uniform(0.7, 1.3))


CHANGES: dict[str, Change] = {
    "encoded with quality 85": _encoded(85),
    "encoded with quality 30": _encoded(30),
    "half as wide and high": lambda image: image.resize((400, 300)),
    "a quarter as wide and high": lambda image: image.resize((200, 150)),
    "25 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "25 % darker": lambda image: ImageEnhance.Brightness(image).enhance(0.75),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.3),
    "with the date written on it": _signed,
    **{f"cropped by {percent} %": _trimmed(percent / 100) for percent in (1, 2, 3, 5)},
    "cropped by 5 % and mirrored": lambda image: _trimmed(0.05)(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    **{f"up to 5 % of each side are missing, {n}": _somehow(n) for n in range(1, 5)},
    "5 % of the left are missing": _cropped(0.05, 0, 0, 0),
    "5 % of the top are missing": _cropped(0, 0.05, 0, 0),
    "5 % of the right are missing": _cropped(0, 0, 0.05, 0),
    "5 % of the bottom are missing": _cropped(0, 0, 0, 0.05),
    "5 % of the left and top are missing": _cropped(0.05, 0.05, 0, 0),
    "5 % of the right and bottom are missing": _cropped(0, 0, 0.05, 0.05),
    "turned by 1 degree": lambda image: image.rotate(1, Image.Resampling.BILINEAR, expand=False),
    **{f"{way.name.lower()}, half as large, quality 85": _turned(way) for way in Image.Transpose},
}


def likenesses(image: Image.Image) -> list[int]:
    """The hashes of the whole picture and of its inner part as the darkroom makes them."""
    return [found for found in map(likeness_of, small_greys(image)) if found is not None]


def likeness(image: Image.Image) -> int:
    """The hash of the whole picture."""
    found = likeness_of(small_greys(image)[0])
    assert found is not None
    return found


def apart(kept: Iterable[int], other: int) -> int:
    """In how many bits a hash differs from that of the kept ones, and in that orientation, that is the nearest."""
    return min(bits_apart(one, way) for one in kept for way in orientations(other))


def distances(places: int) -> dict[str, list[int]]:
    """The distances of each kind of pair, for so many places."""
    before = [scene(place, place) for place in range(places)]
    hashes = [likenesses(image) for image in before]
    found = {
        f"same: {name}": [apart(h, likeness(change(i))) for h, i in zip(hashes, before, strict=True)]
        for name, change in CHANGES.items()
    }
    found["different places"] = [apart(one, other[0]) for one, other in permutations(hashes, 2)]
    after = [scene(place, 1000 + place) for place in range(places)]
    found["one place before and after, from a tripod"] = [
        apart(h, likeness(image)) for h, image in zip(hashes, after, strict=True)
    ]
    found["one place before and after, by hand"] = [
        apart(h, likeness(_by_hand(image, place))) for place, (h, image) in enumerate(zip(hashes, after, strict=True))
    ]
    return found


def main() -> None:
    """Prints, for each kind of pair, how many there are, how far they lie apart, and how many count as alike."""
    console = Console()
    console.print(f"alike: at most {ALIKE} of 63 bits differ")
    for name, found in distances(60).items():
        alike = sum(distance <= ALIKE for distance in found)
        console.print(f"| {name} | {len(found)} | {min(found)} to {max(found)} | {alike} |")


if __name__ == "__main__":
    main()
