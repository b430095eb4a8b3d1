"""Which digits of a text are a person's number: an identity number or a telephone number, however it is grouped.

An identity number has 17 digits and a check character (GB 11643-1999) and holds a real date. The old form of 15 digits
has no check character, and too many other numbers look like it, so it is not looked for. A telephone number is a mobile
number of mainland China, a landline with its area code, or a number of another country after a plus sign. Hotlines such
as 110, 12345, 95598 and 400-123-4567 have none of these forms.
"""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from chassis.digit_runs import Run, runs

_CHECKED_BY_X = re.compile(r"[\W_]{0,6}[Xx](?![0-9A-Za-z])")
_MOBILE = re.compile(r"(?:0{0,2}86)?0?(1[3-9]\d{9})")
_LANDLINE = re.compile(r"(?:(?:00)?860?)?(0(?:10|2[0-57-9]|[3-9]\d\d))(?=[1-9])")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_ALWAYS = {(11,), (3, 4, 4), (1,) * 11}
"""How many digits the groups of a mobile number have, whatever stands between them."""
_USUAL = {
    (3, 8),
    (7, 4),
    (4, 7),
    (5, 6),
    (4, 3, 4),
    (4, 4, 3),
    (3, 3, 5),
    (3, 5, 3),
    (5, 3, 3),
    (3, 4, 2, 2),
    (3, 2, 2, 4),
}
"""The same, unless a sign of a list stands between them: `151、152、15300` are three numbers."""
_LOCAL = {(7,), (8,), (3, 4), (4, 3), (4, 4), (3, 5), (2, 2, 3), (2, 3, 2), (3, 2, 2), (2, 2, 2, 2), (1,) * 7, (1,) * 8}
_LISTING = frozenset(",;:!?、。")
_SPACED, _DOTTED, _IN_FOREIGN = frozenset(" -"), frozenset("._·•‧∙⋅・"), frozenset(" -()")
_FOREIGN = range(8, 16)
Span = tuple[int, int, int, int]
"""Of the digits of a run: the first of the number, the one behind its last; how many may be seen at either end."""


@dataclass(frozen=True, slots=True)
class Found:
    """A personal number from `begin` to `end` in a plain text. `letters` are the places of its digits without a country
    code; the first `head` and the last `tail` of them may still be seen."""

    kind: Literal["id_number", "phone"]
    begin: int
    end: int
    letters: tuple[int, ...]
    head: int
    tail: int


def personal_numbers(text: str, public: Collection[str] = ()) -> Iterator[Found]:
    """The personal numbers in a plain text, in order, but for telephone numbers whose digits are in `public`."""
    for run in runs(text):
        done, ends = 0, frozenset(run.bounds[1:])
        for start in run.bounds[:-1]:
            if start < done or text[max(0, run.at[start] - 4) : run.at[start]] == "****":  # blacked out before
                continue
            found = _identity(text, run, ends, start) or _phone(text, run, ends, start)
            if found is not None:
                done = bisect_left(run.at, found.end)
                if found.kind == "id_number" or "".join(text[n] for n in found.letters) not in public:
                    yield found


def _identity(text: str, run: Run, ends: frozenset[int], start: int) -> Found | None:
    body = run.digits[start : start + 17]
    if len(body) < 17 or body[0] == "0" or not _is_date(body[6:14]) or _is_listed(run, start, start + 17):
        return None
    check = _CHECKS[sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True)) % 11]
    letters = run.at[start : start + 17]
    if check != "X":
        last = run.at[start + 17] if start + 18 in ends and run.digits[start + 17] == check else None
    else:
        found = _CHECKED_BY_X.match(text, letters[-1] + 1) if start + 17 in ends else None
        last = found.end() - 1 if found else None
    return Found("id_number", letters[0], last + 1, (*letters, last), 2, 2) if last is not None else None


def _is_listed(run: Run, first: int, upto: int) -> bool:
    """Whether the digits are those of several things in a row, such as a number, a date and a time of day."""
    kinds = run.grouping(first, upto)[1]
    return len(kinds) > 3 and bool(kinds & _LISTING)


def _is_date(digits: str) -> bool:
    try:
        return 1800 <= date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).year < 2100
    except ValueError:
        return False


def _phone(text: str, run: Run, ends: frozenset[int], start: int) -> Found | None:
    span = _mobile(run, ends, start) or _landline(run, ends, start) or _foreign(text, run, start)
    if span is None:
        return None
    first, upto, head, tail = span
    begin, end = run.at[start], run.at[upto - 1] + 1
    return Found("phone", _widened(text, begin, end), end, run.at[first:upto], head, tail)


def _mobile(run: Run, ends: frozenset[int], start: int) -> Span | None:
    found = _MOBILE.match(run.digits, start)
    if found is None or found.end() not in ends:
        return None
    sizes, kinds = run.grouping(found.start(1), found.end())
    usual = sizes in _ALWAYS or (sizes in _USUAL and not kinds & _LISTING)
    one_kind = kinds <= _SPACED or (len(kinds) == 1 and kinds <= _DOTTED and len(sizes) > 2)
    return (found.start(1), found.end(), 3, 4) if usual or one_kind else None


def _landline(run: Run, ends: frozenset[int], start: int) -> Span | None:
    found = _LANDLINE.match(run.digits, start)
    if found is None or len(run.grouping(*found.span(1))[0]) > 1:  # nobody parts an area code
        return None
    for upto in {found.end() + 8, found.end() + 7} & ends:
        sizes, kinds = run.grouping(found.end(), upto)
        if sizes in _LOCAL and len(kinds) < 2 and not kinds & _LISTING:
            return found.start(1), upto, found.end() - found.start(1), 2
    return None


def _foreign(text: str, run: Run, start: int) -> Span | None:
    if run.digits[start] == "0" or text[max(0, run.at[start] - 1)] != "+":
        return None
    upto = start
    for group in range(bisect_left(run.bounds, start) + 1, len(run.bounds)):
        if run.bounds[group] - start >= _FOREIGN.stop:
            break
        upto = run.bounds[group]
        if group == len(run.bounds) - 1 or run.kinds[group - 1] not in _IN_FOREIGN:
            break
    return (start, upto, 0, 2) if upto - start in _FOREIGN else None


def _widened(text: str, begin: int, end: int) -> int:
    """Where the number begins with its plus sign and with the bracket that ends inside it: `(+86)138…`."""
    if begin and text[begin - 1] == "+":
        begin -= 1
    if begin and text[begin - 1] == "(" and text.count(")", begin, end) > text.count("(", begin, end):
        begin -= 1
    return begin
