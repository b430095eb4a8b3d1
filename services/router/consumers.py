"""Topic `reports` → commands: a report opens a case or joins one; disputes, marks and additions are put to it.

A whole batch is one transaction. A report that was taken before changes nothing; the same report with other words is
parked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from faststream.kafka import KafkaBroker

from chassis import faults
from chassis.kafka.consumer import Aside, Consumer, Source, consume
from chassis.kafka.envelope import Envelope, Unreadable, open_envelope
from chassis.postgres.pool import Connection
from chassis.postgres.together import Write
from schemas import events
from schemas.ids import case_id_of
from schemas.reports import KINDS, ReportEvent, ReportReceived
from schemas.topics import REPORTS
from services.router import ledger, ledger_answers, ledger_reports
from services.router.act import Ask, Door, Outcome, act
from services.router.commands import Join, Refusal
from services.router.ledger_answers import StoredAnswer, Told
from services.router.ledger_reports import Known, Spot
from services.router.opening import why_held
from services.router.report_asks import Feedback, asked_by, codes_of, media_of, opening
from services.router.same_problem import Candidate, cells_of, locks_of, same_problem

GROUP = "router.reports"
Pair = tuple[Any, tuple[Envelope, ReportEvent]]


def read(record: Any) -> tuple[Envelope, ReportEvent]:
    """Envelope and event of a raw record; raises `Unreadable`."""
    envelope = open_envelope(record)
    try:
        event = events.read(KINDS, envelope.kind, record.value)
    except events.Unknown as why:
        raise Unreadable(str(why)) from why
    if not isinstance(event, ReportEvent):
        raise Unreadable("unknown_type")
    return envelope, event


def subscribe(broker: KafkaBroker, door: Door) -> Consumer:
    """The router's consumer loop; call before the broker starts."""

    async def work(connection: Connection, pairs: Sequence[Pair]) -> Sequence[Aside]:
        faults.reach("router.read")
        return await on_batch(connection, door, pairs)

    def committed() -> None:
        faults.reach("router.committed")

    source = Source(REPORTS.name, REPORTS.writer, GROUP)
    return consume(broker, source, door.database, read, work, REPORTS.kinds.values(), after=committed)


async def on_batch(connection: Connection, door: Door, pairs: Sequence[Pair]) -> Sequence[Aside]:
    """Everything that a batch asks for, in one transaction. Returns what must be set aside."""
    received = [(record, event) for record, (_, event) in pairs if isinstance(event, ReportReceived)]
    asides = await on_report_received(connection, door, received) if received else []
    for record, (envelope, event) in pairs:
        if not isinstance(event, ReportReceived) and not await on_feedback(connection, door, envelope, event):
            asides.append(Aside(record, "unknown_report"))
    return asides


async def on_report_received(
    connection: Connection, door: Door, received: Sequence[tuple[Any, ReportReceived]]
) -> list[Aside]:
    """Opens or joins a case for each report that is new."""
    known = await ledger_reports.known(connection, [event.report_id for _, event in received])
    fresh: list[ReportReceived] = []
    asides = []
    for record, event in received:
        before = known.get(event.report_id)
        if before is None:
            known[event.report_id] = _known(event, case_id_of(event.report_id))
            fresh.append(event)
        elif not before.is_of(event.body_digest, event.request_digest):
            asides.append(Aside(record, "idempotency_conflict", "the same report with other words came before"))
    if fresh:
        await _take(connection, door, fresh)
    return asides


async def _take(connection: Connection, door: Door, fresh: Sequence[ReportReceived]) -> None:
    at = door.now()
    asks = await _placed(connection, door, fresh, at)

    def taken(outcomes: Sequence[Outcome]) -> Sequence[Write]:
        settled = [pair for pair, o in zip(zip(fresh, asks, strict=True), outcomes, strict=True) if not _refused(o)]
        return ledger_reports.remember({event.report_id: _known(event, ask.case_id) for event, ask in settled})

    outcomes = await act(connection, door, asks, at, also=taken)
    late = [event for event, outcome in zip(fresh, outcomes, strict=True) if _refused(outcome)]
    if late:  # the case to join was closed or corrected between the look and the lock: a new problem after all
        rows = {event.report_id: _known(event, case_id_of(event.report_id)) for event in late}
        await act(connection, door, [opening(e) for e in late], at, also=lambda _: ledger_reports.remember(rows))


def _known(event: ReportReceived, case_id: UUID) -> Known:
    return Known(case_id, event.body_digest, event.request_digest)


def _refused(outcome: Outcome) -> bool:
    return isinstance(outcome.answer, Refusal)


async def _placed(connection: Connection, door: Door, fresh: Sequence[ReportReceived], at: datetime) -> list[Ask]:
    spots: dict[UUID, Spot] = {}
    locks: set[int] = set()
    for event in fresh:
        spot = _spot(event, door)
        if spot is not None:
            spots[event.report_id] = spot
            locks |= locks_of(spot.category, spot.lon, spot.lat, door.city.near.distance_m)
    near = await ledger_reports.near(connection, locks, list(spots.values()), at - door.city.near.time)
    faults.reach("router.joined")
    found = dict(zip(spots, near, strict=True))
    opened: dict[str, list[Candidate]] = {}
    return [
        _asked(event, spots.get(event.report_id), found.get(event.report_id, []), opened, at, door) for event in fresh
    ]


def _spot(event: ReportReceived, door: Door) -> Spot | None:
    """Where to look for the same problem; None for a report that a person must see first."""
    category, place = event.category, event.place
    if category is None or place.lon is None or place.lat is None:
        return None
    if why_held(category, place.district, codes_of(event), door.city) is not None:
        return None
    cells = cells_of(place.lon, place.lat, door.city.near.distance_m)
    return Spot(category, place.lon, place.lat, tuple(cells))


def _asked(
    event: ReportReceived, spot: Spot | None, near: list[Candidate], opened: dict[str, list[Candidate]],
    at: datetime, door: Door,
) -> Ask:  # fmt: skip
    if spot is not None:
        beside = opened.setdefault(spot.category, [])
        same = same_problem(spot.lon, spot.lat, at, [*near, *beside], door.city.near)
        if same is not None:
            by = f"report:{event.report_id}"
            return Ask(same, Join(event.report_id, event.text, media_of(event), by, spot.category, event.place))
        beside.append(Candidate(case_id_of(event.report_id), spot.lon, spot.lat, at))
    return opening(event)


async def on_feedback(connection: Connection, door: Door, envelope: Envelope, event: Feedback) -> bool:
    """Puts a dispute, a mark or an addition to the report's case, each once. False: the report is not known (yet)."""
    known = await ledger_reports.known(connection, [event.report_id])
    if event.report_id not in known:
        return False
    key = str(envelope.event_id)
    if await ledger_answers.find(connection, GROUP, [key]):
        return True
    kept = await ledger.lock(connection, [known[event.report_id].case_id])
    case_id = (await ledger_reports.known(connection, [event.report_id]))[event.report_id].case_id
    if case_id not in kept:  # it was linked or unlinked between the look and the lock
        kept |= await ledger.lock(connection, [case_id])
    done = ledger_answers.store(GROUP, {key: StoredAnswer(Told(202, b""))})
    await act(connection, door, [Ask(case_id, asked_by(event))], door.now(), kept, lambda _: done)
    return True
