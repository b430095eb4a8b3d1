"""The darkroom: photos are decoded in a process with limits, never in the service's own.

A photo that kills, hangs or exhausts its process costs that photo: it is refused, and the service lives. The
process that forks the children is started anew if it is the one that died. Measured on photos of 52 megapixels and
of every kind, the process and its children take at most 300 MB more than they do while they wait
(`schemas/decisions/`, "What a photo may take").
"""

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from chassis import faults
from chassis.logs import log
from services.intake.darkroom_turns import Turns
from services.intake.photo import SMALL_MEMORY, look_at

PATIENCE = 26.0
"""Longer than the process gives a child by the clock; what a photo may cost is bounded by work, not by the clock."""
LARGEST_ANSWER = 200_000_000


@dataclass(frozen=True, slots=True)
class Developed:
    """A photo upright and without metadata, its size in pixels, and what its EXIF said of time and position.

    `likeness`: its perceptual hash, and `inner`: that of its inner part; None of what is blank.
    """

    data: bytes
    width: int
    height: int
    evidence: dict[str, Any]
    likeness: int | None = None
    inner: int | None = None


class Darkroom:
    """Develops two photos at a time, one of them small; the next ones wait for their turn."""

    def __init__(self, patience: float = PATIENCE) -> None:
        """`patience`: seconds, after which a photo in hand is given up."""
        self._patience = patience
        self._turns = Turns()
        self._turn = asyncio.Lock()
        self._worker: asyncio.subprocess.Process | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="darkroom-")
        self._path = Path(self._folder.name) / "door"

    async def develop(self, data: bytes, app: str = "") -> Developed | None:
        """The photo that `app` sent, or None if it cannot be decoded within the limits of time and memory.

        Raises `Crowded` or `Full` if too much waits already.
        """
        header = look_at(data)
        small = isinstance(header, str) or header.memory <= SMALL_MEMORY
        async with self._turns.turn(app, small, len(data)):
            for _ in range(2):
                worker = await self._open()
                faults.reach("media.decoding")
                try:
                    async with asyncio.timeout(self._patience):
                        return await self._ask(data)
                except ConnectionRefusedError:
                    await self._replace(worker)  # it had died before it saw the photo: the next one takes it
                except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError, ValueError) as why:
                    log.warning("darkroom.refused", why=type(why).__name__, bytes=len(data))
                    if isinstance(why, TimeoutError):
                        await self._replace(worker)  # it may be stopped or stuck itself
                    break
        return None

    async def keep_open(self, stopping: asyncio.Event) -> None:
        """Starts the process, so that the first photo does not wait for it, and ends it when the service stops."""
        await self._open()
        await stopping.wait()

    async def close(self) -> None:
        """Ends the process and removes its socket."""
        if self._worker is not None:
            await self._replace(self._worker)
        self._folder.cleanup()

    async def _ask(self, data: bytes) -> Developed | None:
        reader, writer = await asyncio.open_unix_connection(str(self._path), limit=65_536)
        try:
            writer.write(len(data).to_bytes(4, "big") + data)
            await writer.drain()
            told = orjson.loads(await reader.readline())
            if "refused" in told or told["bytes"] > LARGEST_ANSWER:
                log.info("darkroom.undecodable", why=told.get("refused"))
                return None
            photo = await reader.readexactly(told["bytes"])
            size, hashes = (told["width"], told["height"]), (told["likeness"], told["inner"])
            return Developed(photo, *size, told["evidence"], *hashes)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _open(self) -> asyncio.subprocess.Process:
        async with self._turn:
            if self._worker is None or self._worker.returncode is not None:
                self._worker = await self._start()
        return self._worker

    async def _start(self) -> asyncio.subprocess.Process:
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self._path))
            listening.listen(64)
            worker = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.intake.darkroom_worker", str(listening.fileno()),
                stdin=asyncio.subprocess.PIPE, pass_fds=(listening.fileno(),), cwd=Path(__file__).parents[2],
                env={"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"},
            )  # fmt: skip
        log.info("darkroom.opened", pid=worker.pid)
        return worker

    async def _replace(self, worker: asyncio.subprocess.Process) -> None:
        async with self._turn:
            if worker.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    worker.kill()
                await worker.wait()
            if self._worker is worker:
                self._worker = None
