"""When a callback endpoint is no longer called: it says that it is gone, or five days of nothing but failure."""

from datetime import datetime, timedelta
from typing import Literal

from services.notifier.attempt import Outcome

PATIENCE = timedelta(days=5)

Why = Literal["gone", "five_days_of_failure"]


def why_disable(outcome: Outcome, failing_since: datetime | None, at: datetime) -> Why | None:
    """Why an endpoint is disabled after an attempt with this outcome at `at`; None while it is not.

    `failing_since` is the first failure after which nothing was delivered, this attempt included.
    """
    if outcome == "gone":
        return "gone"
    if outcome == "unavailable" and failing_since is not None and at - failing_since >= PATIENCE:
        return "five_days_of_failure"
    return None
