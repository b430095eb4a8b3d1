"""Photos by the SHA-256 of their bytes: the same photo twice is one object, and a name never changes its content."""

import asyncio
import hashlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import obstore
import orjson
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from chassis import faults

Shelf = Literal["photos", "aside"]
_HASH = re.compile("[0-9a-f]{64}")


class StoreAway(Exception):
    """The store cannot be reached or is full; trying again later is right."""


class PhotoStore:
    """One obstore address, `file:///…` or `s3://…`. A write is whole or absent: temporary name, then rename."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._folder = Path(unquote(parts.path)) if parts.scheme == "file" else None
        self._store: Any = LocalStore(self._folder, mkdir=True) if self._folder else from_url(url)

    async def put(self, sha256: str, data: bytes, evidence: dict[str, Any], holder: bytes) -> None:
        """Keeps the photo and, beside it and never served, what its EXIF said. Durable when this returns.

        The same pixels may come from several holders and with other words in EXIF: each is kept beside the others.
        """
        try:
            await self._put(_name(sha256), data)
            if evidence:
                said = orjson.dumps(evidence, option=orjson.OPT_SORT_KEYS)
                digest = hashlib.sha256(said).hexdigest()[:16]
                await self._put(f"evidence/{sha256}/{holder.hex()}-{digest}.json", said)
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why
        faults.reach("media.written")

    async def get(self, sha256: str) -> bytes | None:
        """The photo, or None if there is none under this hash. What was set aside is still there."""
        for shelf in ("photos", "aside", "photos"):  # once more, because it may be brought back between the first two
            if (data := await self._get(_name(sha256, shelf))) is not None:
                return data
        return None

    async def has(self, sha256: str) -> bool:
        """Whether there is a photo under this hash, set aside or not."""
        try:
            for shelf in ("photos", "aside"):
                with suppress(FileNotFoundError):
                    await obstore.head_async(self._store, _name(sha256, shelf))
                    return True
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why
        return False

    async def old(self, shelf: Shelf, part: str, before: datetime) -> AsyncIterator[list[str]]:
        """Hashes of photos on a shelf that begin with `part`, two digits, and were put there `before`, in batches."""
        try:
            async for batch in obstore.list(self._store, f"{shelf}/{part}", chunk_size=500):
                names = (one["path"].rpartition("/")[2] for one in batch if one["last_modified"] < before)
                yield [name for name in names if _HASH.fullmatch(name)]
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why

    async def set_aside(self, sha256: str) -> None:
        """Moves a photo to where it is served from, but where it is not for long. May be repeated."""
        await self._move(sha256, "photos", "aside")

    async def bring_back(self, sha256: str) -> None:
        """The reverse."""
        await self._move(sha256, "aside", "photos")

    async def remove(self, sha256: str, before: datetime) -> None:
        """Ends a photo that was set aside. Its evidence goes with it, unless the photo has come again."""
        try:
            if await self._get(_name(sha256, "photos")) is None:
                async for batch in obstore.list(self._store, f"evidence/{sha256}"):
                    for one in batch:
                        if one["last_modified"] < before:
                            await self._delete(one["path"])
                await self._delete(f"evidence/{sha256}.json")  # of the version before
            await self._delete(_name(sha256, "aside"))
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why

    async def _move(self, sha256: str, start: Shelf, end: Shelf) -> None:
        try:
            if (data := await self._get(_name(sha256, start))) is not None:
                await self._put(_name(sha256, end), data)
                await self._delete(_name(sha256, start))
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why

    async def _get(self, name: str) -> bytes | None:
        try:
            found = await obstore.get_async(self._store, name)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why

    async def _delete(self, name: str) -> None:
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, name)

    async def _put(self, name: str, data: bytes) -> None:
        await obstore.put_async(self._store, name, data)
        if self._folder is not None:
            await asyncio.to_thread(_to_disk, self._folder / name)


def _name(sha256: str, shelf: Shelf = "photos") -> str:
    return f"{shelf}/{sha256[:2]}/{sha256}"


def _to_disk(path: Path) -> None:
    for place in (path, path.parent, path.parent.parent):  # the folder may be new in its own
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
