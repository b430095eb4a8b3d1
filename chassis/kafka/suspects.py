"""Suspects: records that fail although the environment is well, and the evidence needed before one may be parked.

A record alone proves nothing: a broken deploy or a constraint that an operator has added breaks every record, and then
none may be parked. So a suspect is tried again, and is parked only if it fails for the third time or later, after
another record of its own kind has passed in the meantime. Without such a witness it waits, and `/readyz` is red.

A record that writes nothing, such as a repetition of what is known, passes in a broken environment too. It witnesses
only for a suspect that could not be read, because it was read by the same code.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chassis.postgres.blame import table_of

TRIES = 3
"""A record must fail so often, with waiting in between, before it can be parked."""
MOST_SUSPECTS = 3
"""While more partitions than this wait at a failing record, the code is to blame and nothing is parked."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
MOST_PROBES = 5
"""How many records of a kind are tried one by one in search of a witness, in each batch."""

T = TypeVar("T")


@dataclass(slots=True)
class Suspect:
    """A failing record: its place, its kind, and where and why it failed the last time."""

    offset: int
    kind: bytes
    why: str = ""
    at: tuple[bool, str] = (False, "")
    """Whether it failed while it was read, else the table that refused it, if the error names one."""
    failures: int = 0
    witnessed: bool = False

    def is_blamed_by(self, written: Collection[str]) -> bool:
        """Whether a record of its kind that passed and wrote this (`written.py`) shows that the environment is well."""
        unread, table = self.at  # a table may refuse new rows and let the old ones be updated
        return unread or (f"insert {table}" in written if table else bool(written))


class Suspects:
    """The suspects of one consumer, at most one for each partition: the records behind it wait."""

    def __init__(self, group: str = "") -> None:
        self._group = group
        self._of: dict[int, Suspect] = {}

    def failed(self, record: Any, why: Exception, unread: bool = False) -> bool:
        """Notes that `record` failed by itself once more. True if it may be parked now."""
        suspect = self._of.get(record.partition)
        if suspect is None or suspect.offset != record.offset:
            suspect = self._of[record.partition] = Suspect(record.offset, kind_of(record))
        at = (unread, table_of(why))
        suspect.witnessed &= suspect.at == at  # else it fails at what the witness may never have touched
        suspect.why, suspect.at = type(why).__name__, at
        suspect.failures += 1
        return suspect.failures >= TRIES and suspect.witnessed and len(self._of) <= MOST_SUSPECTS

    def settled(self, records: Iterable[Any], worked: Iterable[Any], written: Collection[str] = ()) -> None:
        """Notes that `records` are settled. Those that were `worked` wrote this, if it is known."""
        for record in records:
            suspect = self._of.get(record.partition)
            if suspect is not None and suspect.offset <= record.offset:
                del self._of[record.partition]
        for kind in set(map(kind_of, worked)):
            for suspect in self._of.values():
                suspect.witnessed |= suspect.kind == kind and suspect.is_blamed_by(written)

    def lacks_witness(self, partition: int) -> bool:
        """Whether the suspect of `partition` has failed often enough, but nothing like it was seen to pass."""
        suspect = self._of.get(partition)
        return suspect is not None and suspect.failures >= TRIES - 1 and not suspect.witnessed

    def witness(self, partition: int, written: Collection[str]) -> bool:
        """Notes that a record like the suspect of `partition` would pass and write this. True if that is enough."""
        suspect = self._of.get(partition)
        if suspect is not None:
            suspect.witnessed |= suspect.is_blamed_by(written)
        return suspect is None or suspect.witnessed

    def lack_witness_like(self, record: Any) -> bool:
        """Whether what this record writes is of interest: a suspect of its kind has no witness yet."""
        kind = kind_of(record)
        return any(suspect.kind == kind and not suspect.witnessed for suspect in self._of.values())

    def keep(self, partitions: Collection[int]) -> None:
        """Forgets the suspects of all other partitions: these have a new owner."""
        self._of = {partition: suspect for partition, suspect in self._of.items() if partition in partitions}

    def wait(self, partition: int) -> float:
        """Seconds until the suspect of `partition` is to be tried again."""
        suspect = self._of.get(partition)
        return min(FIRST_WAIT * 2.0**suspect.failures, LONGEST_WAIT) if suspect else 0.0

    def apart(self, records: Sequence[Any]) -> list[Sequence[Any]]:
        """`records` in the parts in which they are to be tried: no suspect shares a part with others.

        The order within each partition is kept.
        """
        places = {partition: suspect.offset for partition, suspect in self._of.items()}
        at = [(record, places.get(record.partition)) for record in records]
        free = [record for record, offset in at if offset is None or record.offset < offset]
        alone = [[record] for record, offset in at if record.offset == offset]
        behind = [record for record, offset in at if offset is not None and record.offset > offset]
        return [part for part in (*self.singled(free), *alone, behind) if part]

    def singled(self, items: Sequence[T], record_of: Callable[[T], Any] = lambda item: item) -> list[Sequence[T]]:
        """`items` in their order, the first that may be witnesses alone: what each writes must be seen."""
        taken: Counter[bytes] = Counter()
        parts: list[list[T]] = [[]]
        for item in items:
            kind = kind_of(record_of(item))
            if taken[kind] < MOST_PROBES and self.lack_witness_like(record_of(item)):
                taken[kind] += 1
                parts += [[item], []]
            else:
                parts[-1].append(item)
        return [part for part in parts if part]

    def tried(self, partition: int) -> Suspect | None:
        """The suspect of `partition`, once it has failed so often that it may be parked."""
        suspect = self._of.get(partition)
        return suspect if suspect is not None and suspect.failures >= TRIES else None

    def command(self, partition: int) -> str | None:
        """What an operator types to park the suspect of `partition` by hand; None while it is too early."""
        suspect = self.tried(partition)
        if suspect is None:
            return None
        return f"python -m stack parked aside {self._group} {partition} {suspect.offset} --by NAME --reason WHY"

    def told(self) -> str | None:
        """Where the consumer waits and why, in one line for people; None when there is no suspect."""
        lines = []
        for partition, suspect in sorted(self._of.items()):
            advice = f"; to park it by hand: {command}" if (command := self.command(partition)) else ""
            attempts = f"{suspect.why}, {suspect.failures} attempts"
            lines.append(f"partition {partition} waits at offset {suspect.offset} ({attempts}{advice})")
        return "; ".join(lines) or None


def kind_of(record: Any) -> bytes:
    """The type that a record says it has, as it stands; empty if it says none."""
    return next((value for name, value in record.headers or () if name == "ce_type" and value), b"")
