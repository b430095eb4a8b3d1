"""Screening: whether the words may be shown in public. Whether they are filed is never asked here."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.reports import Finding

_FULL_WIDTH = {ord("０") + n: str(n) for n in range(10)} | {ord("－"): "-", ord("　"): " ", ord("Ｘ"): "X"}
_GAP = r"[ \-.]{0,2}"
_PHONE = re.compile(rf"(?<!\d)(?:(?:\+|00)86{_GAP})?(1[3-9]\d){_GAP}(\d{{4}}){_GAP}(\d{{4}})(?!\d)")
_IDENTITY = re.compile(r"(?<!\d)\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx](?!\d)")


class Finder(Protocol):
    """A word list that is searched in one pass."""

    def find_matches_as_strings(self, text: str, /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Words:
    """The city's two lists, normalised by `normalise` before they were built."""

    barred: Finder
    adverts: Finder


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found (empty: may be published) and the text with personal numbers masked."""

    findings: tuple[Finding, ...]
    text: str
    masked: bool


def normalise(text: str) -> str:
    """What word lists are matched against: width and case folded, blanks and marks left out."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def screen(text: str, photos: int, words: Words) -> Verdict:
    """The verdict on the words of a report. Each word and each kind of personal data is found once."""
    plain = normalise(text)
    found = [Finding(code="word", detail=word) for word in sorted(set(words.barred.find_matches_as_strings(plain)))]
    found += [Finding(code="advert", detail=word) for word in sorted(set(words.adverts.find_matches_as_strings(plain)))]
    shown, kinds = mask(text)
    found += [Finding(code="personal_data", detail=kind) for kind in kinds]
    if not photos:
        found.append(Finding(code="photo_missing"))
    return Verdict(tuple(found), shown, shown != text)


def mask(text: str) -> tuple[str, Sequence[str]]:
    """The text with phone numbers as 138****1234 and identity numbers as stars, and which kinds were in it."""
    narrow = text.translate(_FULL_WIDTH)  # one character for one, so that places stay the same
    kinds = []
    for kind, pattern in (("identity_number", _IDENTITY), ("phone", _PHONE)):
        spans = [match.span() for match in pattern.finditer(narrow)]
        for start, end in reversed(spans):
            digits = re.sub(r"\D", "", narrow[start:end])[-11:]
            stars = f"{digits[:3]}****{digits[-4:]}" if kind == "phone" else "*" * (end - start)
            text, narrow = text[:start] + stars + text[end:], narrow[:start] + stars + narrow[end:]
        if spans:
            kinds.append(kind)
    return text, kinds


def is_phone(text: str) -> bool:
    """Whether the whole text is one mainland mobile number, however it is grouped."""
    return _PHONE.fullmatch(text.translate(_FULL_WIDTH).strip()) is not None
