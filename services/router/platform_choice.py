"""Which platform: ordered rules, the first match wins; its platform, then its fallbacks (process.md, 14)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ANY = "*"
DISTRICT = "@district"


def fits(pattern: str, category: str) -> bool:
    """Whether a code (`C0102`), a prefix (`E01*`) or `*` covers the category."""
    return category.startswith(pattern[:-1]) if pattern.endswith(ANY) else category == pattern


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of `rules.csv`. `category` is a code, a class prefix such as `E01*`, or `*`."""

    rule: str
    category: str
    district: str
    owner: str
    platforms: tuple[str, ...]
    """In order; `@district` is the platform of the district where the problem lies."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The rule that matched and the platforms in order, without repeats. `rule` empty: none matched."""

    rule: str
    candidates: tuple[str, ...]


@dataclass(slots=True)
class Rules:
    """The routing table of a city. Answers are remembered: there are few categories, districts and owners."""

    ordered: Sequence[Rule]
    platform_of_district: Mapping[str, str]
    _known: dict[tuple[str, str, str | None], Choice] = field(default_factory=dict)

    def choose_platform(self, category: str, district: str, owner: str | None = None) -> Choice:
        """The choice for a place of this category and district; an unknown owner (None) matches only `*`."""
        asked = (category, district, owner)
        if asked not in self._known:
            self._known[asked] = self._choose(*asked)
        return self._known[asked]

    def _choose(self, category: str, district: str, owner: str | None) -> Choice:
        for rule in self.ordered:
            if fits(rule.category, category) and rule.district in (ANY, district) and rule.owner in (ANY, owner):
                return Choice(rule.rule, self._resolved(rule.platforms, district))
        return Choice("", ())

    def _resolved(self, platforms: Sequence[str], district: str) -> tuple[str, ...]:
        here = self.platform_of_district.get(district)
        named = [here if platform == DISTRICT else platform for platform in platforms]
        return tuple(dict.fromkeys(code for code in named if code is not None))


def next_candidate(candidates: Sequence[str], returned_by: Sequence[str], most_returns: int) -> str | None:
    """The first candidate that has not returned it; None after `most_returns` or when none is left: arbitration."""
    if len(returned_by) >= most_returns:
        return None
    return next((code for code in candidates if code not in returned_by), None)
