"""Query parameters of the router's reads: checked one by one; and cursors, which only the router reads."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from fastapi import Request

from chassis.http.problems import Problem
from services.router.city import City
from services.router.ledger_lists import FIRST, Place, Sweep

LARGEST_PAGE = 200
_EPOCH = FIRST[0]
_LATEST = 4_000_000_000_000_000


def one_of(request: Request, name: str, allowed: Sequence[str]) -> str | None:
    """The parameter if it is one of `allowed`, None if it is absent; `Problem` 422 otherwise."""
    value = request.query_params.get(name)
    if value is not None and value not in allowed:
        raise Problem(422, f"{name}_unknown", f"One of: {', '.join(allowed)}.", field=name)
    return value


def some_of(request: Request, name: str, allowed: Sequence[str], absent: Sequence[str]) -> list[str]:
    """The parameter as a list between commas, each one of `allowed` and once; `Problem` 422 otherwise."""
    text = request.query_params.get(name)
    found = list(dict.fromkeys(text.split(","))) if text is not None else list(absent)
    if any(value not in allowed for value in found):
        raise Problem(422, f"{name}_unknown", f"Some of, between commas: {', '.join(allowed)}.", field=name)
    return found


def page_size(request: Request) -> int:
    """`limit`, 1 to 200, 50 if absent."""
    return int(_number(request, "limit", 50, 1, LARGEST_PAGE))


def seconds(request: Request, name: str, most: int) -> float:
    """A time to wait, 0 if absent."""
    return _number(request, name, 0, 0, most)


def place(request: Request) -> Place:
    """Where a page begins: `cursor`, or the beginning."""
    parts = _cursor(request, 2)
    return _place(parts[0], parts[1]) if parts else FIRST


def cursor_of(found: Place) -> str:
    """`place`, to be handed out."""
    return f"{_micros(found[0])}.{found[1].hex}"


def sweep(request: Request) -> Sweep:
    """Where a worklist goes on: `cursor`, or the beginning."""
    parts = _cursor(request, 4)
    if not parts:
        return Sweep()
    since, until, micros, case_id = parts
    return Sweep(int(since), int(until) if int(until) else None, _place(micros, case_id))


def cursor_of_sweep(onward: Sweep) -> str:
    """`sweep`, to be handed out."""
    return f"{onward.since}.{onward.until or 0}.{cursor_of(onward.place)}"


def period(request: Request, now: datetime, city: City) -> tuple[datetime, datetime]:
    """`since` and `until`: dates of the city or instants with offset; the last 30 days up to now if absent."""
    until = _instant(request, "until", city) or just_after(now)
    since = _instant(request, "since", city) or until - timedelta(days=30)
    if since >= until:
        raise Problem(422, "period_unfit", "`since` must be before `until`.", field="since")
    return since, until


def just_after(at: datetime) -> datetime:
    """The end of a period that has `at` itself in it."""
    return at + timedelta(microseconds=1)


def _instant(request: Request, name: str, city: City) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as why:
        raise Problem(422, f"{name}_unfit", "A date, or a date and time with offset.", field=name) from why
    if not 2000 <= found.year < 3000:  # what is near the ends of the calendar cannot be turned into UTC
        raise Problem(422, f"{name}_unfit", "A date or time of this millennium.", field=name)
    if found.tzinfo is None and len(text) > len("2026-11-24"):
        raise Problem(422, f"{name}_unfit", "A time needs its offset.", field=name)
    return found if found.tzinfo else found.replace(tzinfo=UTC) - city.calendar.utc_offset


def _cursor(request: Request, count: int) -> list[str]:
    text = request.query_params.get("cursor")
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


def _number(request: Request, name: str, absent: float, least: float, most: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return absent
    if not (text.isascii() and text.isdigit() and len(text) < 7 and least <= int(text) <= most):
        raise Problem(422, f"{name}_unfit", f"A whole number from {least:g} to {most:g}.", field=name)
    return int(text)


def _is_id(text: str) -> bool:
    return len(text) == 32 and all(c in "0123456789abcdef" for c in text)
