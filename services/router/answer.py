"""What is asked of a case and what is answered: the command with its terms, and the outcome. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.router.case import Case, Events
from services.router.city import City
from services.router.commands import ClockAct, Command, Refusal
from services.router.decide import decide, is_with_another, may_know
from services.router.decide_clock import due_steps
from services.router.evolve import evolve


@dataclass(frozen=True, slots=True)
class Ask:
    """One command to one case. With `seq`, only if that is still the number of the case's last event."""

    case_id: UUID
    command: Command
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command led to: the case afterwards (None: there is none) and the events or the refusal.

    `due` are the steps of the case's clocks that were due before the command and took effect first.
    """

    ask: Ask
    case: Case | None
    answer: Events | Refusal
    due: Events = ()

    @property
    def events(self) -> Events:
        """Everything that happened, in order."""
        return self.due if isinstance(self.answer, Refusal) else (*self.due, *self.answer)


def answered(case: Case | None, ask: Ask, at: datetime, city: City) -> Outcome:
    """What was due before `ask`, and what is decided then.

    What was due takes effect even if the command is refused. The command is refused as changed_meanwhile if `ask`
    speaks of a case that had gone on before; that the clock goes on at the same moment does not count. Who may not
    know the case moves nothing and learns nothing; whoever had it before learns no more than that.
    """
    if case is None:
        answer = decide(case, ask.command, at, city)
        return Outcome(ask, None if isinstance(answer, Refusal) else _after(case, answer), answer)
    if not may_know(case, ask.command):
        return Outcome(ask, case, Refusal("unknown_case"))
    due = () if isinstance(ask.command, ClockAct) else due_steps(case, at, city)
    later = _after(case, due) or case
    if ask.seq is not None and ask.seq != case.seq and not is_with_another(later, ask.command):
        return Outcome(ask, later, Refusal("changed_meanwhile"), due)
    answer = decide(later, ask.command, at, city)
    return Outcome(ask, later if isinstance(answer, Refusal) else _after(later, answer), answer, due)


def answer_to(case: Case | None, ask: Ask, at: datetime, city: City) -> Events | Refusal:
    """What `ask` would be answered, without what is due before it."""
    return answered(case, ask, at, city).answer


def _after(case: Case | None, events: Events) -> Case | None:
    for event in events:
        case = evolve(case, event)
    return case
