"""Telephone numbers that a pack publishes: hotlines and offices that everybody may call and that are not personal."""

from pathlib import Path

from chassis.digit_runs import plain
from chassis.pack import Row, read_table

TABLE = "numbers.csv"


class NumberRow(Row):
    """A line of `numbers.csv`: the number as people write it, and whose it is."""

    number: str
    name: str


def read_public_numbers(folder: Path) -> frozenset[str]:
    """The digits of the numbers in the pack's `numbers.csv`; none if there is no such file.

    Raises `PackError` for what is no number (3 to 15 digits) and for a number that stands there twice.
    """
    if not (folder / TABLE).exists():
        return frozenset()
    found: set[str] = set()
    for row in read_table(folder / TABLE, NumberRow):
        digits = "".join(letter for letter in plain(row.number).text if letter.isdigit())
        if not 3 <= len(digits) <= 15:
            raise row.wrong(TABLE, "number must have 3 to 15 digits; write a landline with its area code")
        if digits in found:
            raise row.wrong(TABLE, f"number {row.number} is listed already")
        found.add(digits)
    return frozenset(found)
