"""The envelope: CloudEvents 1.0 in Kafka's binary mode, attributes in headers, JSON in the value."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID


class Unreadable(Exception):
    """No reading of this record will ever succeed. `reason` is a stable code, the text one line without its words."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes of one record that this system relies on."""

    event_id: UUID
    kind: str
    source: str
    at: datetime


def headers_of(event_id: UUID, kind: str, source: str, at: datetime, traceparent: str | None = None) -> dict[str, str]:
    """The headers of a record to be published. `at` is aware; `source` is the service's name."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(event_id),
        "ce_type": kind,
        "ce_source": f"/{source}",
        "ce_time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
    }
    return headers | ({"traceparent": traceparent} if traceparent else {})


def open_envelope(record: Any) -> Envelope:
    """The envelope of a raw record.

    Raises `Unreadable`: no_value, unreadable_headers, missing_<attribute>, unfit_ce_id, unfit_ce_time.
    """
    if not record.value:
        raise Unreadable("no_value")
    headers = _text_headers(record.headers)
    for name in ("ce_id", "ce_type", "ce_source", "ce_time"):
        if not headers.get(name):
            raise Unreadable(f"missing_{name}")
    try:
        event_id = UUID(headers["ce_id"])
    except ValueError as why:
        raise Unreadable("unfit_ce_id") from why
    return Envelope(event_id, headers["ce_type"], headers["ce_source"].lstrip("/"), _instant(headers["ce_time"]))


def check_source(record: Any, writer: str) -> None:
    """Raises `Unreadable` `foreign_source` if the record names any source but `writer`, the topic's only one.

    Whoever may write to Kafka can claim any source; this finds mistakes, and access rights keep others out. A record
    that names no source, or not in UTF-8, is left to `open_envelope`.
    """
    for name, value in record.headers or ():
        if name == "ce_source" and value and value.lstrip(b"/") != writer.encode():
            raise Unreadable("foreign_source", f"the topic is written by {writer} alone")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as why:
        raise Unreadable("unfit_ce_time") from why
    if at.tzinfo is None:
        raise Unreadable("unfit_ce_time", "no offset")
    return at


def _text_headers(headers: Any) -> dict[str, str]:
    try:
        return {name: value.decode("utf-8") for name, value in headers if name.startswith("ce_")}
    except (UnicodeDecodeError, AttributeError) as why:
        raise Unreadable("unreadable_headers") from why
