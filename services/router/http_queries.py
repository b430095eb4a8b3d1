"""Query parameters of the router's reads: checked one by one, and documented."""

from collections.abc import Sequence

from fastapi import Request

from chassis.http.problems import Problem

LARGEST_PAGE = 200


def one_of(request: Request, name: str, allowed: Sequence[str]) -> str | None:
    """The parameter if it is one of `allowed`, None if it is absent; `Problem` 422 otherwise."""
    value = request.query_params.get(name)
    if value is not None and value not in allowed:
        raise Problem(422, f"{name}_unknown", f"One of: {', '.join(allowed)}.", field=name)
    return value


def page_size(request: Request) -> int:
    """`limit`, 1 to 200, 50 if absent."""
    return int(_number(request, "limit", 50, 1, LARGEST_PAGE))


def seconds(request: Request, name: str, most: int) -> float:
    """A time to wait, 0 if absent."""
    return _number(request, name, 0, 0, most)


def position(request: Request) -> tuple[str, str] | None:
    """Where the page begins: the two parts of `cursor`, or None for the beginning."""
    cursor = request.query_params.get("cursor")
    if not cursor:
        return None
    first, dot, second = cursor.partition(".")
    if not (dot and first.isdigit() and len(first) <= 20 and len(second) == 32 and _is_hex(second)):
        raise Problem(422, "cursor_unfit", "Use the `next` of an earlier answer.", field="cursor")
    return first, second


def _number(request: Request, name: str, absent: float, least: float, most: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return absent
    if not (text.isascii() and text.isdigit() and len(text) < 7 and least <= int(text) <= most):
        raise Problem(422, f"{name}_unfit", f"A whole number from {least:g} to {most:g}.", field=name)
    return int(text)


def _is_hex(text: str) -> bool:
    return all(c in "0123456789abcdef" for c in text)
