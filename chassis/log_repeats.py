"""Repeated lines: the first of a kind is written at once, those after it are counted and told of once in a while.

A client library whose server is away says the same hundreds of times a second. Of each kind one line is written in a
window, with `repeated`, the number of lines like it that were left out since the one before. The window grows while
the kind goes on, from 5 s to 60 s, and the kind is forgotten after a window without it.
"""

import asyncio
import logging
import math
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

WINDOW_SECONDS, LONGEST_WINDOW_SECONDS = 5.0, 60.0
MOST_KINDS = 4096
"""Kinds that are remembered. Beyond them the oldest is told of and forgotten."""
MOST_OF_ONE_LIBRARY = 100
"""Kinds of one logger in a window; those beyond them are one kind, because its texts are never the same twice."""
VARIES = ("why", "path", "attempt", "again_in_s", "age_s", "notices", "exc_info")
"""Fields of our lines that differ from one line to the next of the same kind. All others tell lines apart."""
_VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]+|\d+", re.IGNORECASE)
Event = MutableMapping[str, Any]
Write = Callable[[str, Event], None]


def kind_of_record(record: logging.LogRecord) -> tuple[Hashable, ...]:
    """What makes two lines of a library the same: the logger, the level, the text before its values, the error."""
    error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
    return record.name, record.levelno, _shape(record.msg), error


def kind_of_event(level: str, event: Event) -> tuple[Hashable, ...]:
    """The same for a line of ours: level, event, and the fields that say what it is about."""
    about = sorted((name, str(value)) for name, value in event.items() if name not in VARIES)
    return level, tuple(about), _shape(event.get("why", "")), _shape(event.get("path", "")), _shape(_error(event))


def _shape(text: object) -> str:
    return _VARYING.sub("#", str(text)[:200])


def _error(event: Event) -> str:
    given = event.get("exc_info")
    why = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    return f"{type(why).__name__}: {why}"[:200] if isinstance(why, BaseException) else ""


@dataclass(slots=True)
class _Kind:
    """One kind of line that was written lately. `until` is when its window ends."""

    library: str
    until: float
    window: float
    left_out: int = 0
    level: str = ""
    last: Event | None = None


class Repeats:
    """Decides for each line whether it is written now. `write` gets the lines that tell of others left out."""

    def __init__(
        self, write: Write, clock: Callable[[], float] = time.monotonic, window: float = WINDOW_SECONDS
    ) -> None:
        self._write, self._clock, self._window = write, clock, window
        self._kinds: dict[Hashable, _Kind] = {}
        self._of_library: Counter[str] = Counter()
        self._due_at = float("inf")
        self._lock = threading.RLock()
        self._timed_in: asyncio.AbstractEventLoop | None = None

    def admits(self, key: Hashable, level: str, event: Event, library: str = "") -> bool:
        """Whether this line is to be written now; one that is not is counted. Tells first of what is due."""
        self.tell()
        with self._lock:
            if key not in self._kinds and library and self._of_library[library] >= MOST_OF_ONE_LIBRARY:
                key = library, "others"
            if (kind := self._kinds.get(key)) is None:
                self._remember(key, library)
                return True
            kind.left_out += 1
            error = {"error": found} if (found := _error(event)) else {}
            kind.level, kind.last = level, {n: v for n, v in event.items() if n != "exc_info"} | error
            self._come_back()
        return False

    def tell(self, *, everything: bool = False) -> None:
        """Writes a line for each kind whose window has ended and of which lines were left out; forgets quiet ones."""
        told: list[_Kind] = []
        with self._lock:
            now = self._clock()
            if now < self._due_at and not everything:
                return
            for key in [key for key, kind in self._kinds.items() if everything or kind.until <= now]:
                kind = self._kinds[key]
                if kind.last is None:
                    self._forget(key)
                else:
                    told.append(kind)
                    window = min(2 * kind.window, LONGEST_WINDOW_SECONDS)
                    self._kinds[key] = _Kind(kind.library, self._end_of(window), window)
            self._due_at = min((kind.until for kind in self._kinds.values()), default=float("inf"))
        self._tell_of(told)

    def _remember(self, key: Hashable, library: str) -> None:
        if len(self._kinds) >= MOST_KINDS:
            self._tell_of([self._forget(next(iter(self._kinds)))])
        self._kinds[key] = _Kind(library, self._end_of(self._window), self._window)
        self._of_library[library] += 1
        self._due_at = min(self._due_at, self._kinds[key].until)

    def _end_of(self, window: float) -> float:
        """In steps of a tenth of the first window, so that many kinds are due at one moment."""
        step = self._window / 10
        return math.ceil((self._clock() + window) / step) * step

    def _forget(self, key: Hashable) -> _Kind:
        kind = self._kinds.pop(key)
        self._of_library[kind.library] -= 1
        if not self._of_library[kind.library]:
            del self._of_library[kind.library]
        return kind

    def _tell_of(self, kinds: Sequence[_Kind]) -> None:
        for kind in kinds:
            if kind.last is not None:
                self._write(kind.level, {**kind.last, "repeated": kind.left_out})

    def _come_back(self) -> None:
        """Tells when the window ends; without a loop in this thread, the next line or the process's end does."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._timed_in is not loop:
            self._timed_in = loop
            loop.call_later(max(0.0, self._due_at - self._clock()), self._on_timer)

    def _on_timer(self) -> None:
        self._timed_in = None
        self.tell()
        if any(kind.last is not None for kind in self._kinds.values()):
            self._come_back()
