"""Structured logs: one JSON object a line on standard output, UTC, with secrets and phone numbers blacked out."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_SECRET = re.compile(r"phone|contact|secret|authorization|password|api_?key|token|email", re.IGNORECASE)
_PHONE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)")
_KEY = re.compile(r"\b(ssp_[a-z]+_|whsec_)[A-Za-z0-9_\-+/=]{8,}")


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Blacks out values under telling names and masks phone numbers and keys inside any text, at any depth."""
    return {name: "[redacted]" if _SECRET.search(name) else _clean(value) for name, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _KEY.sub(r"\1[redacted]", _PHONE.sub(r"\1****\2", value))
    if isinstance(value, Mapping):
        return {k: "[redacted]" if _SECRET.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return value


def _dumps(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(service: str, level: str = "INFO") -> None:
    """Makes every line of this process JSON, the libraries' included; each carries `service`."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _, __, event: {"service": service, **event},
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    render: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(_dumps),
    ]
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=render))
    logging.basicConfig(handlers=[lines], level=level, force=True)
    for noisy in ("aiokafka", "faststream", "uvicorn.access", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
