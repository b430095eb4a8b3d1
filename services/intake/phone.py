"""A telephone number as people type it, and as it is kept: digits, with a leading plus sign if one was typed."""

import re
import unicodedata

from chassis.plain_text import cleaned

_SEPARATORS = re.compile(r"[\s().·•/_\-\u2010-\u2015\u2212]+")
_MOBILE = re.compile(r"(?:\+?86|0086)?1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"(?:(?:\+?86|0086)0?|0)(?:10|2[0-57-9]|[3-9][0-9]{2})[1-9][0-9]{6,7}")
_FOREIGN = re.compile(r"(?:\+|00)(?!86)([1-9][0-9]{6,14})")


def canonical(typed: str) -> str | None:
    """The number without separators, in plain digits; None if it cannot be anybody's.

    It can be a mobile number of mainland China or a landline with its area code, both with or without the country code,
    or a number of another country after + or 00: 7 to 15 digits that are not all the same.
    """
    number = _SEPARATORS.sub("", unicodedata.normalize("NFKC", cleaned(typed)))
    if _MOBILE.fullmatch(number) or _LANDLINE.fullmatch(number):
        return number
    foreign = _FOREIGN.fullmatch(number)
    return number if foreign and len(set(foreign[1])) > 1 else None
