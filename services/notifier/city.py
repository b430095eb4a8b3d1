"""What the notifier reads of the city pack, once at start: the words that recipients are told, and the city's time."""

import re
from datetime import timedelta, timezone
from pathlib import Path

from chassis.pack import PackError, Row, read_table
from schemas.events import Words
from services.notifier.owed import TOLD
from services.notifier.wording import Wording, unknown_fields

_OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")


class ReplyRow(Row):
    """A line of `replies.csv`."""

    event: str
    stage: str
    zh: str
    en: str


class PolicyRow(Row):
    """A line of `policy.csv`."""

    name: str
    value: str | None
    note: str | None


def read_wording(folder: Path) -> Wording:
    """The city's wording. Raises `PackError` for a missing event, a field no event has, or an unfit `utc_offset`."""
    templates = {}
    for row in read_table(folder / "replies.csv", ReplyRow, unique="event"):
        if row.event in TOLD and (unknown := unknown_fields(row.zh) | unknown_fields(row.en)):
            raise row.wrong("replies.csv", f"no event fills {', '.join(sorted(unknown))}")
        templates[row.event] = Words(zh=row.zh, en=row.en)
    if missing := TOLD - templates.keys():
        raise PackError(f"replies.csv: no words for {', '.join(sorted(missing))}")
    return Wording(templates, _zone(folder))


def _zone(folder: Path) -> timezone:
    for row in read_table(folder / "policy.csv", PolicyRow, unique="name"):
        if row.name == "utc_offset":
            if not (found := _OFFSET.fullmatch(row.value or "")):
                raise row.wrong("policy.csv", "utc_offset must look like +08:00")
            sign, hours, minutes = found.groups()
            return timezone(timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1))
    raise PackError("policy.csv: utc_offset is missing")
