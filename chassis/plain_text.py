"""Text as people see it: what cannot be seen is removed before anybody judges a text, compares it or keeps it."""

import re
import unicodedata
from typing import Any

_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_BREAKS = re.compile("[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
"""Vertical tabs, form feeds, separators of records, and the line breaks of Unicode: they become a line break."""
_BLANKS = re.compile("[\u115f\u1160\u2800\u3164\uffa0\U0001d159]")
"""Letters and symbols without ink, such as the Hangul filler and the empty Braille pattern: they become a space."""
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]"  # control characters; a tab and the line breaks of files stay
    "|[\xad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f]"
    "|[\ufe00-\ufe0e\ufeff\ufff0-\ufffc\U00013430-\U00013455\U0001bca0-\U0001bca3\U0001d173-\U0001d17a]"
    "|[\U000e0000-\U000e0fff]"  # tags and the variation selectors of ideographs
    "|[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"  # halves of characters, and what Unicode says is none
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
    # What joins two emoji, or says that a symbol or the digit of a keycap is one, belongs to what is seen.
    f"|(?<![{_EMOJI}])(?<![{_EMOJI}]\ufe0f)\u200d|\u200d(?![{_EMOJI}])"
    f"|(?<![{_EMOJI}0-9#*])\ufe0f|(?<=[0-9#*])\ufe0f(?!\u20e3)"
)
_IGNORED = re.compile("[\\s\u200d\ufe0f]+")


def cleaned(text: str) -> str:
    """`text` without control, format and direction characters and whatever else cannot be seen.

    Line breaks of any kind stay line breaks, letters without ink become spaces, and emoji stay whole. A text that has
    nothing of this comes back unchanged, blanks at its ends included.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub("", _BLANKS.sub(" ", _BREAKS.sub("\n", text)))


def cleaned_values(value: Any) -> Any:
    """A JSON value with every text in it cleaned; the names of fields stay as they are."""
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, dict):
        return {name: cleaned_values(part) for name, part in value.items()}
    return [cleaned_values(part) for part in value] if isinstance(value, list) else value


def visible_length(text: str) -> int:
    """How many characters of a cleaned text leave ink of their own: blanks and marks on other letters do not count."""
    return sum(unicodedata.category(letter)[0] not in "CMZ" for letter in text)


def folded(text: str) -> str:
    """What is equal for two texts that say the same: width, case, blanks and invisible characters do not matter."""
    return _IGNORED.sub("", cleaned(unicodedata.normalize("NFKC", cleaned(text)))).casefold()
