"""What each event owes: to whom and by which channels."""

from collections.abc import Callable
from uuid import UUID

import pytest

from schemas.cases import CaseEvent
from schemas.events import Named
from schemas.ids import notice_id_of
from services.notifier.owed import (
    TOLD,
    Case,
    Endpoint,
    Reporter,
    follow,
    notices_to_platform,
    notices_to_reporter,
    platform_owed,
    reporters_owed,
)
from tests.notifier.conftest import DRAINS, Story, report

FIRST, SECOND = report(1), report(2, "fenhe")
BOTH = (FIRST.report_id, SECOND.report_id)
ROADS = Named(code="P015", name="市道路管理处")
MAIN, SPARE = Endpoint("jinyang", "main"), Endpoint("jinyang", "spare", enabled=False)


def told_of(*events: CaseEvent) -> Case:
    case = Case(events[0].case_id)
    for event in events:
        case = follow(case, event)
    return case


@pytest.mark.parametrize(
    ("event", "reporters", "platform"),
    [
        (Story.held, (), None),
        (Story.filed, BOTH, None),
        (Story.declined, BOTH, None),
        (Story.dispatched, (), "P016"),
        (Story.accepted, (), None),
        (Story.suspended, BOTH, None),
        (Story.escalated, (), "P016"),
        (Story.reworked, (), "P016"),
        (Story.closed, BOTH, None),
        (Story.reopened, BOTH, None),
    ],
)
def test_each_event_concerns_every_reporter_or_the_platform_or_nobody(
    event: Callable[[Story], CaseEvent], reporters: tuple[UUID, ...], platform: str | None
) -> None:
    story = Story(FIRST)
    before = [story.opened(), story.joined(SECOND), story.dispatched()]
    last = event(story)
    case = told_of(*before, last)

    assert (reporters, platform) == (reporters_owed(case, last), platform_owed(case, last))
    assert ((reporters, platform) != ((), None)) == (last.kind in TOLD)


def test_who_joins_hears_of_the_joining_alone_and_of_nothing_before() -> None:
    story = Story(FIRST)
    opened, filed = story.opened(), story.filed()
    joined = story.joined(SECOND)
    closed = story.closed()

    assert () == reporters_owed(told_of(opened), opened)
    assert (FIRST.report_id,) == reporters_owed(told_of(opened, filed), filed)
    assert (SECOND.report_id,) == reporters_owed(told_of(opened, filed, joined), joined)
    assert BOTH == reporters_owed(told_of(opened, filed, joined, closed), closed)


def test_before_any_dispatch_no_platform_is_pressed_and_after_another_the_new_one_is() -> None:
    story = Story(FIRST)
    opened, early = story.opened(), story.escalated()
    sent, again = story.dispatched(), story.dispatched(ROADS)
    late = story.escalated()

    assert None is platform_owed(told_of(opened, early), early)
    assert "P015" == platform_owed(told_of(opened, early, sent, again, late), late)


def test_a_case_is_made_of_its_events_alone() -> None:
    story = Story(FIRST)
    events = (story.opened(), story.joined(SECOND), story.joined(SECOND), story.filed(), story.dispatched())

    assert Case(story.case_id, 5, BOTH, "1401062026112400001", DRAINS) == told_of(*events)


@pytest.mark.parametrize(
    ("event", "has_contact", "texts", "channels"),
    [
        ("case.closed", True, True, [("feed", "delivered"), ("callback:main", "due"), ("callback:spare", "gone"),
                                     ("sms", "due")]),
        ("case.declined", True, True, [("feed", "delivered"), ("callback:main", "due"), ("callback:spare", "gone"),
                                       ("sms", "due")]),
        ("case.closed", False, True, [("feed", "delivered"), ("callback:main", "due"), ("callback:spare", "gone")]),
        ("case.closed", True, False, [("feed", "delivered"), ("callback:main", "due"), ("callback:spare", "gone")]),
        ("case.filed", True, True, [("feed", "delivered"), ("callback:main", "due"), ("callback:spare", "gone")]),
    ],
)  # fmt: skip
def test_a_reporter_is_told_in_the_feed_at_every_endpoint_and_of_a_result_by_text(
    event: str, has_contact: bool, texts: bool, channels: list[tuple[str, str]]
) -> None:
    case_id, reporter = Story(FIRST).case_id, Reporter(FIRST.report_id, "jinyang", has_contact)
    notices = list(notices_to_reporter(case_id, 7, event, reporter, [MAIN, SPARE], texts))

    assert channels == [(n.channel, n.state) for n in notices]
    assert {(case_id, 7, f"report:{FIRST.report_id}", FIRST.report_id, "jinyang")} == {
        (n.case_id, n.seq, n.recipient, n.report_id, n.client) for n in notices
    }


def test_an_app_without_endpoints_still_has_its_feed() -> None:
    reporter = Reporter(FIRST.report_id, "jinyang", has_contact=False)

    assert ["feed"] == [
        n.channel for n in notices_to_reporter(Story(FIRST).case_id, 1, "case.filed", reporter, [], True)
    ]


def test_a_platform_is_told_at_its_own_endpoints_and_has_no_feed() -> None:
    story = Story(FIRST)
    case = told_of(story.opened(), story.joined(SECOND), story.dispatched())
    notices = list(notices_to_platform(case, 3, "P016", [Endpoint("P016", "a"), Endpoint("P016", "b")]))

    assert [("platform:P016", "callback:a", "callback:P016/a"), ("platform:P016", "callback:b", "callback:P016/b")] == [
        (n.recipient, n.channel, n.lane) for n in notices
    ]
    assert {("P016", FIRST.report_id, "due")} == {(n.client, n.report_id, n.state) for n in notices}
    assert [] == list(notices_to_platform(case, 3, "P016", []))


def test_the_id_of_a_notice_follows_from_what_it_is_and_no_two_share_one() -> None:
    case_id, reporter = Story(FIRST).case_id, Reporter(FIRST.report_id, "jinyang", True)
    notices = [
        n for seq in (1, 2) for n in notices_to_reporter(case_id, seq, "case.closed", reporter, [MAIN, SPARE], True)
    ]

    assert [notice_id_of(n.case_id, n.seq, n.recipient, n.channel) for n in notices] == [n.notice_id for n in notices]
    assert len(notices) == len({n.notice_id for n in notices}) == 8
