"""What a citizen is told about a report: the events of its case in public words, folded into the six outward stages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from schemas import cases as ev
from schemas.events import Event, Named, Place
from schemas.events import Words as PublicWords
from schemas.notices import NoticeEvent
from schemas.reports import ReportReceived

_BLANK = re.compile(r"\{(\w+)\}")
Result = ev.CaseClosed | ev.CaseDeclined | ev.CaseVoided
RESULTS = frozenset({ev.CaseClosed.kind, ev.CaseDeclined.kind, ev.CaseVoided.kind})
STAGES = ("上报", "立案", "派遣", "处置", "反馈", "结案")
STATES = {
    "case.opened": "opened", "case.held": "held", "case.declined": "declined", "case.filed": "filed",
    "case.dispatched": "dispatched", "case.accepted": "accepted", "case.returned": "filed",
    "case.suspended": "suspended", "case.resumed": "accepted", "case.handled": "handled",
    "case.reworked": "filed", "case.closed": "closed", "case.reopened": "filed",
    "case.voided": "void",
}  # fmt: skip
"""State of the case after an event; the others leave it as it was."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a citizen is told about an event, with placeholders, and the outward stage it leads to."""

    stage: str
    words: PublicWords


@dataclass(slots=True)
class Told:
    """What the events so far amount to, as one reporter sees it. Folded in order by `tell`."""

    replies: Mapping[str, Said]
    offset: timezone
    joined_at: int
    case_id: str | None = None
    case_number: str | None = None
    category: str | None = None
    district: str | None = None
    stage: str = STAGES[0]
    state: str = "received"
    deadline: datetime | None = None
    platform: Named | None = None
    reply: dict[str, Any] | None = None
    place: Place | None = None
    """What the centre corrected it to."""
    additions: list[dict[str, Any]] = field(default_factory=list)
    timeline: list[dict[str, Any]] = field(default_factory=list)


def tell(
    received: ReportReceived,
    joined_at: int | None,
    events: Sequence[ev.CaseEvent],
    notices: Sequence[NoticeEvent],
    replies: Mapping[str, Said],
    offset: timezone,
    unlinked: Sequence[ev.CaseUnlinked] = (),
) -> dict[str, Any]:
    """The answer of `GET /v1/reports/{report_id}`. `joined_at` is the `seq` with which the report came to its case;
    earlier events shape its state but are not in its timeline, and neither are other citizens' reports. `unlinked`:
    how the report left the cases it was in before, which it alone is told."""
    told = Told(replies, offset, joined_at or 1, category=received.category, district=received.place.district)
    _add(told, received, {})
    for leaving in unlinked:
        _add(told, leaving, _blanks(told, leaving))
    for event in events:
        _follow(told, event)
        if event.seq >= told.joined_at and _concerns(event, received.report_id, told.joined_at):
            _add(told, event, _blanks(told, event))
        if isinstance(event, ev.CaseSupplemented) and event.report_id == received.report_id:
            told.additions.append({"at": _local(told, event.at), "text": event.text, "media": list(event.media)})
    for notice in _first_arrivals(notices):
        _add(told, notice, {})
    told.timeline.sort(key=lambda line: line["at"])
    return _answer(told, received)


def _first_arrivals(notices: Sequence[NoticeEvent]) -> Iterable[NoticeEvent]:
    """The first delivery of each result, by whatever channel; of what is told in between, nothing is said here."""
    first: dict[int, NoticeEvent] = {}
    for notice in notices:
        if notice.event in RESULTS:
            first.setdefault(notice.seq, notice)
    return first.values()


