"""What may be parked: only a record that fails again and again while others of its kind pass."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from asyncpg import CheckViolationError
from hypothesis import given
from hypothesis import strategies as st

from chassis.kafka.consumer import Consumer
from chassis.kafka.suspects import LONGEST_WAIT, MOST_PROBES, MOST_SUSPECTS, TRIES, Suspects
from tests.chassis.trial import PATIENCE, Trial, headers, raw, running
from tests.topics import whole_topic

OURS = KeyError("our own mistake")


@dataclass(frozen=True)
class Made:
    """A record as far as suspects look at it."""

    partition: int
    offset: int
    kind: str = "trial.made"

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        return [("ce_type", self.kind.encode())]


def failures(suspects: Suspects, record: Made, times: int) -> list[bool]:
    return [suspects.failed(record, OURS) for _ in range(times)]


def test_a_record_without_a_witness_is_never_parked() -> None:
    assert [False] * 50 == failures(Suspects(), Made(0, 7), 50)


def refused_by(table: str) -> Exception:
    why = CheckViolationError("a constraint")
    why.table_name = table
    return why


@pytest.mark.parametrize(
    ("why", "unread", "witness", "written", "parked"),
    [
        (OURS, False, Made(1, 3), {"insert seen"}, True),
        (OURS, False, Made(0, 6), {"insert seen"}, True),
        (OURS, False, Made(1, 3, "trial.unmade"), {"insert seen"}, False),  # nothing is known of what breaks this kind
        (OURS, False, Made(1, 3), (), False),  # a repetition: it passes whatever is broken
        (refused_by("seen"), False, Made(1, 3), {"update seen", "insert seen"}, True),
        (refused_by("seen"), False, Made(1, 3), {"insert outbox"}, False),  # it never touched what refuses
        (refused_by("seen"), False, Made(1, 3), {"update seen"}, False),  # new rows may be refused and old ones not
        (OURS, False, Made(1, 3), {"update seen"}, True),
        (OURS, True, Made(1, 3), (), True),  # it was read by the same code
        (OURS, True, Made(1, 3, "trial.unmade"), {"insert seen"}, False),
    ],
)
def test_a_record_is_parked_when_another_of_its_kind_has_passed_where_it_fails(
    why: Exception, unread: bool, witness: Made, written: set[str], parked: bool
) -> None:
    suspects = Suspects()
    first = suspects.failed(Made(0, 7), why, unread)
    suspects.settled([witness], [witness], written)
    then = [suspects.failed(Made(0, 7), why, unread) for _ in range(TRIES - 1)]

    assert [False, *[False] * (TRIES - 2), parked] == [first, *then]


def test_a_record_that_fails_at_something_else_needs_another_witness() -> None:
    suspects = Suspects()
    failures(suspects, Made(0, 7), 1)
    suspects.settled([Made(1, 3)], [Made(1, 3)], {"insert outbox"})

    assert [False] * TRIES == [suspects.failed(Made(0, 7), refused_by("seen")) for _ in range(TRIES)]


def test_what_passed_before_the_first_failure_is_no_witness() -> None:
    suspects = Suspects()
    suspects.settled([Made(1, 3)], [Made(1, 3)], {"insert seen"})

    assert [False] * TRIES == failures(suspects, Made(0, 7), TRIES)


def test_what_was_only_parked_or_dropped_is_no_witness() -> None:
    suspects = Suspects()
    failures(suspects, Made(0, 7), 1)
    suspects.settled([Made(1, 3)], [])

    assert [False] * TRIES == failures(suspects, Made(0, 7), TRIES)


def test_while_many_partitions_wait_the_code_is_to_blame_and_nothing_is_parked() -> None:
    suspects = Suspects()
    for partition in range(MOST_SUSPECTS + 1):
        failures(suspects, Made(partition, 7), TRIES)
    suspects.settled([Made(9, 1)], [Made(9, 1)], {"insert seen"})
    many = failures(suspects, Made(0, 7), 1)
    suspects.keep(range(MOST_SUSPECTS))

    assert ([False], [True]) == (many, failures(suspects, Made(0, 7), 1))


def test_a_suspect_is_forgotten_when_it_or_a_later_record_of_its_partition_is_settled() -> None:
    suspects = Suspects()
    failures(suspects, Made(0, 7), 2)
    told = suspects.told()
    suspects.settled([Made(1, 9)], [Made(1, 9)])
    still = suspects.told()
    suspects.settled([Made(0, 7)], [Made(0, 7)])

    assert "partition 0 waits at offset 7 (KeyError, 2 attempts)" == told == still
    assert suspects.told() is None


def test_a_suspect_waits_longer_each_time_up_to_a_limit() -> None:
    suspects, waits = Suspects(), []
    for _ in range(12):
        failures(suspects, Made(0, 7), 1)
        waits.append(suspects.wait(0))

    assert sorted(waits) == waits
    assert LONGEST_WAIT == waits[-1]


@given(
    st.lists(st.integers(0, 3), max_size=30),
    st.dictionaries(st.integers(0, 3), st.integers(0, 9), max_size=3),
)
def test_a_suspect_is_tried_alone_and_no_record_overtakes_another_of_its_partition(
    partitions: list[int], suspicious: dict[int, int]
) -> None:
    suspects, offsets, records = Suspects(), dict.fromkeys(range(4), 0), []
    for partition in sorted(partitions):
        records.append(Made(partition, offsets[partition]))
        offsets[partition] += 1
    for partition, offset in suspicious.items():
        failures(suspects, Made(partition, offset), 1)
    parts = suspects.apart(records)
    flat = [record for part in parts for record in part]

    assert sorted(records, key=lambda r: (r.partition, r.offset)) == sorted(flat, key=lambda r: (r.partition, r.offset))
    for partition in range(4):
        assert [r for r in records if r.partition == partition] == [r for r in flat if r.partition == partition]
    assert len(parts) <= 3 + len(suspicious) + 2 * MOST_PROBES
    tried_together = [part for part in parts if len(part) > 1]
    assert [] == [r for part in tried_together for r in part if r.offset == suspicious.get(r.partition)]


async def until_red(consumer: Consumer) -> str:
    async with asyncio.timeout(PATIENCE):
        while (why := await consumer.check()) is None or "attempts" not in why:
            await asyncio.sleep(0.02)
    return why


async def until_tried(consumer: Consumer, attempts: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while f"{attempts} attempts" not in str(await consumer.check()):
            await asyncio.sleep(0.02)


async def send(producer: AIOKafkaProducer, trial: Trial, number: int, partition: int, **changed: str) -> None:
    value, said = b"%d" % number, raw(headers() | changed)
    await producer.send_and_wait(trial.name, value, partition=partition, headers=said)


async def places(trial: Trial) -> list[Any]:
    return [r.value for r in await whole_topic(trial.kafka, f"{trial.name}.parked")]


async def test_a_lone_record_waits_red_and_alive_until_another_passes(trial: Trial, producer: AIOKafkaProducer) -> None:
    trial.broken = frozenset({1})
    broker, consumer = trial.consumer()
    task = await running(trial, broker)
    await send(producer, trial, 1, 0)
    await until_tried(consumer, TRIES)
    alone = await places(trial)
    await send(producer, trial, 2, 1)
    [parked] = await trial.records(f"{trial.name}.parked", 1)

    assert ([], b"1") == (alone, parked.value)
    assert {2: 1} == await trial.rows()
    trial.stopping.set()
    await task


async def test_a_record_that_is_only_set_aside_is_no_witness(trial: Trial, producer: AIOKafkaProducer) -> None:
    trial.broken = frozenset({1})
    broker, consumer = trial.consumer()
    task = await running(trial, broker)
    await send(producer, trial, 1, 0)
    await send(producer, trial, 7, 0)
    await until_red(consumer)
    await send(producer, trial, 7, 1)
    await until_tried(consumer, TRIES + 1)
    meanwhile = await places(trial)
    await send(producer, trial, 2, 1)
    parked = await trial.records(f"{trial.name}.parked", 3)

    assert [b"7"] == meanwhile
    assert [b"1", b"7", b"7"] == sorted(record.value for record in parked)
    trial.stopping.set()
    await task


async def test_nobody_overtakes_a_waiting_record_and_other_partitions_go_on(
    trial: Trial, producer: AIOKafkaProducer
) -> None:
    trial.broken = frozenset({1})
    broker, consumer = trial.consumer()
    task = await running(trial, broker)
    await send(producer, trial, 1, 0)
    await send(producer, trial, 2, 0, ce_type="trial.other")
    await until_red(consumer)
    for number in range(10, 40):
        await send(producer, trial, number, number % 2 + 1, ce_type="trial.other")
    others = await trial.until_rows(30)
    trial.broken = frozenset()
    all_of_them = await trial.until_rows(32)

    assert dict.fromkeys(range(10, 40), 1) == others
    assert {1: 1, 2: 1} | others == all_of_them
    assert [] == await places(trial)
    trial.stopping.set()
    await task


BREAKS = {
    "a column that is renamed": ("rename column times to times_of_yesterday", "rename times_of_yesterday to times"),
    "a column that must be given": ("add column owner text not null", "drop column owner"),
}


@pytest.mark.parametrize("what", BREAKS)
async def test_what_an_operator_changes_under_a_running_consumer_parks_nothing(
    trial: Trial, producer: AIOKafkaProducer, what: str
) -> None:
    broken, healed = BREAKS[what]
    broker, consumer = trial.consumer()
    task = await running(trial, broker)
    await trial.database.execute(f"alter table {trial.name}.seen {broken}")
    for number in range(10, 16):  # one batch each
        await send(producer, trial, number, number % 3)
        await asyncio.sleep(0.05)
    await until_tried(consumer, TRIES)
    for number in range(16, 22):
        await send(producer, trial, number, number % 3)
    await trial.database.execute(f"alter table {trial.name}.seen {healed}")

    assert dict.fromkeys(range(10, 22), 1) == await trial.until_rows(12)
    assert [] == await places(trial)
    trial.stopping.set()
    await task


async def test_a_deploy_that_breaks_every_record_parks_none_of_them_one_after_the_other(
    trial: Trial, producer: AIOKafkaProducer
) -> None:
    trial.broken = frozenset(range(6))
    broker, consumer = trial.consumer()
    task = await running(trial, broker)
    for number in range(6):
        await send(producer, trial, number, number % 3)
        await asyncio.sleep(0.1)
    await until_tried(consumer, TRIES)
    waiting = await trial.rows(), await places(trial)
    trial.broken = frozenset()

    assert ({}, []) == waiting
    assert dict.fromkeys(range(6), 1) == await trial.until_rows(6)
    trial.stopping.set()
    await task
