"""Setbacks: what fails by itself waits, ever longer, and is tried again alone, while everything else goes on.

They are kept in memory: after a restart everything is tried at once, and what still fails is found again.
"""

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=5)
MAX_SETBACKS = 10_000
"""How many are remembered by those who ask `is_full`; so many mean that the code is to blame."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Setback:
    """One key: how often it failed in a row, and when it last did."""

    failures: int
    at: datetime

    @property
    def wait(self) -> timedelta:
        """How long it waits from `at`: doubles with every failure, up to a bound."""
        return min(FIRST_WAIT * 2.0 ** min(self.failures - 1, 20), LONGEST_WAIT)

    def is_over(self, at: datetime) -> bool:
        """Whether it may be tried again; also when the clock was set back, because then nobody knows."""
        return not self.at <= at < self.at + self.wait


class Setbacks(Generic[K]):
    """What has failed by itself and has not succeeded since, by key."""

    def __init__(self) -> None:
        self._of: dict[K, Setback] = {}

    def __len__(self) -> int:
        return len(self._of)

    @property
    def keys(self) -> Collection[K]:
        """All of them, those that wait and those to be tried again."""
        return self._of.keys()

    @property
    def is_full(self) -> bool:
        """Whether no more should be looked for."""
        return len(self._of) >= MAX_SETBACKS

    def failed(self, key: K, at: datetime) -> timedelta:
        """Notes that `key` failed once more at `at`; how long it waits now."""
        before = self._of.get(key)
        self._of[key] = Setback(before.failures + 1 if before else 1, at)
        return self._of[key].wait

    def settled(self, keys: Iterable[K]) -> None:
        """Forgets `keys`: they have succeeded, or there is nothing to do for them any more."""
        for key in keys:
            self._of.pop(key, None)

    def due(self, at: datetime, limit: int) -> list[K]:
        """At most `limit` of those to be tried again at `at`, first those whose last failure is the oldest."""
        over = [(setback.at, key) for key, setback in self._of.items() if setback.is_over(at)]
        return [key for _, key in sorted(over, key=lambda pair: pair[0])[:limit]]
