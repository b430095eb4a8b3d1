"""The fence: each offset of a partition is worked once and in order, whoever believes to be the partition's owner."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from chassis.kafka.parking import Aside
from chassis.logs import log
from chassis.postgres import failing, positions
from chassis.postgres.failing import Decision, Place
from chassis.postgres.pool import Connection, Database

Ends = Callable[[Sequence[int]], Awaitable[Mapping[int, int]]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A record and what reading it came to: an event, a reason to park it, or an error of our own code."""

    record: Any
    event: Any = None
    aside: Aside | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where records come from: the topic, its only writer, and the group, which is named `<schema>.<topic>`."""

    topic: str
    writer: str
    group: str

    @property
    def schema(self) -> str:
        return self.group.partition(".")[0]


class Fence:
    """The transactions of one consumer. `ends` asks Kafka for the next offset that partitions will write."""

    def __init__(self, source: Source, database: Database, ends: Ends) -> None:
        self._place, self._database, self._ends = (source.schema, source.topic), database, ends

    @asynccontextmanager
    async def transaction(self, readings: Sequence[Reading]) -> AsyncIterator[tuple[Connection, Sequence[Reading]]]:
        """A transaction for those of `readings` that are not settled yet; at its end the positions move behind them.

        Raises `Unavailable` if another owner settles one of the partitions at the same time; then nothing is written.
        """
        async with self._database.transaction() as connection:
            reached = await positions.reached(connection, *self._place, {r.record.partition for r in readings})
            fresh = await self._fresh(readings, reached)
            yield connection, fresh
            if fresh:
                moved = {reading.record.partition: reading.record.offset + 1 for reading in fresh}
                await positions.advance(connection, *self._place, reached, moved)

    async def pass_over(self, partition: int, offset: int) -> None:
        """Moves the position behind a frame that was parked by its place."""
        async with self._database.connection() as connection:
            await positions.pass_over(connection, *self._place, partition, offset)

    async def failing(self, record: Any, error: str, attempts: int) -> Decision | None:
        """Notes that the record has failed so often, for operators to see; what one of them has decided about it."""
        schema, topic = self._place
        async with self._database.connection() as connection:
            return await failing.note(
                connection, Place(schema, topic, record.partition, record.offset), error, attempts
            )

    async def _fresh(self, readings: Sequence[Reading], reached: Mapping[int, int]) -> Sequence[Reading]:
        settled = {r.record.partition for r in readings if r.record.offset < reached.get(r.record.partition, 0)}
        if not settled:
            return readings
        ends = await self._ends(sorted(settled))
        begun_anew = {
            partition for partition in settled if ends.get(partition, reached[partition]) < reached[partition]
        }
        if begun_anew:  # dropping what the new topic holds would lose it
            log.error("positions.beyond_the_end", topic=self._place[1], partitions=sorted(begun_anew))
        return [
            reading
            for reading in readings
            if reading.record.partition in begun_anew
            or reading.record.offset >= reached.get(reading.record.partition, 0)
        ]
