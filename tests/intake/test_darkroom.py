"""The darkroom with its real process: photos come out upright and bare, hostile ones cost nothing but themselves."""

import asyncio
import io
import os
import random
import signal
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from services.intake.darkroom import PATIENCE, Darkroom, Developed
from services.intake.photo import Header, look_at
from tests.standins.photos import photo

CANARY = b"canary-4711"
TURNED = 0x0112
SECONDS = 30


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


async def in_hand(room: Darkroom, data: bytes, worker: int) -> tuple["asyncio.Task[Developed | None]", int]:
    """A photo that is being developed, and the process that decodes it; sent again if it was done before we looked."""
    async with asyncio.timeout(SECONDS):
        while True:
            working = asyncio.create_task(room.develop(data))
            while not working.done():
                if busy := children(worker):
                    return working, busy[0]
                await asyncio.sleep(0.002)


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


def as_ycck(cmyk: bytes) -> bytes:
    """The same JPEG, but its first segment of Adobe says that its colours are YCCK."""
    at = cmyk.index(b"Adobe") + 11
    return cmyk[:at] + b"\x02" + cmyk[at + 1 :]


def one_frame(form: str) -> bytes:
    """A picture that says it is an animation, of one frame."""
    if form == "PNG":
        at = 8 + 25  # behind the header
        still = encoded(quarters(), "PNG")
        return still[:at] + chunk(b"acTL", struct.pack(">II", 1, 0)) + still[at:]
    still = encoded(quarters().convert("RGBA"), "WEBP", lossless=True)
    frame = bytes(6) + (95).to_bytes(3, "little") + (63).to_bytes(3, "little") + bytes(4) + still[12:]
    body = b"WEBP" + riff(b"VP8X", b"\x12\0\0\0" + (95).to_bytes(3, "little") + (63).to_bytes(3, "little"))
    body += riff(b"ANIM", bytes(6)) + riff(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def with_segments(*segments: bytes) -> bytes:
    """A JPEG with these segments in front."""
    still = encoded(quarters(), "JPEG", quality=95)
    return still[:2] + b"".join(segments) + still[2:]


def with_chunks(*chunks: bytes) -> bytes:
    """A PNG with these chunks behind its header."""
    still = encoded(quarters(), "PNG")
    return still[:33] + b"".join(chunks) + still[33:]


def swapping_profile() -> bytes:
    """An sRGB profile in which red and green have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = (profile.index(name, 128) for name in (b"rXYZ", b"gXYZ"))
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace(b"s\0R\0G\0B", b"s\0G\0R\0B")


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
]


EXIF_CUT_OFF = b"Exif\0\0" + b"II*\0\x08\0\0\0" + struct.pack("<H", 900) + b"\x0f\x01\x02\0\xff\xff\xff\x7f"
EXIF_IN_A_CIRCLE = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08"
MPF_OF_NONSENSE = b"MPF\0" + b"MM\0*\0\0\0\x08\0\x02\xb0\x01\0\x04\0\0\0\x01\0\0\0\x09\xb0\x02\0\x07\xff\xff\xff\xff"
BROKEN_ICC = b"ICC_PROFILE\0\x01\x01" + b"not a profile" * 40
NOISE = random.Random(7).randbytes(600)
UNREADABLE = [
    pytest.param(with_segments(segment(0xE1, EXIF_CUT_OFF)), id="exif_directory_cut_off"),
    pytest.param(with_segments(segment(0xE1, EXIF_IN_A_CIRCLE)), id="exif_in_a_circle"),
    pytest.param(with_segments(segment(0xE1, b"Exif\0\0")), id="empty_exif"),
    pytest.param(with_segments(segment(0xE1, b"Exif\0\0" + NOISE)), id="exif_of_noise"),
    pytest.param(with_segments(segment(0xE2, MPF_OF_NONSENSE)), id="malformed_mpf"),
    pytest.param(with_segments(segment(0xE2, BROKEN_ICC)), id="broken_profile"),
    pytest.param(with_segments(segment(0xE2, b"ICC_PROFILE\0")), id="profile_cut_off"),
    pytest.param(with_segments(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\xff\xff")), id="malformed_photoshop"),
    pytest.param(with_segments(segment(0xE0, b"JFIF")), id="short_jfif"),
    pytest.param(with_segments(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x")), id="malformed_xmp"),
    pytest.param(with_chunks(chunk(b"tEXt", b"k\0v")[:-4] + b"oops"), id="wrong_checksum_of_words"),
    pytest.param(with_chunks(chunk(b"iCCP", b"n\0\0not zlib")), id="png_with_a_broken_profile"),
    pytest.param(with_chunks(chunk(b"eXIf", EXIF_CUT_OFF[6:])), id="png_with_exif_cut_off"),
    pytest.param(with_chunks(chunk(b"gAMA", b"")), id="png_with_an_empty_gamma"),
    pytest.param(with_chunks(chunk(b"pHYs", b"\0")), id="png_with_a_short_size"),
    pytest.param(with_chunks(chunk(b"zTXt", b"k\0\0" + zlib.compress(b"x" * 90_000_000))), id="bomb_of_words"),
    pytest.param(encoded(quarters(), "WEBP", exif=EXIF_CUT_OFF, icc_profile=b"x" * 200), id="webp_with_both_broken"),
]


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = image.getpixel((x, y))
    assert isinstance(found, tuple)
    return tuple(int(value) for value in found)


def status_of(pid: int) -> dict[str, str]:
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines())


async def peak_of(pid: int, working: "asyncio.Task[Any]") -> int:
    """The most memory, in bytes, that a process was seen to take for itself while it worked."""
    peak = 0
    while not working.done():
        try:
            status = status_of(pid)
        except (OSError, ValueError):
            break
        peak = max(peak, int(status.get("RssAnon", "0").split()[0]) * 1024)
        await asyncio.sleep(0.005)
    return peak


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
        {1: "N", 2: (37.0, 51.0), 3: "E"},
        {1: "N", 2: 37, 3: "E", 4: 700},
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
        (encoded(quarters().convert("1"), "PNG"), "PNG", "L"),
        (encoded(quarters().convert("RGBA"), "WEBP"), "WEBP", "RGBA"),
        (two_in_one(), "JPEG", "RGB"),
        (as_ycck(encoded(quarters().convert("CMYK"), "JPEG")), "JPEG", "RGB"),
        (encoded(quarters().convert("P"), "PNG", transparency=0), "PNG", "RGBA"),
        (encoded(quarters().convert("LA"), "PNG"), "PNG", "LA"),
        (encoded(quarters().convert("I;16"), "PNG"), "PNG", "L"),
        (one_frame("PNG"), "PNG", "RGB"),
        (one_frame("WEBP"), "WEBP", "RGBA"),
    ],
    ids=[
        "cmyk",
        "grey",
        "palette",
        "transparent",
        "bitmap",
        "transparent_webp",
        "two_in_one",
        "ycck",
        "transparent_palette",
        "grey_and_transparent",
        "16_bits_of_grey",
        "one_frame_png",
        "one_frame_webp",
    ],
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


@pytest.mark.parametrize("sent", UNREADABLE)
async def test_metadata_that_cannot_be_read_costs_no_picture(darkroom: Darkroom, sent: bytes) -> None:
    answer = await developed(darkroom, sent)
    image = opened(answer.data).convert("RGB")

    assert (96, 64) == image.size
    assert all(abs(a - b) < 40 for a, b in zip((255, 0, 0), pixel(image, 9, 9), strict=True))
    assert {"lon", "lat"}.isdisjoint(answer.evidence)


@pytest.mark.parametrize("turned", [1, 6])
async def test_xmp_says_how_the_phone_was_held_where_exif_does_not(darkroom: Darkroom, turned: int) -> None:
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="{turned}"/></x:xmpmeta>'.encode()
    answer = await developed(darkroom, encoded(quarters(), "JPEG", xmp=xmp))

    assert ((64, 96) if turned == 6 else (96, 64)) == (answer.width, answer.height)


async def test_grey_of_16_bits_keeps_its_shades(darkroom: Darkroom) -> None:
    ramp = Image.new("I;16", (256, 4))
    for x in range(256):
        for y in range(4):
            ramp.putpixel((x, y), x * 257)
    image = opened((await developed(darkroom, encoded(ramp, "PNG"))).data)

    assert ("L", list(range(256))) == (image.mode, [image.getpixel((x, 2)) for x in range(256)])


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("WEBP", "RGBA")]
)
async def test_colours_are_shown_as_their_profile_means_them(darkroom: Darkroom, form: str, mode: str) -> None:
    sent = encoded(quarters().convert(mode), form, icc_profile=swapping_profile())
    image = opened((await developed(darkroom, sent)).data)
    red, green, blue = pixel(image.convert("RGB"), 9, 9)

    assert red < 60
    assert blue < 60
    assert 200 < green
    assert "icc_profile" not in image.info


@pytest.mark.parametrize(
    ("size", "form", "mode"),
    [((1, 1), "JPEG", "RGB"), ((1, 1), "PNG", "1"), ((1, 1), "WEBP", "RGB"), ((16_000, 1), "PNG", "L")],
)
async def test_the_smallest_and_the_longest_are_photos_as_well(
    darkroom: Darkroom, size: tuple[int, int], form: str, mode: str
) -> None:
    answer = await developed(darkroom, encoded(Image.new(mode, size), form))

    assert (size, None) == ((answer.width, answer.height), answer.likeness)


@pytest.mark.parametrize(
    ("size", "form", "mode", "kept"),
    [
        ((8192, 6144), "JPEG", "RGB", (3072, 4096)),
        ((5200, 4000), "JPEG", "L", (3162, 4110)),
        ((5200, 4000), "PNG", "RGB", (3162, 4110)),
        ((8192, 6144), "PNG", "1", (3122, 4163)),
    ],
)
async def test_a_large_photo_is_kept_smaller_and_takes_no_more_memory_than_was_counted(
    darkroom: Darkroom, size: tuple[int, int], form: str, mode: str, kept: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[TURNED] = 6
    picture = Image.new(mode, size)
    picture.paste(255 if mode in "1L" else "white", (0, 0, size[0] // 2, size[1]))
    sent = encoded(picture, form, exif=exif, **({"compress_level": 1} if form == "PNG" else {}))
    header = look_at(sent)
    assert isinstance(header, Header)
    await developed(darkroom, photo(2))
    (worker,) = workers()
    developing, child = await in_hand(darkroom, sent, worker)
    peak = await peak_of(child, developing)
    answer = await developing
    assert answer is not None
    image = opened(answer.data).convert("L")

    assert (kept, kept) == ((answer.width, answer.height), image.size)
    assert (255, 0) == (image.getpixel((kept[0] // 2, kept[1] // 4)), image.getpixel((kept[0] // 2, kept[1] * 3 // 4)))
    assert peak < header.memory + 60_000_000


async def test_a_small_photo_of_one_app_does_not_wait_for_the_large_ones_of_another(darkroom: Darkroom) -> None:
    ended: list[str] = []

    async def send(app: str, data: bytes) -> None:
        assert await darkroom.develop(data, app) is not None
        ended.append(app)

    slow = encoded(Image.effect_noise((400, 300), 40).resize((4000, 3000)).convert("RGB"), "JPEG")
    others = [asyncio.create_task(send("other", slow)) for _ in range(4)]
    await asyncio.sleep(0)
    await send("one", photo(2))
    before = ended.count("other")
    await asyncio.gather(*others)

    assert before < 2
    assert 4 == ended.count("other")


async def test_a_process_that_answers_nothing_is_given_up_and_replaced() -> None:
    room, others = Darkroom(), workers()
    await developed(room, photo(2))
    (worker,) = set(workers()) - set(others)
    os.kill(worker, signal.SIGSTOP)
    room._patience = 1.0  # no sooner: a process needs time to start
    given_up = await room.develop(photo(2))
    room._patience = PATIENCE

    assert None is given_up
    assert await room.develop(photo(2)) is not None
    assert worker not in workers()
    await room.close()


async def test_a_child_that_dies_costs_its_own_photo(darkroom: Darkroom) -> None:
    await developed(darkroom, photo(2))
    (worker,) = workers()
    lost, child = await in_hand(darkroom, large(), worker)
    os.kill(child, signal.SIGKILL)

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
    kept, _ = await in_hand(darkroom, large(), worker)
    os.kill(worker, signal.SIGKILL)

    assert await kept is not None
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
