"""Query parameters of the router's reads, beside the common ones; and cursors, which only the router reads."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import Request

from chassis.http.problems import Problem
from chassis.http.queries import Parameter, number
from services.router.city import City
from services.router.ledger_lists import FIRST, Place, Sweep

LARGEST_PAGE = 200
_EPOCH = FIRST[0]
_LATEST = 4_000_000_000_000_000


def cursor_of(found: Place) -> str:
    """Where a page begins, to be handed out; `CURSOR` reads it."""
    return f"{_micros(found[0])}.{found[1].hex}"


def cursor_of_sweep(onward: Sweep) -> str:
    """Where a worklist goes on, to be handed out; `SWEEP` reads it."""
    return f"{onward.since}.{onward.until or 0}.{cursor_of(onward.place)}"


class Period:
    """`since` and `until`: dates of the city or instants with offset; the last 30 days up to now if absent."""

    def __init__(self, city: City) -> None:
        self.since, self.until = (_instant(name, city) for name in ("since", "until"))

    def of(self, request: Request, now: datetime) -> tuple[datetime, datetime]:
        """Both ends. `Problem` 422: since_unfit, until_unfit, period_unfit."""
        until = self.until.of(request) or just_after(now)
        since = self.since.of(request) or until - timedelta(days=30)
        if since >= until:
            raise Problem(422, "period_unfit", "`since` must be before `until`.", field="since")
        return since, until


def just_after(at: datetime) -> datetime:
    """The end of a period that has `at` itself in it."""
    return at + timedelta(microseconds=1)


def _instant(name: str, city: City) -> Parameter[datetime | None]:
    def read(text: str) -> datetime:
        try:
            found = datetime.fromisoformat(text.replace(" ", "+"))
        except ValueError as why:
            raise Problem(422, f"{name}_unfit", "A date, or a date and time with offset.", field=name) from why
        if not 2000 <= found.year < 3000:  # what is near the ends of the calendar cannot be turned into UTC
            raise Problem(422, f"{name}_unfit", "A date or time of this millennium.", field=name)
        if found.tzinfo is None and len(text) > len("2026-11-24"):
            raise Problem(422, f"{name}_unfit", "A time needs its offset.", field=name)
        return found if found.tzinfo else found.replace(tzinfo=UTC) - city.calendar.utc_offset

    return Parameter(name, {"type": "string", "description": "A date, or a date and time with offset."}, read, None)


def _page(text: str) -> Place:
    parts = _parts(text, 2)
    return _place(parts[0], parts[1]) if parts else FIRST


def _sweep(text: str) -> Sweep:
    parts = _parts(text, 4)
    if not parts:
        return Sweep()
    since, until, micros, case_id = parts
    return Sweep(int(since), int(until) if int(until) else None, _place(micros, case_id))


def _parts(text: str, count: int) -> list[str]:
    if not text:
        return []
    parts = text.split(".")
    numbers, case_id = parts[:-1], parts[-1]
    if (
        len(parts) != count
        or not all(n.isascii() and n.isdigit() and len(n) <= 19 for n in numbers)
        or not _is_id(case_id)
    ):
        raise Problem(422, "cursor_unfit", "Use the `next` of an earlier answer, or begin anew.", field="cursor")
    return parts


def _place(micros: str, case_id: str) -> Place:
    return _EPOCH + timedelta(microseconds=min(int(micros), _LATEST)), UUID(case_id)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)


_CURSOR = {"type": "string", "description": "The `next` of an earlier answer."}
CURSOR: Parameter[Place] = Parameter("cursor", _CURSOR, _page, FIRST)
"""Where a page begins."""
SWEEP: Parameter[Sweep] = Parameter("cursor", _CURSOR, _sweep, Sweep())
"""Where a worklist goes on."""
LIMIT = number("limit", 1, LARGEST_PAGE, 50)
"""How many cases a page has."""
