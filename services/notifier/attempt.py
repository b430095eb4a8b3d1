"""When one notice is tried again, and when no more: ten tries over three days."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal
from uuid import UUID

Outcome = Literal["delivered", "unavailable", "gone"]

WAITS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Before the first try, the second, … : 75 h 35 min and 5 s in all, before the spread."""
LONGEST_WAIT = timedelta(hours=24)
"""What a `Retry-After` may ask for at most."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to send one notice: when, its outcome, and what the recipient's side asked for or said."""

    at: datetime
    outcome: Outcome
    retry_after: timedelta = timedelta(0)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Send:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Not before this instant."""

    due: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """Never again, and why."""

    state: Literal["delivered", "gone", "gave_up"]


def spread_of(notice_id: UUID) -> float:
    """0.8 to 1.2, always the same for one notice: keeps the retries of an outage from arriving together."""
    return min(1.2, 0.8 + 0.4 * (notice_id.int % 10_007) / 10_006)


def next_step(tried: int, last: Attempt | None, at: datetime, spread: float) -> Send | WaitUntil | Stop:
    """What one notice needs at `at` after `tried` tries, `last` being the newest. `spread` comes from `spread_of`."""
    if last is None:
        return Send()
    if last.outcome != "unavailable":
        return Stop(last.outcome)
    if tried >= len(WAITS):
        return Stop("gave_up")
    due = last.at + max(WAITS[tried] * spread, min(last.retry_after, LONGEST_WAIT))
    return Send() if at >= due else WaitUntil(due)


def retry_after_of(header: str | None, at: datetime) -> timedelta:
    """What a `Retry-After` header asks for, in seconds or as a date (RFC 9110, 10.2.3); nothing if unfit."""
    if not header:
        return timedelta(0)
    if header.isascii() and header.isdigit():
        return timedelta(seconds=min(int(header[:9]), LONGEST_WAIT.total_seconds()))
    try:
        asked = parsedate_to_datetime(header)
    except (ValueError, OverflowError):  # a year or an offset beyond all bounds overflows
        return timedelta(0)
    aware = asked if asked.tzinfo else asked.replace(tzinfo=UTC)
    return min(max(aware - at, timedelta(0)), LONGEST_WAIT)
