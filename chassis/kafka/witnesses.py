"""The search for a witness: records behind a suspect are tried, and what they do is rolled back."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar

from aiokafka.errors import KafkaError

from chassis.kafka.fence import Reading
from chassis.kafka.parking import Aside
from chassis.kafka.suspects import MOST_PROBES, Suspects, kind_of
from chassis.postgres.pool import Connection, Database, Unavailable
from chassis.postgres.written import tables_written

HEALS = (Unavailable, KafkaError, OSError, TimeoutError)
"""What waiting cures: never the fault of a record."""

E = TypeVar("E")
Work = Callable[[Connection, Sequence[tuple[Any, E]]], Awaitable[Sequence[Aside]]]


class _Undone(Exception):
    """Rolls a trial back."""


class Witnesses:
    """What may show that a suspect alone is to blame, in the partition of the suspect."""

    def __init__(self, suspects: Suspects, database: Database, schema: str, work: Work[Any]) -> None:
        self._suspects, self._database, self._schema, self._work = suspects, database, schema, work

    async def look_for_one(self, partition: int, readings: Sequence[Reading]) -> None:
        """Tries records of the suspect's kind that wait behind it. `readings` begin with the suspect."""
        suspect, *behind = readings
        if not self._suspects.lacks_witness(partition):
            return
        kind = kind_of(suspect.record)
        alike = [r for r in behind if kind_of(r.record) == kind and r.aside is None and r.error is None]
        for reading in alike[:MOST_PROBES]:
            written = await self._would_write(reading)
            if written is not None and self._suspects.witness(partition, written):
                return

    async def _would_write(self, reading: Reading) -> Collection[str] | None:
        """The tables that the record would write to; None if it would fail or be set aside."""
        set_aside = True
        try:
            async with self._database.transaction() as connection:
                async with tables_written(connection, self._schema) as written:
                    set_aside = bool(await self._work(connection, [(reading.record, reading.event)]))
                await connection.execute("set constraints all immediate")  # they are looked at as by a commit
                raise _Undone
        except _Undone:
            return None if set_aside else written
        except HEALS:
            raise
        except Exception:
            return None
