"""The fence on a real PostgreSQL: each offset is worked once and in order, whoever believes to own the partition."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from chassis.kafka.batch import Batch
from chassis.kafka.parking import Aside
from chassis.postgres.pool import Connection, Unavailable
from tests.chassis.trial import Trial, headers, raw


@dataclass
class Record:
    """A record of a partition, by hand."""

    topic: str
    partition: int
    offset: int
    value: bytes
    key: bytes | None = None
    timestamp: int = 0
    headers: list[tuple[str, bytes]] = field(default_factory=lambda: raw(headers()))


@dataclass
class Parked:
    """Takes what is parked, and can be away."""

    asides: list[Aside] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)

    async def park(self, aside: Aside) -> None:
        self.asides.append(aside)

    async def park_place(self, partition: int, offset: int, _reason: str) -> None:
        self.places.append((partition, offset))


@dataclass
class Owner:
    """One consumer of the trial's topic, fed by hand; frozen within its transaction while `awake` is not set."""

    trial: Trial
    parked: Parked = field(default_factory=Parked)
    ends: dict[int, int] = field(default_factory=dict)
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    in_hand: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.awake.set()
        parking: Any = self.parked
        trial = self.trial
        self.batch = Batch(trial.source, trial.database, trial.read, self._work, parking, self._ends)

    async def _ends(self, partitions: Sequence[int]) -> Mapping[int, int]:
        return {partition: self.ends[partition] for partition in partitions if partition in self.ends}

    async def _work(self, connection: Connection, pairs: Sequence[tuple[Any, int]]) -> Sequence[Aside]:
        self.in_hand.set()
        await self.awake.wait()
        return await self.trial.work(connection, pairs)

    async def settle(self, *records: Record) -> dict[int, int]:
        return await self.batch.settle(records)


async def positions(trial: Trial) -> dict[int, int]:
    rows = await trial.database.fetch(f"select partition, next_offset from {trial.name}.positions")
    return {row["partition"]: row["next_offset"] for row in rows}


def records(trial: Trial, partition: int, numbers: Sequence[int], first: int = 0) -> list[Record]:
    return [Record(trial.name, partition, first + n, b"%d" % number) for n, number in enumerate(numbers)]


async def test_an_owner_that_wakes_up_writes_nothing_of_what_its_successor_has_settled(trial: Trial) -> None:
    old, new = Owner(trial), Owner(trial)
    batch = [*records(trial, 0, [1, 2]), *records(trial, 2, [3])]
    old.awake.clear()
    frozen = asyncio.create_task(old.settle(*batch))
    await old.in_hand.wait()
    await new.settle(*batch)
    await new.settle(*records(trial, 0, [4], first=2))
    old.awake.set()
    with pytest.raises(Unavailable, match="another consumer has moved the position"):
        await frozen
    again = await old.settle(*batch)

    assert {} == again
    assert ({1: 1, 2: 1, 3: 1, 4: 1}, {0: 3, 2: 1}) == (await trial.rows(), await positions(trial))
    assert [] == [*old.parked.asides, *new.parked.asides]


async def test_many_owners_of_one_partition_work_each_record_once(trial: Trial) -> None:
    owners = [Owner(trial) for _ in range(4)]
    batch = records(trial, 1, range(100, 120))

    async def insist(owner: Owner) -> None:
        for size in (5, 10, 15, 20):
            while True:
                try:
                    await owner.settle(*batch[:size])
                    break
                except Unavailable:
                    continue

    await asyncio.gather(*map(insist, owners))

    assert dict.fromkeys(range(100, 120), 1) == await trial.rows()


async def test_a_record_is_parked_before_its_position_moves_and_once_more_after_a_crash_in_between(
    trial: Trial,
) -> None:
    owner = Owner(trial)
    refuse = f"""create function {trial.name}.refuse() returns trigger language plpgsql as
        $$ begin raise exception using errcode = 'admin_shutdown'; end $$;
        create trigger refuse before insert on {trial.name}.positions
        for each row execute function {trial.name}.refuse()"""
    await trial.database.execute(refuse)
    with pytest.raises(Unavailable):
        await owner.settle(*records(trial, 0, [7, 8]))
    crashed = len(owner.parked.asides), await trial.rows()
    await trial.database.execute(f"drop function {trial.name}.refuse cascade")
    await owner.settle(*records(trial, 0, [7, 8]))
    await owner.settle(*records(trial, 0, [7, 8]))

    assert (1, {}) == crashed
    assert [("odd", 0), ("odd", 0)] == [(aside.reason, aside.record.offset) for aside in owner.parked.asides]
    assert ({7: 1, 8: 1}, {0: 2}) == (await trial.rows(), await positions(trial))


async def test_what_a_batch_parks_is_sent_at_once_and_not_one_waiting_for_the_other(trial: Trial) -> None:
    all_sent = asyncio.Barrier(500)
    unreadable = [Record(trial.name, 0, offset, b"1", headers=[]) for offset in range(500)]

    class Slow(Parked):
        async def park(self, aside: Aside) -> None:
            await all_sent.wait()
            await super().park(aside)

    owner = Owner(trial, Slow())
    await owner.settle(*unreadable)

    assert list(range(500)) == sorted(aside.record.offset for aside in owner.parked.asides)
    assert {0: 500} == await positions(trial)


async def test_a_frame_that_is_parked_by_its_place_moves_the_position_and_never_back(trial: Trial) -> None:
    owner = Owner(trial)
    await owner.settle(*records(trial, 0, [1]))
    await owner.batch.skip(0, 1)
    await owner.batch.skip(0, 0)
    await owner.batch.skip(1, 4)

    assert ({0: 2, 1: 5}, [(0, 1), (0, 0), (1, 4)]) == (await positions(trial), owner.parked.places)


@pytest.mark.parametrize(("end", "worked"), [(3, {1: 1, 2: 1, 3: 1}), (1, {1: 2, 2: 1, 3: 1})])
async def test_what_a_topic_holds_that_was_made_anew_is_not_taken_for_settled(
    trial: Trial, end: int, worked: dict[int, int]
) -> None:
    owner = Owner(trial, ends={0: end})
    await owner.settle(*records(trial, 0, [1, 2, 3]))
    await owner.settle(*records(trial, 0, [1]))

    assert worked == await trial.rows()
    assert {0: max(end, 1)} == await positions(trial)


async def test_without_a_position_whatever_the_group_reads_next_is_accepted(trial: Trial) -> None:
    await Owner(trial).settle(*records(trial, 0, [5], first=70))

    assert ({5: 1}, {0: 71}) == (await trial.rows(), await positions(trial))
