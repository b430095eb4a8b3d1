"""The darkroom with its real process: photos come out upright and bare, hostile ones cost nothing but themselves."""

import asyncio
import io
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from services.intake.darkroom import PATIENCE, Darkroom, Developed
from tests.standins.photos import photo

CANARY = b"canary-4711"
TURNED = 0x0112
SECONDS = 10


@pytest.fixture(scope="module")
async def darkroom() -> AsyncIterator[Darkroom]:
    """One for all tests of the module: what one photo does to it, the next one would feel."""
    room = Darkroom()
    yield room
    await room.close()


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]


def workers() -> list[int]:
    """Our processes that wait for photos; not their children, which have one in hand."""
    return [pid for pid in children(os.getpid()) if b"darkroom_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def until_one_decodes(worker: int) -> int:
    async with asyncio.timeout(SECONDS):
        while not (busy := children(worker)):
            await asyncio.sleep(0.002)
    return busy[0]


async def developed(room: Darkroom, data: bytes) -> Developed:
    answer = await room.develop(data)
    assert answer is not None
    return answer


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def encoded(image: Image.Image, form: str, **how: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def quarters() -> Image.Image:
    """Wider than high, with a red corner at the top left and a blue one at the bottom right."""
    image = Image.new("RGB", (96, 64), "white")
    image.paste("red", (0, 0, 32, 32))
    image.paste("blue", (64, 32, 96, 64))
    return image


def with_canaries(form: str, **how: Any) -> bytes:
    """A photo with the canary in every corner where metadata lives."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x010F] = exif[0x8298] = CANARY.decode()
    exif.get_ifd(0x8769).update({0x927C: CANARY * 3, 0x9286: CANARY, 0x9003: "2026:11:24 08:30:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (37.0, 51.0, 19.5), 3: "E", 4: (112.0, 33.0, 9.4), 0x1B: CANARY})
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + CANARY + b"</x:xmpmeta>"
    return encoded(quarters(), form, exif=exif, xmp=xmp, icc_profile=CANARY, **how) + CANARY


def words_of_png() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", CANARY.decode())
    info.add_itxt("Where", CANARY.decode())
    info.add(b"prVt", CANARY)
    return info


def two_in_one() -> bytes:
    """What phones hide in a `.jpg`: a second picture behind the first."""
    out = io.BytesIO()
    quarters().save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (40, 30), "green")])
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes, *before: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    )


def large() -> bytes:
    """A good photo that takes some hundred milliseconds."""
    return encoded(Image.effect_noise((2400, 1800), 40), "PNG", compress_level=1)


WITH_CANARIES = [
    pytest.param(with_canaries("JPEG", comment=CANARY), id="JPEG"),
    pytest.param(with_canaries("PNG", pnginfo=words_of_png()), id="PNG"),
    pytest.param(with_canaries("WEBP"), id="WEBP"),
]
HOSTILE = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
    pytest.param(encoded(quarters(), "GIF"), id="gif"),
    pytest.param(encoded(quarters(), "TIFF"), id="tiff"),
    pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", id="postscript"),
    pytest.param(photo(3)[:-2000], id="jpeg_cut_off"),
    pytest.param(photo(3)[:400] + b"\xff\xd9", id="jpeg_without_picture"),
    pytest.param(encoded(quarters(), "WEBP")[:-20], id="webp_cut_off"),
    pytest.param(png(300, 300, b"\0" * 99), id="png_with_too_few_pixels"),
    pytest.param(png(64_000, 64_000, b"\0" * 99), id="bomb_of_4_gigapixels"),
    pytest.param(png(9_500, 9_500, b"\0" * 1189 * 9_500, depth=1, colour=0), id="bomb_of_90_megapixels_in_12_kB"),
    pytest.param(
        png(8, 8, b"\0" * 200, chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 90_000_000))), id="bomb_of_words"
    ),
]


def whatever_is_found(data: bytes) -> bytes:
    """The bytes and all that Pillow makes of them, as one text to search."""
    image = opened(data)
    return data + repr((image.info, dict(image.getexif()), image.getexif().get_ifd(0x8769))).encode()


async def test_where_and_when_a_photo_was_taken_comes_out_beside_it_and_not_in_it(darkroom: Darkroom) -> None:
    sent = photo(1, 112.5526, 37.8553)
    answer = await developed(darkroom, sent)
    image = opened(answer.data)

    assert {"GPSLatitudeRef": "N", "GPSLatitude": "(37.0, 51.0, 19.08)", "GPSLongitudeRef": "E",
            "GPSLongitude": "(112.0, 33.0, 9.36)"} == answer.evidence["position"]  # fmt: skip
    assert (112.5526, 37.8553) == (answer.evidence["lon"], answer.evidence["lat"])
    assert 0x8825 in opened(sent).getexif()
    assert ({}, opened(sent).size) == (dict(image.getexif()), (answer.width, answer.height))


@pytest.mark.parametrize(
    "gps",
    [
        {},
        {2: (37.0, 51.0, 19.5)},
        {1: "N", 2: (37.0, 51.0), 3: "E", 4: (112.0, 33.0, 9.4)},
        {1: "N", 2: 37, 3: "E", 4: 7},
    ],
)
async def test_a_photo_with_half_a_position_is_developed_without_one(darkroom: Darkroom, gps: dict[int, Any]) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update(gps)
    answer = await developed(darkroom, encoded(quarters(), "JPEG", exif=exif))

    assert set() == {"lon", "lat"} & set(answer.evidence)


@pytest.mark.parametrize("sent", WITH_CANARIES)
async def test_no_metadata_survives(darkroom: Darkroom, sent: bytes) -> None:
    answer = await developed(darkroom, sent)

    assert 4 < sent.count(CANARY)
    assert 0 == whatever_is_found(answer.data).count(CANARY)
    assert (opened(sent).format, "2026:11:24 08:30:00") == (opened(answer.data).format, answer.evidence["taken"])


@pytest.mark.parametrize("turned", range(1, 9))
async def test_a_photo_stands_upright_however_the_phone_was_held(darkroom: Darkroom, turned: int) -> None:
    exif = Image.Exif()
    exif[TURNED] = turned
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what Pillow calls the ways to turn a picture back
    held = quarters().transpose(Image.Transpose(undo[turned])) if turned in undo else quarters()
    answer = await developed(darkroom, encoded(held, "PNG", exif=exif))
    image = opened(answer.data).convert("RGB")

    assert ((96, 64), 96, 64) == (image.size, answer.width, answer.height)
    assert [(255, 0, 0), (0, 0, 255), (255, 255, 255)] == [image.getpixel(p) for p in ((9, 9), (89, 59), (89, 9))]


@pytest.mark.parametrize(
    ("sent", "form", "mode"),
    [
        (encoded(quarters().convert("CMYK"), "JPEG"), "JPEG", "RGB"),
        (encoded(quarters().convert("L"), "JPEG", progressive=True), "JPEG", "L"),
        (encoded(quarters().convert("P"), "PNG"), "PNG", "RGB"),
        (encoded(quarters().convert("RGBA"), "PNG"), "PNG", "RGBA"),
        (encoded(quarters().convert("1"), "PNG"), "PNG", "RGB"),
        (encoded(quarters().convert("RGBA"), "WEBP"), "WEBP", "RGBA"),
        (two_in_one(), "JPEG", "RGB"),
    ],
    ids=["cmyk", "grey", "palette", "transparent", "bitmap", "transparent_webp", "two_in_one"],
)
async def test_every_kind_of_photo_comes_out_as_one_everybody_can_show(
    darkroom: Darkroom, sent: bytes, form: str, mode: str
) -> None:
    answer = await developed(darkroom, sent)
    image = opened(answer.data)

    assert (form, (96, 64), 1) == (image.format, image.size, getattr(image, "n_frames", 1))
    assert image.mode in (mode, "RGB")
    assert 1 == answer.data.count(b"\xff\xd8\xff") or form != "JPEG"


@pytest.mark.parametrize("sent", HOSTILE)
async def test_a_hostile_picture_costs_nothing_but_itself(darkroom: Darkroom, sent: bytes) -> None:
    await developed(darkroom, photo(2))
    before = workers()
    refused, good = await asyncio.gather(darkroom.develop(sent), darkroom.develop(photo(2)))

    assert None is refused
    assert good is not None
    assert before == workers()


async def test_a_process_that_answers_nothing_is_given_up_and_replaced(darkroom: Darkroom) -> None:
    await developed(darkroom, photo(2))
    (worker,) = workers()
    os.kill(worker, signal.SIGSTOP)
    began = asyncio.get_running_loop().time()
    given_up = await darkroom.develop(photo(2))

    assert None is given_up
    assert PATIENCE - 1 < asyncio.get_running_loop().time() - began < PATIENCE + 3
    assert await darkroom.develop(photo(2)) is not None


async def test_a_child_that_dies_costs_its_own_photo(darkroom: Darkroom) -> None:
    await developed(darkroom, photo(2))
    (worker,) = workers()
    lost = asyncio.create_task(darkroom.develop(large()))
    os.kill(await until_one_decodes(worker), signal.SIGKILL)

    assert None is await lost
    assert await darkroom.develop(photo(2)) is not None
    assert [worker] == workers()


async def test_the_process_may_be_killed_and_no_photo_is_lost(darkroom: Darkroom) -> None:
    await developed(darkroom, photo(2))
    (worker,) = workers()
    os.kill(worker, signal.SIGKILL)
    answers = await asyncio.gather(*(darkroom.develop(photo(seed)) for seed in (4, 5, 6)))

    assert [] == [answer for answer in answers if answer is None]
    assert [True] == [one != worker for one in workers()]


async def test_the_process_may_be_killed_while_it_has_a_photo_in_hand(darkroom: Darkroom) -> None:
    await developed(darkroom, photo(2))
    (worker,) = workers()
    in_hand = asyncio.create_task(darkroom.develop(large()))
    await until_one_decodes(worker)
    os.kill(worker, signal.SIGKILL)

    assert await in_hand is not None
    assert await darkroom.develop(photo(2)) is not None


async def test_a_darkroom_that_closes_leaves_no_process() -> None:
    room = Darkroom()
    others = workers()
    await developed(room, photo(2))
    (mine,) = set(workers()) - set(others)
    await room.close()

    assert others == workers()
    with pytest.raises(ProcessLookupError):
        os.kill(mine, 0)
