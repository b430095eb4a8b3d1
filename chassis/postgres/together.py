"""Several writes as one statement: one round trip instead of many.

From its first write to its end a transaction holds back whoever reads behind its horizon (`horizon.py`), so what can be
written at once is. Every part sees what stood before the statement: none sees another's rows, and no row may be
written by two of them. Triggers and foreign keys are looked at when all parts are done.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
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
    if not writes:
        return
    parts: list[str] = []
    arguments: list[Any] = []
    for write in writes:
        parts.append(f"w{len(parts)} as ({_shifted(write.sql, len(arguments))})")
        arguments += write.arguments
    await connection.execute(f"with {', '.join(parts)} select", *arguments)


def _shifted(sql: str, by: int) -> str:
    return _PLACEHOLDER.sub(lambda found: f"${int(found[1]) + by}", sql)
