"""Halving: one item that cannot be worked must not keep those beside it from their effect.

Many items are worked in one transaction. When it fails by an error that the environment does not cause, its items are
tried again in halves, until what fails stands alone; everything else takes effect.
"""

import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from asyncpg import exceptions as pg

from chassis.postgres.blame import ENVIRONMENT_ERRORS

MAX_FAILURES = 50
"""How many items are blamed at once. Beyond them the rest is left for later: the code may be to blame."""
MAX_NAMED = 20
"""How many of the items that failed a line of the log names."""
_ROOT = Path(__file__).parents[2]

T = TypeVar("T")
R = TypeVar("R")


async def by_halves(
    items: Sequence[T],
    work: Callable[[Sequence[T]], Awaitable[R]],
    passing: tuple[type[Exception], ...] = ENVIRONMENT_ERRORS,
) -> tuple[list[R], list[tuple[T, Exception]]]:
    """Calls `work` with all `items`, and after an error with halves of them; items keep their order.

    Returns what the calls that succeeded returned, and each item that failed alone, with its error. `work` must change
    nothing when it raises. Errors in `passing` are raised: no item causes them.
    """
    done: list[R] = []
    failed: list[tuple[T, Exception]] = []
    parts = [items] if items else []
    while parts and len(failed) < MAX_FAILURES:
        part = parts.pop()
        try:
            done.append(await work(part))
        except passing:
            raise
        except Exception as why:
            if len(part) == 1:
                failed.append((part[0], why))
            else:
                middle = len(part) // 2
                parts += [part[middle:], part[:middle]]
    return done, failed


def named(keys: Iterable[object]) -> list[str]:
    """The first of many keys, as a line of the log names them."""
    return [str(key) for key in islice(keys, MAX_NAMED)]


def cause_of(why: Exception) -> str:
    """An error in one line for the log, without its text, because that may quote the row that caused it.

    `CheckViolationError 23514 cases_body_check of cases, services/router/act.py:74 in act`
    """
    told = [type(why).__name__]
    if isinstance(why, pg.PostgresError):
        named = [why.constraint_name or why.column_name, why.table_name]
        told += [why.sqlstate or "", " of ".join(name for name in named if name)]
    frames = [frame for frame in traceback.extract_tb(why.__traceback__) if _is_ours(frame.filename)]
    said = " ".join(filter(None, told))
    return f"{said}, {_place_of(frames[-1])}" if frames else said


def _place_of(frame: traceback.FrameSummary) -> str:
    return f"{Path(frame.filename).relative_to(_ROOT)}:{frame.lineno} in {frame.name}"


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    return path.is_relative_to(_ROOT) and "site-packages" not in path.parts
