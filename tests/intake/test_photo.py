"""What a photo's first bytes decide, before anything decodes it."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from services.intake.photo import (
    DECODED_AT_MOST,
    LONGEST_SIDE,
    MOST_MEMORY,
    MOST_PIXELS,
    Header,
    format_of,
    look_at,
)  # fmt: skip
from services.intake.photo_walk import TooLong, jpeg_segments, png_chunks, webp_chunks
from tests.standins.photos import photo

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encoded(form: str, size: tuple[int, int] = (64, 48), **how: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 120, 40)).save(out, form, **how)
    return out.getvalue()


def animated(form: str) -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, form, save_all=True, append_images=frames[1:])
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *before: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return SIGNATURE + header + b"".join(before) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def jpeg(width: int, height: int, *before: bytes, marker: int = 0xC0) -> bytes:
    size = struct.pack(">BBHBHHB", 0xFF, marker, 11, 8, height, width, 1) + b"\x01\x11\0"
    return b"\xff\xd8" + b"".join(before) + size + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\0" * 9 + b"\xff\xd9"


def progressive(width: int, height: int, sampling: int) -> bytes:
    """Of a progressive JPEG with three components, the first sampled as it says, what stands before its scans."""
    size = struct.pack(">BBHBHHB", 0xFF, 0xC2, 17, 8, height, width, 3)
    return b"\xff\xd8" + size + bytes([1, sampling, 0, 2, 0x11, 0, 3, 0x11, 0]) + b"\xff\xda"


def webp(kind: bytes, payload: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended(width: int, height: int, flags: int = 0) -> bytes:
    sizes = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", bytes([flags, 0, 0, 0]) + sizes)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("index.html", "<script>alert(1)</script>")
    return out.getvalue()


def framed_webp(frames: int) -> bytes:
    """An extended WebP that says it is animated, and has so many frames (of nothing)."""
    body = extended(30, 20, flags=0x02)[8:] + (b"ANMF" + struct.pack("<I", 4) + b"none") * frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


CAMERAS_OF_50_MEGAPIXELS = [(8192, 6144), (8160, 6144), (8688, 5792), (8256, 6192), (8640, 5760), (8160, 6120)]
EXIF = b"\xff\xe1" + struct.pack(">H", 8) + b"Exif\0\0"
STUFFING = b"\xff" * 5
PHOTOS = [
    ("jpeg", encoded("JPEG"), Header("JPEG", 64, 48)),
    ("progressive_jpeg", encoded("JPEG", progressive=True), Header("JPEG", 64, 48)),
    ("large_progressive_jpeg", progressive(8000, 6000, 0x22), Header("JPEG", 8000, 6000)),
    ("jpeg_of_a_phone", photo(1), Header("JPEG", *Image.open(io.BytesIO(photo(1))).size)),
    ("jpeg_with_segments_before", jpeg(30, 20, EXIF, STUFFING, b"\xff\xd0", EXIF), Header("JPEG", 30, 20)),
    ("jpeg_with_a_zip_behind", encoded("JPEG") + zipped(), Header("JPEG", 64, 48)),
    ("png", encoded("PNG"), Header("PNG", 64, 48)),
    ("png_with_a_zip_behind", encoded("PNG") + zipped(), Header("PNG", 64, 48)),
    ("png_with_words_before", png(30, 20, chunk(b"tEXt", b"k\0acTL and IDAT")), Header("PNG", 30, 20)),
    ("webp", encoded("WEBP"), Header("WEBP", 64, 48)),
    ("lossless_webp", encoded("WEBP", lossless=True), Header("WEBP", 64, 48)),
    ("extended_webp", encoded("WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"), Header("WEBP", 64, 48)),
    ("widest", png(LONGEST_SIDE, 3250), Header("PNG", LONGEST_SIDE, MOST_PIXELS // LONGEST_SIDE)),
    ("highest", jpeg(3250, LONGEST_SIDE), Header("JPEG", MOST_PIXELS // LONGEST_SIDE, LONGEST_SIDE)),
    *((f"of_a_50_MP_camera_{w}", jpeg(w, h), Header("JPEG", w, h)) for w, h in CAMERAS_OF_50_MEGAPIXELS),
    ("jpeg_with_fill", jpeg(30, 20, b"\xff" * 5_000_000), Header("JPEG", 30, 20)),
    ("png_with_one_frame", png(30, 20, chunk(b"acTL", b"\0\0\0\1\0\0\0\0")), Header("PNG", 30, 20)),
    ("webp_with_one_frame", framed_webp(1), Header("WEBP", 30, 20)),
]
REFUSED = [
    ("nothing", b"", "not_an_image"),
    ("gif", encoded("GIF"), "not_an_image"),
    ("bmp", encoded("BMP"), "not_an_image"),
    ("tiff", encoded("TIFF"), "not_an_image"),
    ("svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='1' height='1'/>", "not_an_image"),
    ("html", b"<html><img src=x onerror=alert(1)></html>", "not_an_image"),
    ("html_before_a_jpeg", b"<!--" + encoded("JPEG"), "not_an_image"),
    ("zip", zipped(), "not_an_image"),
    ("pdf", b"%PDF-1.7\n", "not_an_image"),
    ("riff_with_sound", b"RIFF\0\0\0\0WAVEfmt ", "not_an_image"),
    ("webp_of_another_kind", webp(b"ALPH", bytes(20)), "not_an_image"),
    ("png_without_a_header", SIGNATURE + chunk(b"tEXt", b"words") + png(8, 8)[8:], "not_an_image"),
    ("jpeg_without_a_size", b"\xff\xd8" + EXIF + b"\xff\xd9", "not_an_image"),
    ("jpeg_of_noise", b"\xff\xd8\xff\xe0\0\x02noise", "not_an_image"),
    ("no_width", png(0, 48), "not_an_image"),
    ("no_height", jpeg(64, 0), "not_an_image"),
    ("signature_alone", SIGNATURE, "image_cut_off"),
    ("png_without_picture", png(64, 48)[:40], "image_cut_off"),
    ("png_with_an_endless_chunk", png(8, 8, b"\xff\xff\xff\xfftEXt"), "image_cut_off"),
    ("jpeg_cut_off", encoded("JPEG")[:20], "image_cut_off"),
    ("jpeg_with_an_endless_segment", b"\xff\xd8\xff\xe1\xff\xff" + jpeg(8, 8)[2:], "image_cut_off"),
    ("webp_cut_off", encoded("WEBP")[:25], "image_cut_off"),
    ("lossless_webp_cut_off", encoded("WEBP", lossless=True)[:24], "image_cut_off"),
    ("extended_webp_cut_off", extended(64, 48)[:29], "image_cut_off"),
    ("64k_png", png(64_000, 64_000), "side_too_long"),
    ("side_too_long", png(LONGEST_SIDE + 1, 1), "side_too_long"),
    ("jpeg_side_too_long", jpeg(1, 65_535, marker=0xC2), "side_too_long"),
    ("webp_too_wide", extended(65_636, 1), "side_too_long"),
    ("webp_too_high", extended(1, 65_636), "side_too_long"),
    ("too_many_pixels", png(LONGEST_SIDE, 3251), "too_many_pixels"),
    ("webp_that_takes_too_much_memory", extended(4096, 3584), "too_many_pixels"),
    ("two_frames_of_webp", framed_webp(2), "more_than_one_frame"),
    ("png_with_two_frames", png(30, 20, chunk(b"acTL", b"\0\0\0\2\0\0\0\0")), "more_than_one_frame"),
    ("jpeg_of_empty_segments", jpeg(30, 20, b"\xff\xe1\0\x02" * 2_400_000), "header_too_long"),
    ("jpeg_of_bare_markers", jpeg(30, 20, b"\xff\xd0" * 4_900_000), "header_too_long"),
    ("png_of_empty_chunks", png(30, 20, chunk(b"teXt", b"") * 800_000), "header_too_long"),
    ("webp_of_empty_chunks", extended(30, 20, flags=0x02) + b"junk\0\0\0\0" * 1_200_000, "header_too_long"),
    ("jpeg_of_fill_alone", b"\xff\xd8" + b"\xff" * 9_000_000, "image_cut_off"),
    ("progressive_jpeg_that_takes_too_much_memory", progressive(8000, 6000, 0x11), "too_many_pixels"),
    ("jpeg_with_too_many_pixels", jpeg(8000, 8000, EXIF), "too_many_pixels"),
    ("webp_with_too_many_pixels", extended(8000, 8000), "too_many_pixels"),
    ("animated_png", animated("PNG"), "more_than_one_frame"),
    ("animated_webp", animated("WEBP"), "more_than_one_frame"),
]
ACCEPTED = [data for _, data, _ in PHOTOS]


@pytest.mark.parametrize(("data", "header"), [pytest.param(*row, id=name) for name, *row in PHOTOS])
def test_a_photo_says_its_format_and_size(data: bytes, header: Header) -> None:
    assert header == look_at(data)


@pytest.mark.parametrize(("data", "why"), [pytest.param(*row, id=name) for name, *row in REFUSED])
def test_what_no_darkroom_may_take_is_told_why(data: bytes, why: str) -> None:
    assert why == look_at(data)


@pytest.mark.parametrize(
    "walk",
    [
        lambda most: list(jpeg_segments(b"\xff\xd8" + b"\xff\xe1\0\x02" * 500, most)),
        lambda most: list(png_chunks(SIGNATURE + chunk(b"teXt", b"") * 500, most)),
        lambda most: list(webp_chunks(b"RIFF\0\0\0\0WEBP" + b"junk\0\0\0\0" * 500, most)),
    ],
)
def test_a_walk_takes_no_more_steps_than_it_may(walk: Callable[[int], Any]) -> None:
    for most in (1, 10, 499):
        with pytest.raises(TooLong):
            walk(most)


def test_what_a_photo_takes_in_memory_is_within_the_budget_or_it_is_refused() -> None:
    taken = [header for _, data, header in PHOTOS if isinstance(look_at(data), Header)]
    jpeg_sizes = [(w, h) for w in range(100, 16_000, 700) for h in range(100, 16_000, 700)]
    headers = [Header("JPEG", w, h) for w, h in jpeg_sizes if w * h <= MOST_PIXELS] + taken

    assert [] == [header for header in headers if header.memory > MOST_MEMORY]
    assert [] == [h for h in headers if h.format == "JPEG" and h.width * h.height / h.scale**2 > DECODED_AT_MOST]


@pytest.mark.parametrize("data", [encoded("JPEG"), encoded("PNG"), encoded("WEBP"), extended(64, 48)])
def test_a_photo_that_ends_inside_its_header_is_never_taken(data: bytes) -> None:
    size = next(length for length in range(len(data) + 1) if isinstance(look_at(data[:length]), Header))
    refused = {look_at(data[:length]) for length in range(size)}

    assert 20 < size
    assert {"not_an_image", "image_cut_off"} == refused


@given(data=st.binary(max_size=60), begin=st.sampled_from([b"", *(data[:20] for data in ACCEPTED)]))
def test_any_bytes_get_an_answer_and_only_a_magic_number_makes_a_photo(data: bytes, begin: bytes) -> None:
    answer = look_at(begin + data)

    assert isinstance(answer, str) or answer.format == format_of(begin + data)


@given(data=st.sampled_from(ACCEPTED), at=st.integers(0, 200), byte=st.integers(0, 255), length=st.integers(0, 400))
def test_a_damaged_photo_is_still_within_the_limits_or_refused(data: bytes, at: int, byte: int, length: int) -> None:
    answer = look_at((data[:at] + bytes([byte]) + data[at + 1 :])[:length])

    assert isinstance(answer, str) or (
        0 < answer.width <= LONGEST_SIDE
        and 0 < answer.height <= LONGEST_SIDE
        and answer.width * answer.height <= MOST_PIXELS
        and not answer.frames
    )
