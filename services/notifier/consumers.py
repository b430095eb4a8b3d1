"""Topics `reports` and `cases` become notices owed: one transaction for each batch, nothing twice, no gap passed."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from faststream.kafka import KafkaBroker

from chassis import faults
from chassis.kafka.consumer import Aside, Consumer, Source, consume
from chassis.kafka.envelope import Unreadable, open_envelope
from chassis.postgres.pool import Connection, Database
from chassis.postgres.together import Write, write_together
from schemas.cases import CaseEvent
from schemas.events import Event, Unknown, read
from schemas.reports import ReportReceived
from schemas.topics import CASES, REPORTS, Topic
from services.notifier import ledger
from services.notifier.ledger import Told
from services.notifier.owed import (
    TOLD,
    Case,
    Notice,
    follow,
    notices_to_platform,
    notices_to_reporter,
    platform_owed,
    reporters_owed,
)
from services.notifier.wording import Wording, reply_of, word

REPORTER_GATHER_MS = 20
"""A report is told of here about as soon as the router has made a case of it; nobody waits for it sooner."""


@dataclass
class Batch:
    """What a batch of case events comes to, before anything is written."""

    cases: dict[UUID, Case]
    changed: dict[UUID, Case] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    reporters: list[tuple[UUID, Told]] = field(default_factory=list)
    platforms: list[tuple[str, Case, Told]] = field(default_factory=list)
    asides: list[Aside] = field(default_factory=list)

    def take(self, record: Any, event: CaseEvent, wording: Wording) -> None:
        """Follows the case one event further; drops what was seen, sets aside what comes after a gap."""
        case = self.cases[event.case_id]
        if event.seq <= case.seq:
            return
        if event.seq > case.seq + 1:
            self.asides.append(Aside(record, "gap", f"seq {event.seq} after {case.seq}"))
            return
        case = self.cases[event.case_id] = self.changed[event.case_id] = follow(case, event)
        if event.kind in TOLD:
            self._owe(case, event, wording)

    def _owe(self, case: Case, event: CaseEvent, wording: Wording) -> None:
        reply = reply_of(event)
        told = Told(
            event.case_id, event.seq, event.kind, event.at,
            word(event, case.case_number, case.platform, wording),
            json.dumps(reply, ensure_ascii=False) if reply else None,
        )  # fmt: skip
        self.told.append(told)
        self.reporters += [(report_id, told) for report_id in reporters_owed(case, event)]
        if code := platform_owed(case, event):
            self.platforms.append((code, case, told))


class Consumers:
    """The two consumer loops. `wake` is told of the notices of each batch; `texts`: there is an SMS gateway."""

    def __init__(
        self, database: Database, wording: Wording, texts: bool, now: Callable[[], datetime],
        wake: Callable[[Sequence[Notice]], None],
    ) -> None:  # fmt: skip
        self._database, self._wording, self._texts, self._now, self._wake = database, wording, texts, now, wake

    def subscribe(self, broker: KafkaBroker) -> tuple[Consumer, Consumer]:
        """Adds both loops to `broker`, before it starts."""
        return (
            consume(broker, Source(REPORTS.name, REPORTS.writer, "notifier.reports"), self._database, read_report,
                    self.on_reports, REPORTS.kinds.values(), REPORTER_GATHER_MS, after=_written),
            consume(broker, Source(CASES.name, CASES.writer, "notifier.cases"), self._database, read_case,
                    self.on_cases, CASES.kinds.values(), after=_written),
        )  # fmt: skip

    async def on_reports(self, connection: Connection, pairs: Sequence[tuple[Any, Event]]) -> list[Aside]:
        """Remembers reporters, and writes what was owed before their report came."""
        received = [event for _, event in pairs if isinstance(event, ReportReceived)]
        report_ids = {event.report_id for event in received}
        if not report_ids:
            return []
        await ledger.lock_reporters(connection, report_ids)
        await ledger.add_reporters(connection, received)
        awaited = await ledger.take_awaited(connection, report_ids)
        if awaited:
            await write_together(connection, await self._owed(connection, awaited, []))
            faults.reach("feed.late")
        return []

    async def on_cases(self, connection: Connection, pairs: Sequence[tuple[Any, CaseEvent]]) -> list[Aside]:
        """Follows every case and writes the notices that its events owe."""
        batch = Batch(await ledger.cases(connection, {event.case_id for _, event in pairs}))
        for record, event in pairs:
            batch.take(record, event, self._wording)
        if batch.changed:
            await ledger.lock_reporters(connection, {report_id for report_id, _ in batch.reporters})
            owed = [(report_id, told.case_id, told.seq, told.event) for report_id, told in batch.reporters]
            writes = await self._owed(connection, owed, batch.platforms)
            told = ledger.add_told(batch.told)
            await write_together(connection, [*ledger.keep_cases(list(batch.changed.values())), *told, *writes])
            faults.reach("feed.late")
        return batch.asides

    async def _owed(
        self,
        connection: Connection,
        owed: Sequence[tuple[UUID, UUID, int, str]],
        platforms: Sequence[tuple[str, Case, Told]],
    ) -> list[Write]:
        if not owed and not platforms:
            return []
        reporters = await ledger.reporters(connection, {report_id for report_id, *_ in owed})
        clients = {reporter.app for reporter in reporters.values()} | {code for code, *_ in platforms}
        endpoints = await ledger.endpoints(connection, clients)
        notices: list[Notice] = []
        for report_id, case_id, seq, event in owed:
            if reporter := reporters.get(report_id):
                to = endpoints.get(reporter.app, [])
                notices += notices_to_reporter(case_id, seq, event, reporter, to, self._texts)
        for code, case, told in platforms:
            notices += notices_to_platform(case, told.seq, code, endpoints.get(code, []))
        self._database.after_commit(connection, partial(self._wake, notices))
        awaited = [(report_id, case_id, seq) for report_id, case_id, seq, _ in owed if report_id not in reporters]
        return [*ledger.add_notices(notices, self._now()), *ledger.await_reports(awaited)]


def _written() -> None:
    faults.reach("notifier.written")


def read_report(record: Any) -> Event:
    """The event of a record of `reports`. Raises `Unreadable`."""
    return _read(record, REPORTS)


def read_case(record: Any) -> CaseEvent:
    """The event of a record of `cases`. Raises `Unreadable`."""
    event = _read(record, CASES)
    assert isinstance(event, CaseEvent)  # noqa: S101 - every kind of the topic is one
    return event


def _read(record: Any, topic: Topic) -> Event:
    envelope = open_envelope(record)
    try:
        return read(topic.kinds, envelope.kind, record.value)
    except Unknown as why:
        raise Unreadable(str(why)) from why
