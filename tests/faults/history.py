"""What the actors did and were told, gathered while it happens: the only thing the checker takes on trust."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Sent:
    """A report that was answered 202: the app that sent it, and the words of which one must stand on the topic.

    None are asked for when a mask has changed them.
    """

    app: str
    texts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Acted:
    """An act that was answered 200: who did what to which case, of which generation, and the `seq` it was told."""

    who: str
    act: str
    case_id: UUID
    generation: int
    seq: int


@dataclass
class History:
    """Reports by id. `unanswered` are those for which no definite answer came; they may exist or not."""

    accepted: dict[UUID, Sent] = field(default_factory=dict)
    refused: set[UUID] = field(default_factory=set)
    unanswered: set[UUID] = field(default_factory=set)
    acts: list[Acted] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Answers that nothing allows: a 500, a 404 for one's own case, two answers that differ under one key."""
    poison: set[bytes] = field(default_factory=set)
    """Values of the records that a foreign hand has put on a topic."""
    answers: Counter[int] = field(default_factory=Counter)

    def surprise(self, what: str, told: Any) -> None:
        self.surprises.append(f"{what}: {str(told)[:300]}")
