"""Query parameters of the notifier, beside the common ones. Here they are refused with 400, and `after` is a cursor."""

from datetime import UTC, datetime

from chassis.http.problems import Problem
from chassis.http.queries import Parameter, number, one_of, some_of, uuid
from services.notifier.cursor import Cursor, read_cursor

LONGEST_WAIT = 30
STATES = ("due", "delivered", "gone", "gave_up")


def cursor(text: str, field: str) -> Cursor:
    """A place in the feed. `Problem` 400 cursor_unfit."""
    found = read_cursor(text)
    if found is None:
        raise Problem(400, "cursor_unfit", "Send the `next` of an earlier answer, or nothing.", field=field)
    return found


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # a bare + in a query is a blank
        if at.tzinfo:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):  # at both ends of the calendar some offsets have no UTC
        pass
    raise Problem(400, "instant_unfit", "Send an instant such as 2026-11-24T08:30:00+08:00.", field="since")


_CURSOR = {"type": "string", "description": "The `next` of an earlier answer."}
AFTER: Parameter[Cursor] = Parameter("after", _CURSOR, lambda text: cursor(text, "after"), Cursor())
LIMIT = number("limit", 1, 500, 100, 400, "number_unfit")
WAIT = number("wait", 0, LONGEST_WAIT, 0, 400, "number_unfit")
STATE = some_of("state", STATES, (), 400, "state_unfit")
REPORT_ID = uuid("report_id", 400)
BEHIND = number("after", 0, 999_999_999, 0, 400, "number_unfit")
"""The place in the list of notices behind which a page begins."""
_SINCE = {"type": "string", "format": "date-time"}
SINCE: Parameter[datetime] = Parameter("since", _SINCE, _instant, datetime.min.replace(tzinfo=UTC), required=True)
WHAT = one_of("what", ("missed", "all"), 400, "what_unfit")