def _concerns(event: ev.CaseEvent, report_id: UUID, joined_at: int) -> bool:
    """Whether the reporter is told of an event of the case: not of what others did, nor of what officials settle."""
    match event:
        case ev.CaseJoined():
            return event.seq == joined_at
        case ev.CaseDisputed() | ev.CaseRated() | ev.CaseSupplemented():
            return event.report_id == report_id
        case ev.CaseDisputeRefused():
            return report_id in event.report_ids
        case ev.CaseEscalated(stage=stage, step=step):  # a warning, and the centre's own delay, press nobody yet
            return stage is None or (stage in ("accept", "handle") and step != "warning")
    return not isinstance(event, ev.CaseUnlinked | ev.CaseLinked | ev.CaseRequested | ev.CaseRequestRefused)


def _follow(told: Told, event: ev.CaseEvent) -> None:
    told.case_id = str(event.case_id)
    if event.kind in STATES:
        told.state = STATES[event.kind]
        told.stage = told.replies[event.kind].stage if event.kind in told.replies else told.stage
    if isinstance(event, ev.CaseFiled):
        told.case_number, told.category, told.district = event.case_number, event.category, event.district
    elif isinstance(event, Result):
        told.reply = _reply(told, event)
    elif isinstance(event, ev.CaseReopened):
        told.reply = None
    _hold(told, event)


def _hold(told: Told, event: ev.CaseEvent) -> None:
    """Where it is, who has it, and until when."""
    match event:
        case ev.CaseCorrected():
            told.category, told.district = event.category, event.district
            told.place = event.place if "place" in event.changed else told.place
        case ev.CaseDispatched():
            told.platform, told.deadline = event.platform, event.deadline
        case ev.CaseExtended() | ev.CaseResumed() | ev.CaseRescheduled():
            told.deadline = event.deadline
        case ev.CaseReturned():
            told.platform = told.deadline = None
        case ev.CaseSuspended():
            told.deadline = None


def _reply(told: Told, event: Result) -> dict[str, Any]:
    media, outcome = (event.media, event.outcome) if isinstance(event, ev.CaseClosed) else ((), STATES[event.kind])
    return {"at": _local(told, event.at), "text": event.reply, "media": list(media), "outcome": outcome}


def _blanks(told: Told, event: ev.CaseEvent) -> dict[str, str]:
    return {
        "case_number": told.case_number or "",
        "platform": getattr(getattr(event, "platform", None), "name", None) or "",
        "deadline": _minute(told, told.deadline),
        "until": _minute(told, getattr(event, "until", None)),
        "reason": getattr(event, "reason", ""),
        "reply": getattr(event, "reply", ""),
    }


def _add(told: Told, event: Event, blanks: Mapping[str, str]) -> None:
    said = told.replies.get(event.kind)
    if said is None:
        return
    text = {"zh": _filled(said.words.zh, blanks), "en": _filled(said.words.en, blanks)}
    told.timeline.append({"at": _local(told, event.at), "stage": said.stage, "event": event.kind, "text": text})


def _filled(template: str, blanks: Mapping[str, str]) -> str:
    """In one pass, because the words that are filled in may hold braces themselves."""
    return _BLANK.sub(lambda found: blanks.get(found[1], found[0]), template)


def _answer(told: Told, received: ReportReceived) -> dict[str, Any]:
    return {
        "report_id": str(received.report_id),
        "case_id": told.case_id,
        "case_number": told.case_number,
        "category": told.category,
        "district": told.district,
        "stage": told.stage,
        "state": told.state,
        "deadline": _local(told, told.deadline) if told.deadline else None,
        "platform": {"code": told.platform.code, "name": told.platform.name} if told.platform else None,
        "text": received.text,
        "place": (told.place or received.place).model_dump(mode="json"),
        "media": [photo.media_id for photo in received.media],
        "observed_at": _local(told, received.observed_at) if received.observed_at else None,
        "publishable": not received.findings,
        "additions": told.additions,
        "timeline": told.timeline,
        "reply": told.reply,
    }


def _local(told: Told, at: datetime) -> str:
    return at.astimezone(told.offset).isoformat()


def _minute(told: Told, at: datetime | None) -> str:
    return at.astimezone(told.offset).strftime("%Y-%m-%d %H:%M") if at else ""
