"""What this process says of what happened: one log line, one count, and a wake-up for each new piece of work.

The only place that does, called once for each committed transaction, whoever asked: HTTP, Kafka, a timer, the calendar.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from chassis.logs import log
from schemas.cases import CaseDispatched, CaseEscalated, CaseResumed
from services.router.answer import Outcome
from services.router.case import CaseEvent
from services.router.commands import ClockAct, Refusal
from services.router.metrics import EVENTS, REFUSALS, TIMER_LATE
from services.router.waking import Waking


def announce(outcomes: Sequence[Outcome], waking: Waking) -> None:
    """Logs and counts the events and refusals of a transaction that has committed, then wakes who got work by it."""
    given: set[str] = set()
    for outcome in outcomes:
        for event in outcome.events:
            _announce_event(event)
        if isinstance(outcome.answer, Refusal):
            _announce_refusal(outcome, outcome.answer)
        given |= set(_given_work(outcome))
    waking.tell(given)


def _announce_event(event: CaseEvent) -> None:
    EVENTS.labels(event.kind).inc()
    step = {"stage": event.stage, "step": event.step} if isinstance(event, CaseEscalated) and event.step else {}
    log.info(event.kind, case_id=str(event.case_id), seq=event.seq, by=event.by, **step)
    if (due := _due_at(event)) is not None:
        TIMER_LATE.observe(max(0.0, (event.at - due).total_seconds()))


def _due_at(event: CaseEvent) -> datetime | None:
    """When a step of a clock should have taken effect."""
    if isinstance(event, CaseEscalated):
        return event.due_at
    return event.since if isinstance(event, CaseResumed) else None


def _announce_refusal(outcome: Outcome, refusal: Refusal) -> None:
    """A timer that came too late for a case that has moved on is not worth a line."""
    if isinstance(outcome.ask.command, ClockAct):
        return
    name = type(outcome.ask.command).__name__.lower()
    REFUSALS.labels(name, refusal.reason).inc()
    log.info("act.refused", case_id=str(outcome.ask.case_id), command=name, reason=refusal.reason)


def _given_work(outcome: Outcome) -> Iterator[str]:
    for event in outcome.events:
        if isinstance(event, CaseDispatched):
            yield event.platform.code
        elif isinstance(event, CaseResumed) and outcome.case is not None and outcome.case.platform is not None:
            yield outcome.case.platform.code
