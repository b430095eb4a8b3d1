"""Several writes as one statement: one round trip instead of many.

From its first write to its end a transaction holds back whoever reads behind its horizon (`horizon.py`), so what can be
written at once is. Every part sees what stood before the statement: none sees another's rows, and no row may be
written by two of them. Triggers and foreign keys are looked at when all parts are done.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chassis.postgres.pool import Connection

_PLACEHOLDER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Write:
    """An insert, update or delete with its own arguments, `$1` and so on."""

    sql: str
    arguments: tuple[Any, ...]


def columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    """Rows as the arrays that `unnest` takes; `rows` is not empty."""
    return tuple(list(column) for column in zip(*rows, strict=True))


async def write_together(connection: Connection, writes: Sequence[Write]) -> None:
    """Carries out all of them, inside the caller's transaction."""
    if writes:
        sql = _statement(tuple((write.sql, len(write.arguments)) for write in writes))
        await connection.execute(sql, *(argument for write in writes for argument in write.arguments))


@lru_cache(256)
def _statement(parts: tuple[tuple[str, int], ...]) -> str:
    """One statement of several, each with its number of arguments."""
    found: list[str] = []
    by = 0
    for sql, count in parts:
        found.append(f"w{len(found)} as ({_shifted(sql, by)})")
        by += count
    return f"with {', '.join(found)} select"


def _shifted(sql: str, by: int) -> str:
    return _PLACEHOLDER.sub(lambda found: f"${int(found[1]) + by}", sql)
