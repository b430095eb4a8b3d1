"""What a platform asks of the centre, in rows of weekdays: more time (延期), a clock that stands still (挂账)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.case import Case
from services.router.commands import Accept, Command, Ring
from services.router.commands_of_centre import Approve, Dispatch, Refuse, Resume, Rework
from tests.router.conftest import CITY
from tests.router.kernel import (
    CENTRE,
    COMMANDS,
    FRIDAY,
    MONDAY,
    NATURAL_DAYS,
    SATURDAY,
    SECOND,
    SUNDAY,
    THURSDAY,
    TUESDAY,
    URGENT,
    WEDNESDAY,
    WEEK,
    WORK_DAY,
    WORK_HOURS,
    Steps,
    accepted,
    after,
    asking_more,
    asking_pause,
    by_platform,
    decided,
    extended,
    folded,
    handling,
    holder,
    on,
    opening,
    paused,
    refusal,
    resumed,
    returning,
    seen,
    timers,
    walk,
)  # fmt: skip

FRIDAY_0800, FRIDAY_0900, FRIDAY_1000 = (on(FRIDAY, hour) for hour in ("08:00", "09:00", "10:00"))
FRIDAY_1500, FRIDAY_1600, FRIDAY_1700 = (on(FRIDAY, hour) for hour in ("15:00", "16:00", "17:00"))
FRIDAY_1800, FRIDAY_1900 = on(FRIDAY, "18:00"), on(FRIDAY, "19:00")
SATURDAY_1000, SUNDAY_1700, SUNDAY_1800 = on(SATURDAY, "10:00"), on(SUNDAY, "17:00"), on(SUNDAY, "18:00")
MONDAY_0800, MONDAY_0900, MONDAY_1000 = (on(MONDAY, hour) for hour in ("08:00", "09:00", "10:00"))
MONDAY_1100, MONDAY_1200, MONDAY_1700 = (on(MONDAY, hour) for hour in ("11:00", "12:00", "17:00"))
TUESDAY_1000, WEDNESDAY_0830, THURSDAY_1700 = on(TUESDAY, "10:00"), on(WEDNESDAY, "08:30"), on(THURSDAY, "17:00")
YEAR = timedelta(days=365)
GRANT, PAUSE = Approve(CENTRE, "extension"), Approve(CENTRE, "suspension")
NO_MORE, NO_PAUSE = Refuse(CENTRE, "extension", "请按期完成"), Refuse(CENTRE, "suspension", "请按期完成")


@pytest.mark.parametrize(
    ("category", "deadlines"),
    [
        (URGENT, [FRIDAY_1900, on(FRIDAY, "21:00"), on(FRIDAY, "23:00")]),
        (WORK_HOURS, [MONDAY_1100, MONDAY_1700, on(TUESDAY, "11:00")]),
        (WORK_DAY, [MONDAY_1700, on(TUESDAY, "17:00"), on(WEDNESDAY, "17:00")]),
        (NATURAL_DAYS, [SUNDAY_1700, on(TUESDAY, "17:00"), THURSDAY_1700]),
    ],
)
def test_each_extension_is_one_original_limit_more_on_the_same_clock(
    category: str, deadlines: Sequence[datetime]
) -> None:
    case = accepted(category, FRIDAY_1700)
    once = extended(case, FRIDAY_1800)
    twice = extended(once, FRIDAY_1900)

    assert deadlines == [case.deadline, once.deadline, twice.deadline]
    assert {case.deadline} == {case.original_deadline, once.original_deadline, twice.original_deadline}
    assert [0, 1, 2] == [case.extensions, once.extensions, twice.extensions]


STANDING = paused(accepted(WORK_HOURS, FRIDAY_1700), FRIDAY_1800, THURSDAY_1700)
Then = dict[str, Any]
MOVES: Sequence[tuple[str, Case, datetime, Command, str, Then]] = [
    ("asking moves nothing", accepted(WORK_HOURS, FRIDAY_1700), FRIDAY_1800, asking_more(1, "P002"), "case.requested",
     {"state": "accepted", "deadline": MONDAY_1100, "extensions": 0}),
    ("asking for a pause stops nothing", accepted(WORK_HOURS, FRIDAY_1700), FRIDAY_1800,
     asking_pause(THURSDAY_1700, 1, "P002"), "case.requested", {"state": "accepted", "deadline": MONDAY_1100}),
    ("asked in the last moment", accepted(WORK_HOURS, FRIDAY_1700), MONDAY_1100, asking_more(1, "P002"),
     "case.requested", {"deadline": MONDAY_1100}),
    ("granted in the last moment", after(accepted(WORK_HOURS, FRIDAY_1700), asking_more(1, "P002"), FRIDAY_1800),
     MONDAY_1100, GRANT, "case.extended", {"deadline": MONDAY_1700, "extensions": 1, "requested": None}),
    ("refused in time", after(accepted(WORK_HOURS, FRIDAY_1700), asking_more(1, "P002"), FRIDAY_1800), MONDAY_1000,
     NO_MORE, "case.request_refused", {"deadline": MONDAY_1100, "extensions": 0, "requested": None}),
    ("refused when it is overdue, the only answer left",
     after(accepted(WORK_HOURS, FRIDAY_1700), asking_more(1, "P002"), FRIDAY_1800), MONDAY_1200,
     NO_MORE, "case.request_refused", {"deadline": MONDAY_1100, "requested": None}),
    ("suspended: the clock stands still",
     after(accepted(WORK_HOURS, FRIDAY_1700), asking_pause(THURSDAY_1700, 1, "P002"), FRIDAY_1800), FRIDAY_1800,
     PAUSE, "case.suspended",
     {"state": "suspended", "suspended_until": THURSDAY_1700, "allowed": 3.0, "spent": 1.0, "requested": None}),
    ("suspended for a year to the day", after(accepted(WORK_HOURS, FRIDAY_1700),
     asking_pause(FRIDAY_1700 + YEAR, 1, "P002"), FRIDAY_1700), FRIDAY_1700, PAUSE, "case.suspended",
     {"suspended_until": FRIDAY_1700 + YEAR}),
    ("it resumes by itself", STANDING, THURSDAY_1700,
     Ring(1, "handle", "resume"), "case.resumed",
     {"state": "accepted", "suspended_until": None, "deadline": on(FRIDAY + WEEK, "10:00"), "clock_from": THURSDAY_1700,
      "original_deadline": MONDAY_1100}),
    ("the centre resumes it earlier", STANDING, MONDAY_0900, Resume(CENTRE), "case.resumed",
     {"state": "accepted", "suspended_until": None, "deadline": MONDAY_1200}),
    ("the suspension is refused", after(accepted(at=FRIDAY_1700), asking_pause(THURSDAY_1700), FRIDAY_1800),
     FRIDAY_1800, NO_PAUSE, "case.request_refused", {"state": "accepted", "deadline": FRIDAY_1900, "requested": None}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "at", "command", "kind", "then"), [pytest.param(*row[1:], id=row[0]) for row in MOVES]
)
def test_a_request_is_made_or_answered(case: Case, at: datetime, command: Command, kind: str, then: Then) -> None:
    events = decided(case, command, at)

    assert ([kind], then) == ([event.kind for event in events], seen(folded(events, case), then))


def waiting(command: Command, at: datetime = FRIDAY_1800) -> Case:
    """Accepted on Friday at 17:00, due on Monday at 11:00, and something is asked for."""
    return after(accepted(WORK_HOURS, FRIDAY_1700), command, at)


TWICE = extended(extended(accepted(WORK_HOURS, FRIDAY_1700), FRIDAY_1800), FRIDAY_1900)
REFUSED: Sequence[tuple[str, Case, datetime, Command, str]] = [
    ("a third time", TWICE, MONDAY_0900, asking_more(1, "P002"), "extended_enough"),
    ("a second after the deadline", accepted(WORK_HOURS, FRIDAY_1700), MONDAY_1100 + SECOND, asking_more(1, "P002"),
     "overdue"),
    ("a pause a second after the deadline", accepted(WORK_HOURS, FRIDAY_1700), MONDAY_1100 + SECOND,
     asking_pause(THURSDAY_1700, 1, "P002"), "overdue"),
    ("granted a second after the deadline", waiting(asking_more(1, "P002")), MONDAY_1100 + SECOND, GRANT, "overdue"),
    ("suspended a second after the deadline", waiting(asking_pause(THURSDAY_1700, 1, "P002")), MONDAY_1100 + SECOND,
     PAUSE, "overdue"),
    ("before accepting it", after(None, opening(), FRIDAY_1700), FRIDAY_1800, asking_more(), "not_while_dispatched"),
    ("one request waits", waiting(asking_more(1, "P002")), FRIDAY_1900, asking_more(1, "P002"), "request_waiting"),
    ("another request waits", waiting(asking_more(1, "P002")), FRIDAY_1900, asking_pause(THURSDAY_1700, 1, "P002"),
     "request_waiting"),
    ("another request waits, the other way round", waiting(asking_pause(THURSDAY_1700, 1, "P002")), FRIDAY_1900,
     asking_more(1, "P002"), "request_waiting"),
    ("nothing is asked for", accepted(at=FRIDAY_1700), FRIDAY_1800, GRANT, "no_such_request"),
    ("nothing is asked for that could be refused", accepted(at=FRIDAY_1700), FRIDAY_1800, NO_MORE, "no_such_request"),
    ("something else is asked for", waiting(asking_more(1, "P002")), FRIDAY_1900, PAUSE, "no_such_request"),
    ("something else is asked for, the other way round", waiting(asking_pause(THURSDAY_1700, 1, "P002")), FRIDAY_1900,
     GRANT, "no_such_request"),
    ("granted twice", after(waiting(asking_more(1, "P002")), GRANT, FRIDAY_1900), FRIDAY_1900, GRANT,
     "no_such_request"),
    ("until now", accepted(WORK_HOURS, FRIDAY_1700), FRIDAY_1800, asking_pause(FRIDAY_1800, 1, "P002"),
     "until_in_past"),
    ("until yesterday", accepted(WORK_HOURS, FRIDAY_1700), FRIDAY_1800, asking_pause(FRIDAY_1000, 1, "P002"),
     "until_in_past"),
    ("a second longer than a year", accepted(WORK_HOURS, FRIDAY_1700), FRIDAY_1800,
     asking_pause(FRIDAY_1800 + YEAR + SECOND, 1, "P002"), "until_too_far"),
    ("until has come before the centre answered", waiting(asking_pause(SATURDAY_1000, 1, "P002")), MONDAY_0900, PAUSE,
     "until_in_past"),
    ("a year from the answer, not from the asking", waiting(asking_pause(FRIDAY_1800 + YEAR, 1, "P002")), FRIDAY_1700,
     PAUSE, "until_too_far"),
    ("its end has not come", paused(accepted(at=FRIDAY_1700), FRIDAY_1800, THURSDAY_1700), THURSDAY_1700 - SECOND,
     Ring(1, "handle", "resume"), "not_due"),
    ("it runs already", accepted(at=FRIDAY_1700), FRIDAY_1800, Resume(CENTRE), "not_while_accepted"),
    ("a clock that stands still is not extended", paused(accepted(at=FRIDAY_1700), FRIDAY_1800, THURSDAY_1700),
     MONDAY_0900, GRANT, "not_while_suspended"),
    ("what stands still is not warned of", paused(accepted(at=FRIDAY_1700), FRIDAY_1800, THURSDAY_1700), MONDAY_0900,
     Ring(1, "handle", "warning"), "not_due"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "at", "command", "reason"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_what_cannot_be_asked_or_granted_is_refused(case: Case, at: datetime, command: Command, reason: str) -> None:
    assert reason == refusal(case, command, at)


@pytest.mark.parametrize("kind", ["Accept", "Return", "Extend", "Suspend", "Handle"])
def test_nothing_is_done_with_a_case_while_its_clock_stands_still(kind: str) -> None:
    case = paused(accepted(at=FRIDAY_1700), FRIDAY_1800, THURSDAY_1700)
    command = next(command for made, command in COMMANDS.items() if made.__name__ == kind)

    assert "not_while_suspended" == refusal(case, command, MONDAY_0900)


def test_a_refused_request_uses_no_extension_up() -> None:
    case = accepted(WORK_HOURS, FRIDAY_1700)
    for _ in range(3):
        case = walk(case, [(FRIDAY_1800, asking_more(1, "P002")), (FRIDAY_1800, NO_MORE)])

    assert MONDAY_1700 == extended(case, FRIDAY_1900).deadline


AGAIN: Sequence[tuple[str, Steps, str | None]] = [
    ("a rework stays with the platform, which has had its two",
     [(FRIDAY_1900, handling(1, "P002", photos_elsewhere=("cd" * 32,))), (MONDAY_0900, Rework(CENTRE, "没修好")),
      (MONDAY_0900, by_platform(Accept, 2, "P002"))], "extended_enough"),
    ("another platform has two of its own",
     [(MONDAY_0900, Dispatch(CENTRE, "P014")), (MONDAY_0900, by_platform(Accept, 2, "P014"))], None),
    ("so has the same platform when it comes back to it",
     [(MONDAY_0900, Dispatch(CENTRE, "P014")), (MONDAY_0900, Dispatch(CENTRE, "P002")),
      (MONDAY_0900, by_platform(Accept, 3, "P002"))], None),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "answer"), [pytest.param(*row[1:], id=row[0]) for row in AGAIN])
def test_two_extensions_are_for_each_time_that_a_platform_has_the_case(steps: Steps, answer: str | None) -> None:
    case = walk(TWICE, steps)

    assert answer == refusal(case, asking_more(case.generation, holder(case) or ""), MONDAY_0900)


@pytest.mark.parametrize("command", [returning(1, "P002"), handling(1, "P002"), Dispatch(CENTRE, "P013")])
def test_a_request_is_gone_when_the_case_leaves_the_platform(command: Command) -> None:
    assert after(waiting(asking_more(1, "P002")), command, FRIDAY_1900).requested is None


def test_a_request_is_gone_when_the_case_goes_back_to_the_centre() -> None:
    with_the_last = walk(
        accepted(WORK_HOURS, FRIDAY_1700),
        [(FRIDAY_1700, returning(1, "P002")), (FRIDAY_1700, by_platform(Accept, 2, "P014"))],
    )
    case = walk(with_the_last, [(FRIDAY_1800, asking_more(2, "P014")), (FRIDAY_1900, returning(2, "P014"))])

    assert ("filed", None) == (case.state, case.requested)


LEFT = [
    # stopped, until, deadline; accepted on Friday at 15:00 with 4 work_hour: 3 on Friday, 1 on Monday
    (FRIDAY_1600, SATURDAY_1000, MONDAY_1100),
    (FRIDAY_1800, SUNDAY_1800, MONDAY_0900),
    (FRIDAY_1600, MONDAY_0800, MONDAY_1100),
    (MONDAY_0800, TUESDAY_1000, on(TUESDAY, "11:00")),
    (on(MONDAY, "08:30"), WEDNESDAY_0830, on(WEDNESDAY, "09:00")),
    (MONDAY_0900, SATURDAY_1000 + WEEK, SATURDAY_1000 + WEEK),  # at the deadline itself nothing is left
]


@pytest.mark.parametrize(("stopped", "until", "deadline"), LEFT)
def test_the_working_time_that_was_left_is_kept_over_the_weekend(
    stopped: datetime, until: datetime, deadline: datetime
) -> None:
    case = resumed(paused(accepted(WORK_HOURS, FRIDAY_1500), stopped, until), until)

    assert deadline == case.deadline


@given(
    category=st.sampled_from([URGENT, WORK_HOURS, WORK_DAY, NATURAL_DAYS]),
    minutes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 20_000)), min_size=1, max_size=5),
)
def test_however_often_a_clock_stands_still_it_allows_as_much_as_before(
    category: str, minutes: list[tuple[float, int]]
) -> None:
    case = accepted(category, FRIDAY_1000)
    limit = CITY.clocks[category]
    ran = 0.0
    for share, pause in minutes:
        assert case.clock_from is not None
        assert case.deadline is not None
        stops = case.clock_from + (case.deadline - case.clock_from) * share
        ran += CITY.calendar.seconds_between(case.clock_from, stops, limit.kind)
        until = stops + timedelta(minutes=pause)
        case = resumed(paused(case, stops, until), until)
    assert case.clock_from is not None
    assert case.deadline is not None
    left = CITY.calendar.seconds_between(case.clock_from, case.deadline, limit.kind)

    assert abs(limit.seconds - ran - left) < 0.001
    assert abs(limit.amount - case.spent - (case.allowed or 0)) < 1e-6


TOOK: Sequence[tuple[str, Case, datetime, int]] = [
    ("an hour by the clock on the wall", accepted(URGENT, FRIDAY_1700), FRIDAY_1800, 3_600),
    ("a weekend is no working time", accepted(WORK_DAY, FRIDAY_1500), MONDAY_0900, 4 * 3_600),
    ("nor is the Sunday on which it was done", accepted(WORK_DAY, FRIDAY_1500), SUNDAY_1800, 3 * 3_600),
    ("natural days run through it", accepted(NATURAL_DAYS, FRIDAY_1700), SUNDAY_1700, 48 * 3_600),
    ("a pause does not count", paused(accepted(WORK_HOURS, FRIDAY_1500), FRIDAY_1600, MONDAY_0900), MONDAY_1100,
     3 * 3_600),
    ("nor on the wall", paused(accepted(NATURAL_DAYS, FRIDAY_1500), FRIDAY_1600, MONDAY_0900), MONDAY_1100, 3 * 3_600),
    ("nor do two", paused(resumed(paused(accepted(WORK_HOURS, FRIDAY_1500), FRIDAY_1600, MONDAY_0900), MONDAY_0900),
     MONDAY_1000, TUESDAY_1000), on(TUESDAY, "10:30"), 9_000),
    ("an extension does", extended(accepted(WORK_HOURS, FRIDAY_1500), FRIDAY_1600), MONDAY_1100, 6 * 3_600),
]  # fmt: skip


@pytest.mark.parametrize(("case", "at", "seconds"), [pytest.param(*row[1:], id=row[0]) for row in TOOK])
def test_a_handling_took_what_the_limits_own_clock_ran(case: Case, at: datetime, seconds: int) -> None:
    if case.state == "suspended":
        case = resumed(case, case.suspended_until or at)

    assert seconds == after(case, handling(1, holder(case) or ""), at).spent_s


def test_a_clock_that_was_set_back_gives_a_platform_no_time() -> None:
    case = accepted(WORK_HOURS, FRIDAY_1500)
    asked = asking_pause(SATURDAY_1000, 1, "P002")
    again = resumed(walk(case, [(FRIDAY_1500, asked), (FRIDAY_0900, PAUSE)]), SATURDAY_1000)

    assert (4.0, 0.0, MONDAY_1200) == (again.allowed, again.spent, again.deadline)


def test_a_clock_that_stands_still_has_one_timer_its_end() -> None:
    case = paused(accepted(at=FRIDAY_1700), FRIDAY_1800, THURSDAY_1700)
    end = Ring(1, "handle", "resume")

    assert [("handle", "resume", THURSDAY_1700)] == [(t.stage, t.step, t.at) for t in timers(case).values()]
    assert "not_due" == refusal(after(case, end, THURSDAY_1700), end, THURSDAY_1700)


def test_an_old_case_without_a_recorded_limit_is_extended_suspended_and_resumed_by_the_citys_clock() -> None:
    case = replace(accepted(WORK_HOURS, FRIDAY_1500), limit=None, allowed=None)
    more = extended(case, FRIDAY_1600)
    running = resumed(paused(case, FRIDAY_1600, SUNDAY_1800), SUNDAY_1800)

    assert (on(MONDAY, "15:00"), MONDAY_1100) == (more.deadline, running.deadline)
