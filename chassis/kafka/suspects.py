"""Suspects: records that fail although the environment is well, and the evidence needed before one may be parked.

A record alone proves nothing: a broken deploy or a constraint that an operator has added breaks every record, and then
none may be parked. So a suspect is tried again, and is parked only if it fails for the third time or later, after
another record of its own kind has passed in the meantime. Without such a witness it waits, and `/readyz` is red.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

TRIES = 3
"""A record must fail so often, with waiting in between, before it can be parked."""
MOST_SUSPECTS = 3
"""While more partitions than this wait at a failing record, the code is to blame and nothing is parked."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0


@dataclass(slots=True)
class Suspect:
    """A failing record: its place, its kind, and how many of that kind were settled before it first failed."""

    offset: int
    kind: bytes
    settled_before: int
    why: str
    failures: int = 0
    witnessed: bool = False


class Suspects:
    """The suspects of one consumer, at most one for each partition: the records behind it wait."""

    def __init__(self) -> None:
        self._of: dict[int, Suspect] = {}
        self._settled: Counter[bytes] = Counter()

    def failed(self, record: Any, why: Exception) -> bool:
        """Notes that `record` failed by itself once more. True if it may be parked now."""
        suspect = self._of.get(record.partition)
        if suspect is None or suspect.offset != record.offset:
            kind = kind_of(record)
            suspect = self._of[record.partition] = Suspect(record.offset, kind, self._settled[kind], "")
        suspect.witnessed |= self._settled[suspect.kind] > suspect.settled_before
        suspect.failures += 1
        suspect.why = type(why).__name__
        return suspect.failures >= TRIES and suspect.witnessed and len(self._of) <= MOST_SUSPECTS

    def settled(self, records: Iterable[Any], worked: Iterable[Any]) -> None:
        """Notes that `records` are settled; those of them that were `worked` are witnesses."""
        self._settled.update(map(kind_of, worked))
        for record in records:
            suspect = self._of.get(record.partition)
            if suspect is not None and suspect.offset <= record.offset:
                del self._of[record.partition]

    def lacks_witness(self, partition: int) -> bool:
        """Whether the suspect of `partition` has failed often enough, but nothing like it was seen to pass."""
        suspect = self._of.get(partition)
        return suspect is not None and suspect.failures >= TRIES - 1 and not suspect.witnessed

    def witness(self, partition: int) -> None:
        """Notes that a record like the suspect of `partition` would pass now."""
        if suspect := self._of.get(partition):
            suspect.witnessed = True

    def keep(self, partitions: Collection[int]) -> None:
        """Forgets the suspects of all other partitions: these have a new owner."""
        self._of = {partition: suspect for partition, suspect in self._of.items() if partition in partitions}

    def wait(self, partition: int) -> float:
        """Seconds until the suspect of `partition` is to be tried again."""
        suspect = self._of.get(partition)
        return min(FIRST_WAIT * 2.0**suspect.failures, LONGEST_WAIT) if suspect else 0.0

    def apart(self, records: Sequence[Any]) -> list[list[Any]]:
        """`records` in the parts in which they are to be tried: no suspect shares a part with others.

        The order within each partition is kept.
        """
        places = {partition: suspect.offset for partition, suspect in self._of.items()}
        at = [(record, places.get(record.partition)) for record in records]
        free = [record for record, offset in at if offset is None or record.offset < offset]
        alone = [[record] for record, offset in at if record.offset == offset]
        behind = [record for record, offset in at if offset is not None and record.offset > offset]
        return [part for part in (free, *alone, behind) if part]

    def told(self) -> str | None:
        """Where the consumer waits and why, in one line for people; None when there is no suspect."""
        lines = [
            f"partition {partition} waits at offset {suspect.offset} ({suspect.why}, {suspect.failures} attempts)"
            for partition, suspect in sorted(self._of.items())
        ]
        return "; ".join(lines) or None


def kind_of(record: Any) -> bytes:
    """The type that a record says it has, as it stands; empty if it says none."""
    return next((value for name, value in record.headers or () if name == "ce_type" and value), b"")
