"""What each event owes: to whom and by which channels."""

from collections.abc import Callable
from uuid import UUID

import pytest

from schemas.cases import KINDS, CaseEvent, Stage
from schemas.events import Named
from schemas.ids import notice_id_of
from schemas.reports import ReportReceived
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
ONE, BOTH = (FIRST.report_id,), (FIRST.report_id, SECOND.report_id)
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
        (Story.returned, (), None),
        (Story.requested, (), None),
        (Story.request_refused, (), "P016"),
        (Story.extended, (), "P016"),
        (Story.suspended, BOTH, "P016"),
        (Story.resumed, (), "P016"),
        (Story.rescheduled, (), "P016"),
        (Story.escalated, (), "P016"),
        (Story.handled, (), None),
        (Story.reworked, (), "P016"),
        (Story.closed, BOTH, None),
        (Story.forced, BOTH, "P016"),
        (Story.disputed, ONE, None),
        (Story.dispute_refused, ONE, None),
        (Story.reopened, BOTH, None),
        (Story.unlinked, ONE, None),
        (Story.linked, (), None),
        (Story.voided, BOTH, "P016"),
        (Story.rated, (), None),
        (Story.corrected, (), "P016"),
        (Story.supplemented, (), "P016"),
    ],
)
def test_each_event_concerns_every_reporter_or_one_or_the_platform_or_nobody(
    event: Callable[[Story], CaseEvent], reporters: tuple[UUID, ...], platform: str | None
) -> None:
    story = Story(FIRST)
    before = [story.opened(), story.joined(SECOND), story.dispatched()]
    last = event(story)
    case = told_of(*before, last)

    assert (reporters, platform) == (reporters_owed(case, last), platform_owed(case, last))
    assert ((reporters, platform) != ((), None)) == (last.kind in TOLD)


def test_whatever_is_told_is_an_event_of_the_topic() -> None:
    assert set() == TOLD - KINDS.keys()


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


@pytest.mark.parametrize(
    ("stage", "platform"),
    [(None, "P016"), ("accept", "P016"), ("handle", "P016"), ("check", None), ("reply", None)],
)
def test_a_platform_is_not_pressed_for_what_the_centre_itself_is_late_with(
    stage: Stage | None, platform: str | None
) -> None:
    story = Story(FIRST)
    before = [story.opened(), story.dispatched()]
    pressed = story.escalated(stage)

    assert platform == platform_owed(told_of(*before, pressed), pressed)


@pytest.mark.parametrize("event", [Story.escalated, Story.suspended, Story.rescheduled, Story.reworked])
def test_a_platform_that_returned_it_hears_no_more_and_the_next_one_does(
    event: Callable[[Story], CaseEvent],
) -> None:
    story = Story(FIRST)
    before = [story.opened(), story.dispatched(), story.returned()]
    meanwhile = event(story)
    again, after = story.dispatched(ROADS), event(story)

    assert None is platform_owed(told_of(*before, meanwhile), meanwhile)
    assert "P015" == platform_owed(told_of(*before, meanwhile, again, after), after)


@pytest.mark.parametrize(("gone", "left"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_who_is_unlinked_hears_of_that_and_of_nothing_after_it(gone: ReportReceived, left: ReportReceived) -> None:
    story = Story(FIRST)
    before = [story.opened(), story.joined(SECOND), story.filed(), story.dispatched()]
    unlinked = story.unlinked(gone)
    extended, closed = story.extended(), story.closed()
    case = told_of(*before, unlinked, extended)

    assert (gone.report_id,) == reporters_owed(told_of(*before, unlinked), unlinked)
    assert (left.report_id,) == reporters_owed(told_of(*before, unlinked, extended, closed), closed)
    assert [left.report_id] == [
        n.report_id for n in notices_to_platform(case, extended.seq, "P016", [Endpoint("P016", "a")])
    ]


def test_who_is_unlinked_and_joins_again_hears_the_result_again() -> None:
    story = Story(FIRST)
    events = [story.opened(), story.joined(SECOND), story.unlinked(SECOND), story.joined(SECOND), story.closed()]

    assert BOTH == reporters_owed(told_of(*events), events[-1])


def test_a_case_whose_only_report_is_about_another_problem_has_nobody_to_tell() -> None:
    story = Story(FIRST)
    before = [story.opened(), story.dispatched(), story.unlinked(FIRST)]
    pressed, closed = story.escalated(), story.closed()

    assert None is platform_owed(told_of(*before, pressed), pressed)
    assert () == reporters_owed(told_of(*before, pressed, closed), closed)


@pytest.mark.parametrize("event", [Story.escalated, Story.suspended, Story.closed, Story.voided, Story.reopened])
def test_a_case_that_is_linked_to_another_owes_nothing_more(event: Callable[[Story], CaseEvent]) -> None:
    story = Story(FIRST)
    before = [story.opened(), story.joined(SECOND), story.dispatched(), story.linked()]
    last = event(story)
    case = told_of(*before, last)

    assert ((), None) == (reporters_owed(case, last), platform_owed(case, last))


@pytest.mark.parametrize("by", [(FIRST,), (SECOND,), (FIRST, SECOND), (SECOND, FIRST)])
def test_exactly_those_who_disputed_hear_that_the_centre_stands_by_the_closing(by: tuple[ReportReceived, ...]) -> None:
    story = Story(FIRST)
    before = [story.opened(), story.joined(SECOND), story.joined(report(3)), story.closed(), story.disputed()]
    refused = story.dispute_refused(*by)

    assert tuple(one.report_id for one in by) == reporters_owed(told_of(*before, refused), refused)


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
        ("case.voided", True, True, [("feed", "delivered"), ("callback:main", "due"), ("callback:spare", "gone"),
                                     ("sms", "due")]),
        ("case.dispute_refused", True, True, [("feed", "delivered"), ("callback:main", "due"),
                                              ("callback:spare", "gone")]),
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
