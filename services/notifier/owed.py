"""What an event owes: to whom, and by which channels. Nobody is told twice, and nobody what is not theirs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from schemas.cases import (
    CaseClosed,
    CaseCorrected,
    CaseDeclined,
    CaseDispatched,
    CaseDisputed,
    CaseDisputeRefused,
    CaseEscalated,
    CaseEvent,
    CaseExtended,
    CaseFiled,
    CaseJoined,
    CaseLinked,
    CaseOpened,
    CaseReopened,
    CaseRequestRefused,
    CaseRescheduled,
    CaseResumed,
    CaseReturned,
    CaseReworked,
    CaseSupplemented,
    CaseSuspended,
    CaseUnlinked,
    CaseVoided,
)
from schemas.events import Named
from schemas.ids import notice_id_of

TO_EVERY_REPORTER = (CaseFiled, CaseDeclined, CaseSuspended, CaseClosed, CaseReopened, CaseVoided)
TO_ONE_REPORTER = (CaseJoined, CaseUnlinked, CaseDisputed)
TO_THE_PLATFORM = (
    CaseDispatched, CaseEscalated, CaseReworked, CaseExtended, CaseSuspended, CaseResumed, CaseRescheduled,
    CaseRequestRefused, CaseVoided, CaseCorrected, CaseSupplemented,
)  # fmt: skip
PRESSED_STAGES = (None, "accept", "handle")
"""Pressing that the platform hears of: by the centre, or by a clock of its own; check and reply are the centre's."""
RESULTS = frozenset({CaseClosed.kind, CaseDeclined.kind, CaseVoided.kind})
"""Events worth a text message."""
TOLD = frozenset(model.kind for model in (*TO_EVERY_REPORTER, *TO_ONE_REPORTER, *TO_THE_PLATFORM, CaseDisputeRefused))


@dataclass(frozen=True, slots=True)
class Case:
    """What must be remembered of a case to know who is to be told: nothing but its events makes it.

    `reports` are those that are about it now, `platform` is who has it now, or had it last.
    """

    case_id: UUID
    seq: int = 0
    reports: tuple[UUID, ...] = ()
    case_number: str | None = None
    platform: Named | None = None


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who is behind a report, as far as it decides the channels."""

    report_id: UUID
    app: str
    has_contact: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registered address of a client. One that is disabled keeps its notices, as gone, for a later replay."""

    client: str
    name: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Notice:
    """One row of the ledger: an event, a recipient, a channel. `lane` is what is sent in turn; the feed has none."""

    case_id: UUID
    seq: int
    recipient: str
    channel: str
    report_id: UUID
    client: str
    lane: str | None
    state: Literal["due", "delivered", "gone"]

    @property
    def notice_id(self) -> UUID:
        """Constant over every attempt; also the callback's `webhook-id`."""
        return notice_id_of(self.case_id, self.seq, self.recipient, self.channel)


def follow(case: Case, event: CaseEvent) -> Case:
    """The case after its next event."""
    case = replace(case, seq=event.seq, reports=_reports_after(case.reports, event))
    match event:
        case CaseFiled(case_number=case_number):
            return replace(case, case_number=case_number)
        case CaseDispatched(platform=platform):
            return replace(case, platform=platform)
        case CaseReturned() | CaseLinked():
            return replace(case, platform=None)
    return case


def _reports_after(reports: tuple[UUID, ...], event: CaseEvent) -> tuple[UUID, ...]:
    match event:
        case CaseOpened(report_id=report_id) | CaseJoined(report_id=report_id):
            return reports if report_id in reports else (*reports, report_id)
        case CaseUnlinked(report_id=report_id):
            return tuple(other for other in reports if other != report_id)
        case CaseLinked():
            return ()  # each has joined the other case, which tells them so
    return reports


def reporters_owed(case: Case, event: CaseEvent) -> tuple[UUID, ...]:
    """The reports whose citizens hear of `event`, `case` being the case after it."""
    if isinstance(event, TO_ONE_REPORTER):
        return (event.report_id,)
    if isinstance(event, CaseDisputeRefused):
        return event.report_ids
    return case.reports if isinstance(event, TO_EVERY_REPORTER) else ()


def platform_owed(case: Case, event: CaseEvent) -> str | None:
    """The platform whose own system hears of `event`, `case` being the case after it.

    Of a case without reports nobody hears: a notice stands under one. What a platform closes it knows itself.
    """
    told = isinstance(event, TO_THE_PLATFORM) or (isinstance(event, CaseClosed) and event.forced)
    if not (case.platform and case.reports and told):
        return None
    if isinstance(event, CaseEscalated) and event.stage not in PRESSED_STAGES:
        return None
    return case.platform.code


def lane_of(client: str, name: str) -> str:
    """The queue of one endpoint."""
    return f"callback:{client}/{name}"


def notices_to_reporter(
    case_id: UUID, seq: int, event: str, reporter: Reporter, endpoints: Iterable[Endpoint], texts: bool
) -> Iterator[Notice]:
    """The feed always, every endpoint of the app, and a text about a result if there is a phone and a gateway."""
    to = (case_id, seq, f"report:{reporter.report_id}")
    yield Notice(*to, "feed", reporter.report_id, reporter.app, None, "delivered")
    yield from _callbacks(*to, reporter.report_id, endpoints)
    if texts and reporter.has_contact and event in RESULTS:
        yield Notice(*to, "sms", reporter.report_id, reporter.app, "sms", "due")


def notices_to_platform(case: Case, seq: int, code: str, endpoints: Iterable[Endpoint]) -> Iterator[Notice]:
    """Every endpoint of the platform. The notice stands under the first report of the case."""
    return _callbacks(case.case_id, seq, f"platform:{code}", case.reports[0], endpoints)


def _callbacks(
    case_id: UUID, seq: int, recipient: str, report_id: UUID, endpoints: Iterable[Endpoint]
) -> Iterator[Notice]:
    for endpoint in endpoints:
        lane = lane_of(endpoint.client, endpoint.name)
        state: Literal["due", "gone"] = "due" if endpoint.enabled else "gone"
        channel = f"callback:{endpoint.name}"
        yield Notice(case_id, seq, recipient, channel, report_id, endpoint.client, lane, state)
