"""What stands in a query: read by hand, so that every refusal names the field and a stable reason."""

from datetime import UTC, datetime
from uuid import UUID

from chassis.http.problems import Problem


def whole_number(field: str, text: str | None, least: int, most: int, otherwise: int) -> int:
    """A whole number within bounds. `Problem` 400 number_unfit."""
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise Problem(400, "number_unfit", f"A whole number from {least} to {most}.", field=field)
    return int(text)


def report_id(text: str | None) -> UUID | None:
    """A report's id. `Problem` 400 report_id_unfit."""
    try:
        return UUID(text) if text is not None else None
    except ValueError as why:
        raise Problem(400, "report_id_unfit", "A report_id is a UUID.", field="report_id") from why


def instant(field: str, text: str | None) -> datetime:
    """An instant with its offset. `Problem` 400 instant_unfit."""
    at = _in_utc(text or "")
    if at is None:
        raise Problem(400, "instant_unfit", "Send an instant such as 2026-11-24T08:30:00+08:00.", field=field)
    return at


def _in_utc(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # a bare + in a query is a blank
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):  # at both ends of the calendar some offsets have no UTC
        return None


def one_of(field: str, text: str | None, words: tuple[str, ...]) -> str | None:
    """One of `words`, or None when nothing was sent. `Problem` 400 <field>_unfit."""
    if text is not None and text not in words:
        raise Problem(400, f"{field}_unfit", f"One of {', '.join(words)}.", field=field)
    return text
