"""The words a recipient is told: templates of the city pack, filled with what the event says, and their frame."""

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

from schemas.cases import CaseClosed, CaseDeclined, CaseEvent, CaseVoided
from schemas.events import Named, Words

FIELDS = frozenset({"case_number", "platform", "deadline", "until", "reason", "reply"})


@dataclass(frozen=True, slots=True)
class Wording:
    """One template in both languages for each event, and the city's time, in which instants are told."""

    templates: Mapping[str, Words]
    zone: tzinfo


def unknown_fields(template: str) -> set[str]:
    """What stands in braces and no event can fill, formats included; an unpaired brace is the field "{"."""
    try:
        named = {
            name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            for _, name, form, conversion in string.Formatter().parse(template)
            if name is not None
        }
    except ValueError:
        return {"{"}
    return named - FIELDS


def word(event: CaseEvent, case_number: str | None, platform: Named | None, wording: Wording) -> Words:
    """What is said about `event`. `case_number` and `platform` are the case's after it; what is unknown stays empty."""
    said = {
        "case_number": case_number or "",
        "platform": platform.name if platform else "",
        "deadline": _local(getattr(event, "deadline", None), wording.zone),
        "until": _local(getattr(event, "until", None), wording.zone),
        "reason": getattr(event, "reason", ""),
        "reply": getattr(event, "reply", ""),
    }
    template = wording.templates[event.kind]
    return Words(zh=template.zh.format_map(said), en=template.en.format_map(said))


def reply_of(event: CaseEvent) -> dict[str, Any] | None:
    """The city's answer as the feed tells it, None while there is none.

    `outcome`: closed, closed_undone, declined, void. The answer to a dispute is in the words alone: the result is still
    that of the closing which the centre stands by.
    """
    match event:
        case CaseClosed(reply=text, media=media, outcome=outcome):
            return {"at": _wire(event.at), "text": text, "media": list(media), "outcome": outcome}
        case CaseDeclined(reply=text):
            return {"at": _wire(event.at), "text": text, "media": [], "outcome": "declined"}
        case CaseVoided(reply=text):
            return {"at": _wire(event.at), "text": text, "media": [], "outcome": "void"}
    return None


def _local(at: datetime | None, zone: tzinfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at else ""


def _wire(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Item:
    """One notice as its recipient reads it, in the feed and as the body of a callback. `reply` is JSON text.

    `notice_id` is one for each channel; `dedup_key` is the same in all channels for one event and recipient.
    """

    notice_id: UUID
    dedup_key: UUID
    report_id: UUID
    reporter_ref: str | None
    case_id: UUID
    event: str
    seq: int
    at: datetime
    text: Words
    reply: str | None

    def as_json(self) -> bytes:
        """The same bytes at every attempt. `reporter_ref` is null towards platforms and after an erasure."""
        body = {
            "notice_id": str(self.notice_id),
            "dedup_key": str(self.dedup_key),
            "report_id": str(self.report_id),
            "reporter_ref": self.reporter_ref,
            "case_id": str(self.case_id),
            "event": self.event,
            "seq": self.seq,
            "at": _wire(self.at),
            "text": {"zh": self.text.zh, "en": self.text.en},
            "reply": json.loads(self.reply) if self.reply else None,
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
