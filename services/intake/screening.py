"""Screening: whether a report may be shown in public. Whether it is filed is never asked here."""

import re
import unicodedata
from collections.abc import Sequence

from ahocorasick_rs import AhoCorasick

from schemas.reports import Finding

_UNSEEN = re.compile("[\\s\u200b-\u200d\u2060\ufeff\u00ad]+")
_GAP = "[\\s\\-－\u200b-\u200d\u2060\ufeff\u00ad]{0,2}"
_PHONE = re.compile(rf"(?<!\d)(?:(?:[+＋]|[0０]{{2}})?[8８][6６]{_GAP})?[1１][3-9３-９]\d(?:{_GAP}\d){{8}}(?!\d)")
_ID_NUMBER = re.compile(r"(?<!\d)[1-9１-９]\d{16}[\dXxＸｘ](?![\dXxＸｘ])")
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}[@＠][A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_KINDS = (("id_number", _ID_NUMBER, 2, 2), ("phone", _PHONE, 3, 4), ("email", _EMAIL, 1, 0))


class Words:
    """The city's word lists, matched in one pass over normalised text, however many words there are."""

    def __init__(self, barred: Sequence[str], adverts: Sequence[str]) -> None:
        listed = [("word", word) for word in barred] + [("advert", word) for word in adverts]
        self._listed = [pair for pair in listed if normalise(pair[1])]
        self._automaton = AhoCorasick([normalise(word) for _, word in self._listed])

    def found_in(self, text: str) -> tuple[Finding, ...]:
        """Each listed word that occurs, once, in the order of the lists."""
        met = {i for i, _, _ in self._automaton.find_matches_as_indexes(normalise(text), overlapping=True)}
        found = (self._listed[i] for i in sorted(met))
        return tuple(
            Finding(code="word", detail=word) if code == "word" else Finding(code="advert", detail=word)
            for code, word in found
        )


def normalise(text: str) -> str:
    """Width, case, spaces and invisible characters do not matter for a match."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold()


def mask(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` with personal numbers blacked out (`138****0000`), and the kinds that were found."""
    kinds = []
    for kind, pattern, head, tail in _KINDS:
        masked = pattern.sub(lambda match, head=head, tail=tail: _starred(match.group(), head, tail), text)  # type: ignore[misc]
        if masked != text:
            kinds.append(kind)
        text = masked
    return text, tuple(kinds)


def screen(text: str, personal: Sequence[str], has_photo: bool, words: Words) -> tuple[Finding, ...]:
    """The findings on the words as the citizen wrote them; none means that the report may be shown in public."""
    found = (*words.found_in(text), *(Finding(code="personal_data", detail=kind) for kind in personal))
    return found if has_photo else (*found, Finding(code="photo_missing"))


def _starred(found: str, head: int, tail: int) -> str:
    name, at, host = found.replace("@", "＠").rpartition("＠")
    if at:
        return f"{name[:head]}****＠{host}"
    bare = re.sub(r"^(?:[+＋]|[0０]{2})?[8８][6６]|[^\dXxＸｘ]", "", found)
    return f"{bare[:head]}{'*' * max(4, len(bare) - head - tail)}{bare[-tail:]}"
