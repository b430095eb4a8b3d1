"""Case numbers for people: 19 digits = district 6 + local date of filing 8 + sequence 5 (process.md section 6)."""

from datetime import date

LAST = 99_999
"""The last sequence of one district and day."""


def case_number(district: str, day: date, sequence: int) -> str | None:
    """The number, or None when the district's numbers of that day have run out: the case then waits for a person."""
    if not 1 <= sequence <= LAST:
        return None
    return f"{district}{day:%Y%m%d}{sequence:05d}"
