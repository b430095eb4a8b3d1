"""When a notice is tried again: ten tries over three days, what a recipient may ask for, and a spread of one's own."""

from datetime import datetime, timedelta, timezone
from typing import Literal
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notifier.attempt import (
    WAITS,
    Attempt,
    Send,
    Stop,
    WaitUntil,
    next_step,
    retry_after_of,
    spread_of,
)

TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=8)))
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def failed(retry_after: timedelta = timedelta(0)) -> Attempt:
    return Attempt(TUESDAY_1000, "unavailable", retry_after)


def test_ten_tries_take_seventy_five_hours_thirty_five_minutes_and_five_seconds() -> None:
    assert (10, timedelta(hours=75, minutes=35, seconds=5)) == (len(WAITS), sum(WAITS, timedelta(0)))


@pytest.mark.parametrize(
    ("tried", "wait"),
    [(1, 5 * SECOND), (2, 5 * MINUTE), (3, 30 * MINUTE), (4, 2 * HOUR), (5, 5 * HOUR), (6, 10 * HOUR),
     (7, 14 * HOUR), (8, 20 * HOUR), (9, 24 * HOUR)],
)  # fmt: skip
def test_after_each_failure_the_next_try_is_due_to_the_second(tried: int, wait: timedelta) -> None:
    due = TUESDAY_1000 + wait

    assert WaitUntil(due) == next_step(tried, failed(), TUESDAY_1000, 1.0)
    assert WaitUntil(due) == next_step(tried, failed(), due - timedelta(microseconds=1), 1.0)
    assert Send() == next_step(tried, failed(), due, 1.0)


def test_the_first_try_is_at_once() -> None:
    assert Send() == next_step(0, None, TUESDAY_1000, 1.2)


@pytest.mark.parametrize("tried", [10, 11])
def test_after_ten_failures_it_is_given_up(tried: int) -> None:
    assert Stop("gave_up") == next_step(tried, failed(HOUR), TUESDAY_1000 + timedelta(days=9), 1.0)


@pytest.mark.parametrize("outcome", ["delivered", "gone"])
@pytest.mark.parametrize("tried", [1, 9, 10])
def test_what_was_delivered_or_is_gone_is_never_sent_again(outcome: Literal["delivered", "gone"], tried: int) -> None:
    last = Attempt(TUESDAY_1000, outcome, HOUR)

    assert Stop(outcome) == next_step(tried, last, TUESDAY_1000 + timedelta(days=9), 1.0)


@given(st.uuids())
def test_a_notice_that_never_arrives_is_tried_ten_times_within_the_spread(notice_id: UUID) -> None:
    spread, at, tries, last = spread_of(notice_id), TUESDAY_1000, 0, None
    while (step := next_step(tries, last, at, spread)) != Stop("gave_up"):
        if isinstance(step, WaitUntil):
            assert step.due > at
            at = step.due
        else:
            tries, last = tries + 1, Attempt(at, "unavailable")
    took = at - TUESDAY_1000

    assert 10 == tries
    assert abs(took - sum(WAITS, timedelta(0)) * spread) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [(timedelta(0), 5 * SECOND), (SECOND, 5 * SECOND), (MINUTE, MINUTE), (24 * HOUR, 24 * HOUR),
     (240 * HOUR, 24 * HOUR)],
)  # fmt: skip
def test_a_retry_after_lengthens_a_wait_up_to_a_day_and_never_shortens_it(asked: timedelta, waited: timedelta) -> None:
    assert WaitUntil(TUESDAY_1000 + waited) == next_step(1, failed(asked), TUESDAY_1000, 1.0)


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        (None, timedelta(0)), ("", timedelta(0)), ("0", timedelta(0)), ("7", 7 * SECOND), ("3600", HOUR),
        ("86401", 24 * HOUR), ("9" * 400, 24 * HOUR),
        ("Tue, 24 Nov 2026 02:00:30 GMT", 30 * SECOND), ("Tue, 24 Nov 2026 10:00:30 +0800", 30 * SECOND),
        ("Tue, 24 Nov 2026 02:00:30", 30 * SECOND), ("Tue, 24 Nov 2026 01:59:00 GMT", timedelta(0)),
        ("Fri, 24 Nov 2028 02:00:00 GMT", 24 * HOUR), ("Tue, 24 Nov 9999 23:59:59 -2359", 24 * HOUR),
    ],
)  # fmt: skip
def test_a_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, asked: timedelta) -> None:
    assert asked == retry_after_of(header, TUESDAY_1000)


@pytest.mark.parametrize(
    "header",
    [
        "soon", "-1", "1.5", "+5", "²", "١٢", "5 s", ",", "Tue,", "0 0 0 0 0 0", "Tue, 99 Nov 2026 10:00:00 GMT",
        "Tue, 24 Nov 0000 00:00:00 GMT", "Tue, 24 Nov 99999999999 10:00:00 GMT",
        "Tue, 24 Nov 2026 10:00:00 +99999999999999", "\udcff", "Tue, 24 Nov 2026 10:00:00 +9999",
    ],
)  # fmt: skip
def test_an_unfit_retry_after_asks_for_nothing(header: str) -> None:
    assert timedelta(0) == retry_after_of(header, TUESDAY_1000)


@given(st.text() | st.text("0123456789 :,+-TueNovGMT", max_size=40))
def test_no_retry_after_raises_or_asks_for_more_than_a_day(header: str) -> None:
    assert timedelta(0) <= retry_after_of(header, TUESDAY_1000) <= timedelta(hours=24)


@given(st.uuids())
@example(UUID(int=10_006))
def test_the_spread_of_a_notice_is_constant_and_within_a_fifth(notice_id: UUID) -> None:
    spread = spread_of(notice_id)

    assert 0.8 <= spread <= 1.2
    assert spread == spread_of(UUID(str(notice_id)))


def test_the_spreads_of_many_notices_lie_apart() -> None:
    spreads = [spread_of(UUID(int=number * 7919)) for number in range(1000)]

    assert len(set(spreads)) > 900
    assert (True, True) == (min(spreads) < 0.82, max(spreads) > 1.18)
