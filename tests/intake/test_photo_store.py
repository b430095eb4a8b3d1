"""Photos by their hash in a real folder: once, whole or not at all, and plainly away when the folder is."""

import asyncio
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.intake.photo_store import PhotoStore, StoreAway
from tests.standins.photos import photo

ROOT = Path(__file__).parents[2]
PATIENCE = 60
PHOTO = photo(1)
APP = b"appappap"
Spoil = Callable[[Path], object]
FILLING = """
import asyncio, hashlib, random, sys
from services.intake.photo_store import PhotoStore

async def fill():
    store = PhotoStore(sys.argv[1])
    chance = random.Random(int(sys.argv[2]))
    while True:
        data = chance.randbytes(4_000_000)
        await store.put(hashlib.sha256(data).hexdigest(), data, {"taken": "2026:11:24 08:30:00"}, b"appappap")

asyncio.run(fill())
"""


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def kept(folder: Path) -> dict[str, bytes]:
    """Every file of the store by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def named_by_hash(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.glob("photos/*/*") if re.fullmatch("[0-9a-f]{64}", path.name)}


def stop_in_the_middle(writer: subprocess.Popen[bytes], folder: Path) -> None:
    """Stops the process while a photo of its is written and not yet named, with at least one written before."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        writer.send_signal(signal.SIGSTOP)
        os.waitpid(writer.pid, os.WUNTRACED)
        if named_by_hash(folder) and any("#" in path.name for path in folder.glob("photos/*/*")):
            return
        writer.send_signal(signal.SIGCONT)
        time.sleep(0.001)
    writer.kill()
    raise AssertionError("never found in the middle")


async def test_what_was_put_is_there_under_its_hash_and_only_there(tmp_path: Path) -> None:
    store, data = PhotoStore(f"file://{tmp_path}/media"), PHOTO
    await store.put(hash_of(data), data, {}, APP)

    assert data == await store.get(hash_of(data))
    assert {f"photos/{hash_of(data)[:2]}/{hash_of(data)}": data} == kept(tmp_path / "media")


async def test_what_exif_said_lies_beside_the_photo_and_is_never_served(tmp_path: Path) -> None:
    store, data = PhotoStore(f"file://{tmp_path}"), photo(1)
    await store.put(hash_of(data), data, {"taken": "2026:11:24 08:30:00"}, b"appappap")

    (name,) = [name for name in kept(tmp_path) if name.startswith(f"evidence/{hash_of(data)}/{APP.hex()}-")]
    assert b'{"taken":"2026:11:24 08:30:00"}' == kept(tmp_path)[name]
    assert data == await store.get(hash_of(data))


async def test_what_one_app_said_of_the_same_pixels_is_never_overwritten(tmp_path: Path) -> None:
    store = PhotoStore(f"file://{tmp_path}")
    said = [
        (APP, {"taken": "one"}),
        (b"othrothr", {"taken": "two"}),
        (APP, {"taken": "three"}),
        (APP, {"taken": "one"}),
    ]
    for holder, evidence in said:
        await store.put(hash_of(PHOTO), PHOTO, evidence, holder)
    files = {name: body for name, body in kept(tmp_path).items() if name.startswith("evidence/")}

    assert {b'{"taken":"one"}', b'{"taken":"two"}', b'{"taken":"three"}'} == set(files.values())
    assert 3 == len(files)
    assert [b'{"taken":"two"}'] == [body for name, body in files.items() if b"othrothr".hex() in name]


async def test_a_store_knows_which_photos_it_has(tmp_path: Path) -> None:
    store = PhotoStore(f"file://{tmp_path}")
    await store.put(hash_of(PHOTO), PHOTO, {}, APP)

    assert [True, False] == [await store.has(hash_of(data)) for data in (PHOTO, b"never put")]


async def test_the_same_bytes_twice_are_one_file(tmp_path: Path) -> None:
    stores = [PhotoStore(f"file://{tmp_path}") for _ in range(2)]
    data = photo(1)
    await asyncio.gather(*(store.put(hash_of(data), data, {}, APP) for store in stores * 10))

    assert [data] == list(kept(tmp_path).values())


async def test_other_bytes_are_another_file(tmp_path: Path) -> None:
    store, photos = PhotoStore(f"file://{tmp_path}"), [photo(seed) for seed in (1, 2, 3)]
    for data in photos:
        await store.put(hash_of(data), data, {}, APP)

    assert photos == [await store.get(hash_of(data)) for data in photos]


async def test_a_photo_that_is_missing_is_none(tmp_path: Path) -> None:
    assert None is await PhotoStore(f"file://{tmp_path}").get(hash_of(b"never put"))


async def test_a_reader_sees_the_whole_photo_or_none(tmp_path: Path) -> None:
    store, data = PhotoStore(f"file://{tmp_path}"), random.Random(7).randbytes(4_000_000)
    writing = asyncio.create_task(store.put(hash_of(data), data, {}, APP))
    seen = set()
    while not writing.done():
        seen.add(await store.get(hash_of(data)))
    await writing

    assert seen
    assert {None, data} == seen | {None, await store.get(hash_of(data))}


def test_a_writer_that_is_killed_leaves_no_half_photo_under_a_valid_name(tmp_path: Path) -> None:
    for seed in range(3):
        folder = tmp_path / str(seed)
        with subprocess.Popen([sys.executable, "-c", FILLING, f"file://{folder}", str(seed)], cwd=ROOT) as writer:
            stop_in_the_middle(writer, folder)
            writer.kill()
        whole = named_by_hash(folder)

        assert [] == [name for name, path in whole.items() if name != hash_of(path.read_bytes())]
        assert 0 < len(whole) < len([name for name in kept(folder) if name.startswith("photos/")])


def put_a_file_there(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("", encoding="utf-8")


SPOILT: list[tuple[str, Spoil]] = [
    ("a_file_stands_in_place_of_the_photos", lambda media: (media / "photos").write_text("")),
    ("a_file_stands_in_place_of_the_store", put_a_file_there),
    ("a_file_stands_in_place_of_the_volume", lambda media: put_a_file_there(media.parent)),
]


@pytest.mark.parametrize("spoil", [pytest.param(spoil, id=name) for name, spoil in SPOILT])
@pytest.mark.parametrize("evidence", [{}, {"taken": "2026:11:24 08:30:00"}])
async def test_a_folder_that_cannot_be_used_is_a_store_that_is_away(
    tmp_path: Path, spoil: Spoil, evidence: dict[str, str]
) -> None:
    store = PhotoStore(f"file://{tmp_path}/volume/media")
    spoil(tmp_path / "volume/media")

    with pytest.raises(StoreAway):
        await store.put(hash_of(PHOTO), PHOTO, evidence, APP)
    with pytest.raises(StoreAway):
        await store.get(hash_of(PHOTO))


async def test_a_store_that_was_away_takes_photos_again(tmp_path: Path) -> None:
    store = PhotoStore(f"file://{tmp_path}")
    (tmp_path / "photos").write_text("")
    with pytest.raises(StoreAway):
        await store.put(hash_of(PHOTO), PHOTO, {}, APP)
    (tmp_path / "photos").unlink()
    await store.put(hash_of(PHOTO), PHOTO, {}, APP)

    assert PHOTO == await store.get(hash_of(PHOTO))
