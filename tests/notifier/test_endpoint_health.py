"""When an endpoint is no longer called."""

from datetime import datetime, timedelta, timezone

import pytest

from services.notifier.attempt import Outcome
from services.notifier.endpoint_health import why_disable

TUESDAY_1000 = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=8)))
SUNDAY_0959 = datetime(2026, 11, 29, 9, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=8)))
SUNDAY_1000 = datetime(2026, 11, 29, 10, 0, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    ("outcome", "failing_since", "at", "why"),
    [
        ("gone", None, TUESDAY_1000, "gone"), ("gone", TUESDAY_1000, TUESDAY_1000, "gone"),
        ("gone", TUESDAY_1000, SUNDAY_1000, "gone"),
        ("unavailable", TUESDAY_1000, TUESDAY_1000, None), ("unavailable", TUESDAY_1000, SUNDAY_0959, None),
        ("unavailable", TUESDAY_1000, SUNDAY_1000, "five_days_of_failure"), ("unavailable", None, SUNDAY_1000, None),
        ("delivered", TUESDAY_1000, SUNDAY_1000, None), ("delivered", None, TUESDAY_1000, None),
    ],
)  # fmt: skip
def test_gone_or_five_days_of_nothing_but_failure_disables(
    outcome: Outcome, failing_since: datetime | None, at: datetime, why: str | None
) -> None:
    assert why == why_disable(outcome, failing_since, at)
