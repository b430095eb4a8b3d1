"""What the centre might answer: for each case that waits, an act with the body it would take, and why. Pure.

Nothing is done by itself: a person sends it, changed or not.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.router.case import Case
from services.router.city import City
from services.router.opening import unfit

MOST_CATEGORIES = 3
_LEAST_LIKENESS = 0.34
_DOUBTFUL = {"advert": "advert", "fraud_sign": "fraud"}
"""What screening found, to the reason for which the case may be declined."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like a text is to what citizens say for each category: pairs of characters that both have, rare ones more."""

    synonyms: Mapping[str, tuple[str, ...]]
    _rarity: dict[str, float] = field(default_factory=dict)
    _phrases: list[tuple[str, frozenset[str], float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        phrases = [(code, _pairs(words)) for code, all_words in self.synonyms.items() for words in all_words]
        counted = Counter(pair for _, pairs in phrases for pair in pairs)
        self._rarity.update({pair: math.log(1 + len(phrases) / n) for pair, n in counted.items()})
        self._phrases.extend((code, pairs, self._weight(pairs)) for code, pairs in phrases if pairs)

    def categories(self, text: str) -> list[str]:
        """Up to three codes, the likeliest first; none if nothing is like it."""
        said = _pairs(text)
        best: dict[str, float] = {}
        for code, pairs, whole in self._phrases:
            if common := pairs & said:
                best[code] = max(best.get(code, 0.0), self._weight(common) / whole)
        likely = sorted((-score, code) for code, score in best.items() if score >= _LEAST_LIKENESS)
        return [code for _, code in likely[:MOST_CATEGORIES]]

    def _weight(self, pairs: frozenset[str]) -> float:
        return sum(self._rarity[pair] for pair in pairs)


def suggested(case: Case, city: City, likeness: Likeness) -> dict[str, Any] | None:
    """`act`, `body` and `why` for a case that waits; None if only a person can tell, or nothing waits."""
    if case.state == "held":
        return _of_held(case, city, likeness)
    if case.state == "filed" and case.waits_for:
        return _of_unplaced(case, city)
    if case.state == "handled":
        return _of_handled(case)
    return None


def _of_held(case: Case, city: City, likeness: Likeness) -> dict[str, Any] | None:
    if reason := _DOUBTFUL.get(case.waits_for):
        return _answer(
            "decline", {"reason": reason, "reply": city.reasons.get(("decline", reason), "")}, case.waits_for
        )
    body: dict[str, Any] = {}
    found = likeness.categories(case.text) if case.category not in city.clocks else []
    if case.category not in city.clocks and found:
        body["category"] = found[0]
    district = _district_in(case.place.address, city) if case.district not in city.district_names else None
    if district is not None:
        body["district"] = district
    if unfit(body.get("category", case.category), body.get("district", case.district), city) is not None:
        return None
    return _answer("file", body, case.waits_for, others=_named(found[1:], city))


def _of_unplaced(case: Case, city: City) -> dict[str, Any] | None:
    """Somebody whom the rules name and who has not returned it; else the place takes it (属地兜底, process.md 5)."""
    home = city.rules.platform_of_district.get(case.district or "")
    named = (*city.rules.choose_platform(case.category or "", case.district or "").candidates, home)
    fresh = next((code for code in named if code is not None and code not in case.returned_by), None)
    if fresh is not None:
        return _answer("dispatch", {"platform": fresh}, "has_not_returned_it")
    return _answer("dispatch", {"platform": home}, "the_place_takes_it") if home else None


def _of_handled(case: Case) -> dict[str, Any]:
    if case.waits_for == "chosen_for_check":
        return _answer("close", {}, "nothing_suspicious")
    return _answer("rework", {"reason": case.waits_for}, case.waits_for)


def _answer(act: str, body: dict[str, Any], why: str, others: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"act": act, "body": body, "why": why, "other_categories": list(others)}


def _named(codes: Sequence[str], city: City) -> list[dict[str, Any]]:
    return [{"code": code, "name": city.category_names.get(code)} for code in codes]


def _district_in(address: str, city: City) -> str | None:
    return next((code for code, name in city.district_names.items() if name in address), None)


def _pairs(text: str) -> frozenset[str]:
    plain = "".join(text.split())
    return frozenset(plain[n : n + 2] for n in range(len(plain) - 1))
