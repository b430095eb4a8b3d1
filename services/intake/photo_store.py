"""Photos by the SHA-256 of their bytes: the same photo twice is one object, and a name never changes its content."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
import orjson
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from chassis import faults


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
            if evidence:
                said = orjson.dumps(evidence, option=orjson.OPT_SORT_KEYS)
                digest = hashlib.sha256(said).hexdigest()[:16]
                await self._put(f"evidence/{sha256}/{holder.hex()}-{digest}.json", said)
            await self._put(_name(sha256), data)
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why
        faults.reach("media.written")

    async def get(self, sha256: str) -> bytes | None:
        """The photo, or None if there is none under this hash."""
        try:
            found = await obstore.get_async(self._store, _name(sha256))
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why

    async def has(self, sha256: str) -> bool:
        """Whether there is a photo under this hash."""
        try:
            await obstore.head_async(self._store, _name(sha256))
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as why:
            raise StoreAway(type(why).__name__) from why
        return True

    async def _put(self, name: str, data: bytes) -> None:
        await obstore.put_async(self._store, name, data)
        if self._folder is not None:
            await asyncio.to_thread(_to_disk, self._folder / name)


def _name(sha256: str) -> str:
    return f"photos/{sha256[:2]}/{sha256}"


def _to_disk(path: Path) -> None:
    for place in (path, path.parent, path.parent.parent):  # the folder may be new in its own
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
