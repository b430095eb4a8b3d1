"""Digits in a text, however they are written: wide, circled, as Chinese numerals, with separators between them."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

from chassis.plain_text import cleaned

LONGEST_GAP = 6
"""Characters that may stand between two groups of digits of one number."""
_GROUP = re.compile("[0-9]+")
_NUMERALS = {"○": "0", "幺": "1", "两": "2"}
"""Used as numerals, though Unicode does not say so."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A text without width, marks and invisible characters, and for each of its letters where it stood before."""

    text: str
    origin: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Groups of digits that only separators part. `at` says for each of `digits` where it stands in the plain text.
    `bounds` says which of them begin a group, and last how many there are; `kinds` has what parts the groups."""

    digits: str
    at: tuple[int, ...]
    bounds: tuple[int, ...]
    kinds: tuple[str, ...]

    def grouping(self, first: int, upto: int) -> tuple[tuple[int, ...], frozenset[str]]:
        """How many of the digits from `first` to before `upto` each group has, and what parts these groups."""
        inner = range(bisect_right(self.bounds, first), bisect_left(self.bounds, upto))
        marks = [first, *(self.bounds[n] for n in inner), upto]
        return tuple(end - begin for begin, end in pairwise(marks)), frozenset(self.kinds[n - 1] for n in inner)


def plain(text: str, numerals: bool = False) -> Plain:
    """The plain form of `text`. With `numerals`, Chinese numerals from 0 to 9 are digits as well."""
    letters: list[str] = []
    origin: list[int] = []
    for place, letter in enumerate(text):
        for found in letter if letter.isascii() else _plain_letter(letter, numerals):
            letters.append(found)
            origin.append(place)
    return Plain("".join(letters), tuple(origin))


def runs(text: str) -> Iterator[Run]:
    """The runs of a plain text, in order. Four asterisks, which blacking out leaves, end a run like a letter does."""
    groups: list[re.Match[str]] = []
    for group in _GROUP.finditer(text):
        if groups and not _separates(text[groups[-1].end() : group.start()]):
            yield _run(text, groups)
            groups = []
        groups.append(group)
    if groups:
        yield _run(text, groups)


def _run(text: str, groups: list[re.Match[str]]) -> Run:
    at = tuple(place for group in groups for place in range(group.start(), group.end()))
    bounds = tuple(accumulate((len(group.group()) for group in groups), initial=0))
    kinds = tuple(_kind(text[one.end() : other.start()]) for one, other in pairwise(groups))
    return Run("".join(group.group() for group in groups), at, bounds, kinds)


def _kind(gap: str) -> str:
    """What separates: a blank, `-` for a dash of any length, the sign if it is one, else all of it without blanks."""
    signs = {"-" if unicodedata.category(sign) == "Pd" or sign in "−~" else sign for sign in gap if not sign.isspace()}
    return signs.pop() if len(signs) == 1 else " " if not signs else gap


def _separates(gap: str) -> bool:
    return len(gap) <= LONGEST_GAP and "****" not in gap and not any(letter.isalnum() for letter in gap)


@lru_cache(8192)
def _plain_letter(letter: str, numerals: bool) -> str:
    seen = "" if unicodedata.category(letter)[0] == "M" else cleaned(letter)
    return "".join(_as_digit(found, numerals) for found in unicodedata.normalize("NFKC", seen))


def _as_digit(letter: str, numerals: bool) -> str:
    if letter.isascii():
        return letter
    if (digit := unicodedata.digit(letter, None)) is not None:
        return str(digit)
    if not numerals:
        return letter
    value = unicodedata.numeric(letter, -1.0)
    return str(int(value)) if value in range(10) else _NUMERALS.get(letter, letter)
