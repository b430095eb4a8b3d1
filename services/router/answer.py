"""What is asked of a case and what is answered: the command with its terms, and the outcome. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.router.case import Case, Events
from services.router.city import City
from services.router.commands import Command, Refusal
from services.router.decide import decide, may_know


@dataclass(frozen=True, slots=True)
class Ask:
    """One command to one case. With `seq`, only if that is still the number of the case's last event."""

    case_id: UUID
    command: Command
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command led to: the case afterwards (None: there is none) and the events or the refusal."""

    ask: Ask
    case: Case | None
    answer: Events | Refusal


def answer_to(case: Case | None, ask: Ask, at: datetime, city: City) -> Events | Refusal:
    """What is decided; refused as changed_meanwhile if `ask` speaks of a case that has gone on since.

    A party that may not know of the case gets `unknown_case` and does not learn what the case has become.
    """
    if case is not None and not may_know(case, ask.command):
        return Refusal("unknown_case")
    if case is not None and ask.seq is not None and ask.seq != case.seq:
        return Refusal("changed_meanwhile")
    return decide(case, ask.command, at, city)
