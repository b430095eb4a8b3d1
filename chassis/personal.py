"""Blacking out: personal numbers and e-mail addresses are taken out of a text, and nothing else of it changes."""

import re
from collections.abc import Collection

from chassis.digit_runs import Plain, plain
from chassis.personal_numbers import Found, personal_numbers

KINDS = ("id_number", "phone", "email")
"""What is blacked out; `mask` names what it found in this order."""
_EMAIL = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}\s{0,2}@\s{0,2}([A-Za-z0-9-]{1,63}(?:[.。][A-Za-z0-9-]{1,63}){1,4})", re.ASCII
)
_NUMERAL = re.compile("[〇零○幺两一二三四五六七八九壹贰叁肆伍陆柒捌玖貳參陸]")
_DIGIT = re.compile("[\\d\u00b2\u00b3\u00b9\u2070-\u2089\u2460-\u24ff\u2776-\u2793\U0001f100-\U0001f10c]")
_FEWEST = 8
"""No number that is blacked out has fewer digits."""


def mask(text: str, public: Collection[str] = ()) -> tuple[str, tuple[str, ...]]:
    """`text` with personal numbers blacked out (`138****0000`), and the kinds that were found.

    `public` are the digits of telephone numbers that everybody may read (`public_numbers.py`). Numbers are found in the
    plain form of the text, whatever its width and separators; everything else stays as it was written.
    """
    kinds: set[str] = set()
    digits, numerals = len(_DIGIT.findall(text)), len(_NUMERAL.findall(text))
    if digits >= _FEWEST:
        text = _without_numbers(text, plain(text), public, kinds)
    if numerals and digits + numerals >= _FEWEST:
        text = _without_numbers(text, plain(text, numerals=True), public, kinds)
    if "@" in text or "＠" in text or "﹫" in text:
        text = _without_addresses(text, kinds)
    return text, tuple(kind for kind in KINDS if kind in kinds)


def _without_numbers(text: str, seen: Plain, public: Collection[str], kinds: set[str]) -> str:
    parts, done = [], 0
    for found in personal_numbers(seen.text, public):
        kinds.add(found.kind)
        parts += [text[done : seen.origin[found.begin]], _starred(text, seen, found)]
        done = seen.origin[found.end - 1] + 1
    return "".join((*parts, text[done:]))


def _starred(text: str, seen: Plain, found: Found) -> str:
    """The ends of the number as they were written, and asterisks for the rest."""
    shown = [_written(text, seen, place) for place in found.letters]
    hidden = "*" * max(4, len(shown) - found.head - found.tail)
    return "".join((*shown[: found.head], hidden, *shown[len(shown) - found.tail :]))


def _written(text: str, seen: Plain, place: int) -> str:
    """The digit as it was written, but for a sign that means several, such as ⑩."""
    origin = seen.origin[place]
    several = origin in (*seen.origin[max(0, place - 1) : place], *seen.origin[place + 1 : place + 2])
    return seen.text[place] if several else text[origin]


def _without_addresses(text: str, kinds: set[str]) -> str:
    seen = plain(text)
    parts, done = [], 0
    for found in _EMAIL.finditer(seen.text):
        kinds.add("email")
        begin, host = seen.origin[found.start()], seen.origin[found.start(1)]
        end = seen.origin[found.end() - 1] + 1
        parts += [text[done : begin + 1], "****＠", text[host:end]]
        done = end
    return "".join((*parts, text[done:]))
