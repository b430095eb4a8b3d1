"""What a record of topic `reports` asks of a case: to open one, to join one, or what its reporter says of it later."""

from typing import assert_never

from schemas.ids import case_id_of
from schemas.reports import ReportDisputed, ReportRated, ReportReceived, ReportSupplemented
from services.router.answer import Ask
from services.router.commands import Dispute, Open, Rate, Supplement

Feedback = ReportDisputed | ReportRated | ReportSupplemented
"""What a reporter says of a report that was taken before."""


def opening(event: ReportReceived) -> Ask:
    """The report's own case."""
    case_id, media = case_id_of(event.report_id), media_of(event)
    asked = Open(
        case_id, event.report_id, event.category, event.place, event.text, media, None, findings=codes_of(event)
    )
    return Ask(case_id, asked)


def asked_by(event: Feedback) -> Dispute | Rate | Supplement:
    """What the reporter asks of the case of the report."""
    by = f"report:{event.report_id}"
    match event:
        case ReportDisputed():
            return Dispute(event.report_id, event.text, by, media_of(event))
        case ReportRated():
            return Rate(event.report_id, event.stars, event.text, by)
        case ReportSupplemented():
            return Supplement(event.report_id, event.text, media_of(event), by, codes_of(event))
    assert_never(event)


def codes_of(event: ReportReceived | ReportSupplemented) -> tuple[str, ...]:
    """The codes of what screening found."""
    return tuple(finding.code for finding in event.findings)


def media_of(event: ReportReceived | ReportDisputed | ReportSupplemented) -> tuple[str, ...]:
    """The receipts of the photos."""
    return tuple(photo.media_id for photo in event.media)
