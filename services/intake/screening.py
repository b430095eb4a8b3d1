"""Screening: whether a report may be shown in public. Whether it is filed is never asked here."""

from collections.abc import Sequence

from ahocorasick_rs import AhoCorasick

from chassis.plain_text import folded
from schemas.reports import Finding


class Words:
    """The city's word lists, matched in one pass over folded text, however many words there are."""

    def __init__(self, barred: Sequence[str], adverts: Sequence[str]) -> None:
        listed = [("word", word) for word in barred] + [("advert", word) for word in adverts]
        self._listed = [pair for pair in listed if folded(pair[1])]
        self._automaton = AhoCorasick([folded(word) for _, word in self._listed])

    def found_in(self, text: str) -> tuple[Finding, ...]:
        """Each listed word that occurs, once, in the order of the lists."""
        met = {i for i, _, _ in self._automaton.find_matches_as_indexes(folded(text), overlapping=True)}
        found = (self._listed[i] for i in sorted(met))
        return tuple(
            Finding(code="word", detail=word) if code == "word" else Finding(code="advert", detail=word)
            for code, word in found
        )


def screen(text: str, personal: Sequence[str], has_photo: bool, words: Words) -> tuple[Finding, ...]:
    """The findings on the words as the citizen wrote them; none means that the report may be shown in public."""
    found = (*words.found_in(text), *(Finding(code="personal_data", detail=kind) for kind in personal))
    return found if has_photo else (*found, Finding(code="photo_missing"))
