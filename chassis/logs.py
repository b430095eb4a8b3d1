"""Structured logs: one JSON object a line on standard output, UTC, with secrets and phone numbers blacked out.

Our own lines go straight to the stream; those of libraries come from the standard library's logging to the same place.
Lines that are repeated are bounded (`log_repeats.py`).
"""

import atexit
import logging
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, BinaryIO

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from chassis.log_repeats import Repeats, kind_of_event, kind_of_record
from chassis.personal import mask
from chassis.plain_text import cleaned

log: FilteringBoundLogger = structlog.get_logger()

_SECRET = re.compile(r"phone|contact|secret|authorization|password|api_?key|token|email", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEY = re.compile(r"\b(ssp_[a-z]{1,32}_|whsec_)[A-Za-z0-9_\-+/=]{8,}")


class _Lines:
    """Where lines go. One for the process, because loggers keep it once they have it."""

    service = ""
    out: BinaryIO = sys.stdout.buffer
    repeats: Repeats

    def msg(self, line: bytes) -> None:
        self.out.write(line + b"\n")
        self.out.flush()

    debug = info = warning = error = critical = msg


_LINES = _Lines()


def _write(level: str, event: EventDict) -> None:
    for process in _FORM:
        event = process(None, level, event)
    _LINES.msg(event)  # type: ignore[arg-type]  # the last processor made bytes of it


_LINES.repeats = Repeats(_write)


class _FromLibraries(logging.Handler):
    """Gives what libraries say the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        event: EventDict = {"event": record.getMessage(), "logger": record.name, "exc_info": record.exc_info}
        level = record.levelname.lower()
        if _LINES.repeats.admits(kind_of_record(record), level, event, record.name):
            _write(level, event)


def _tell_of_the_rest() -> None:
    _LINES.repeats.tell(everything=True)


def _without_repeats(_: WrappedLogger, level: str, event: EventDict) -> EventDict:
    if level in _BOUNDED and not _LINES.repeats.admits(kind_of_event(level, event), level, event):
        raise structlog.DropEvent
    return event


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Blacks out values under telling names and masks personal numbers and keys inside any text, at any depth."""
    return {name: "[redacted]" if _is_secret(name) else _clean(value) for name, value in event.items()}


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        value = value if _UUID.fullmatch(value) else mask(cleaned(value))[0]
        return _KEY.sub(r"\1[redacted]", value) if "ssp_" in value or "whsec_" in value else value
    if isinstance(value, Mapping):
        return {k: "[redacted]" if _is_secret(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return value


def _of_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {"service": _LINES.service, **event}


def _as_bytes(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)


_BOUNDED = ("warning", "error", "critical", "exception")
"""Levels of ours that an outage can repeat without end; what is told as `info` happened once."""
_FORM: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.format_exc_info,
    redact,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _of_service,
    _as_bytes,
]


_PROCESSORS: list[Any] = [_without_repeats, *_FORM]
"""One list for the process: loggers keep the one that they were first used with."""


def configure(service: str, level: str = "INFO", out: BinaryIO | None = None) -> None:
    """Makes every line of this process JSON, the libraries' included, with its `service`. `out`: standard output."""
    _LINES.service, _LINES.out, _LINES.repeats = service, out or sys.stdout.buffer, Repeats(_write)
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=lambda *_: _LINES,
        wrapper_class=structlog.make_filtering_bound_logger(level.lower()),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_FromLibraries()], level=level, force=True)
    atexit.unregister(_tell_of_the_rest)
    atexit.register(_tell_of_the_rest)
    for noisy in ("aiokafka", "faststream", "uvicorn.access", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
