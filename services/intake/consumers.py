"""From the topics into the read model: reports, cases and notices, each accepted in any order of the three.

Every row is kept once by its key, so records that are read again after the positions were truncated change nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from faststream.kafka import KafkaBroker

from chassis import faults
from chassis.kafka.consumer import Aside, Consumer, Source, consume
from chassis.kafka.envelope import Unreadable, open_envelope
from chassis.postgres.pool import Connection, Database
from schemas.cases import CaseEvent
from schemas.events import Event, Unknown, read
from schemas.notices import NoticeEvent
from schemas.reports import ReportDisputed, ReportRated, ReportReceived, ReportSupplemented
from schemas.topics import CASES, NOTICES, REPORTS, Topic
from services.intake import read_model, read_model_media
from services.intake.feedback import fingerprint_of

Keep = Callable[[Connection, Sequence[tuple[Any, Event]]], Awaitable[list[Aside]]]


def consume_all(broker: KafkaBroker, database: Database, moved: Callable[[], None]) -> list[Consumer]:
    """Subscribes the three consumers; `moved()` is called when the model of `reports` has moved."""
    return [
        _consume(broker, database, REPORTS, on_reports, 50, moved),
        _consume(broker, database, CASES, on_cases, 150, lambda: None),
        _consume(broker, database, NOTICES, on_notices, 300, lambda: None),
    ]


async def on_reports(connection: Connection, pairs: Sequence[tuple[Any, Event]]) -> list[Aside]:
    """`report.received` becomes a row; the first of an id stays (the router parks the one that differs).

    Of what is said later nothing is shown from here (additions come with `case.supplemented`); its fingerprint is kept,
    so that its key means the same words for ever.
    """
    received = [event for _, event in pairs if isinstance(event, ReportReceived)]
    if received:
        await read_model.add_reports(connection, received)
    feedback = [
        (open_envelope(record).event_id, fingerprint_of(event))
        for record, event in pairs
        if isinstance(event, ReportDisputed | ReportRated | ReportSupplemented)
    ]
    if feedback:
        await read_model.add_feedback(connection, feedback)
    return []


async def on_cases(connection: Connection, pairs: Sequence[tuple[Any, Event]]) -> list[Aside]:
    """Events that continue their case are kept, those seen before dropped, those after a gap set aside."""
    events = [(record, event) for record, event in pairs if isinstance(event, CaseEvent)]
    last = await read_model.last_seqs(connection, list({event.case_id for _, event in events}))
    kept, asides = continued(events, last)
    if kept:
        reached: dict[UUID, int] = {event.case_id: event.seq for event in kept}
        await read_model.add_case_events(connection, kept, reached)
    return asides


async def on_notices(connection: Connection, pairs: Sequence[tuple[Any, Event]]) -> list[Aside]:
    """What became of each notice is kept once."""
    notices = [event for _, event in pairs if isinstance(event, NoticeEvent)]
    if notices:
        await read_model.add_notices(connection, notices)
    return []


def continued(events: Sequence[tuple[Any, CaseEvent]], last: dict[UUID, int]) -> tuple[list[CaseEvent], list[Aside]]:
    """The events that follow `last` of their case without a gap, and the records after a gap. Changes nothing."""
    reached, kept, asides = dict(last), [], []
    for record, event in events:
        expected = reached.get(event.case_id, 0) + 1
        if event.seq > expected:
            asides.append(Aside(record, "gap", f"seq {event.seq}, expected {expected}"))
        elif event.seq == expected:
            reached[event.case_id] = event.seq
            kept.append(event)
    return kept, asides


def _consume(
    broker: KafkaBroker, database: Database, topic: Topic, keep: Keep, gather_ms: int, moved: Callable[[], None]
) -> Consumer:
    def reading(record: Any) -> Event:
        try:
            return read(topic.kinds, open_envelope(record).kind, record.value)
        except Unknown as why:
            raise Unreadable(str(why)) from why

    async def work(connection: Connection, pairs: Sequence[tuple[Any, Event]]) -> Sequence[Aside]:
        asides = await keep(connection, pairs)
        await read_model_media.cite(connection, [record.value or b"" for record, _ in pairs])
        faults.reach("model.written")
        return asides

    source = Source(topic.name, topic.writer, f"intake.{topic.name}")
    return consume(broker, source, database, reading, work, topic.kinds.values(), gather_ms, after=moved)
