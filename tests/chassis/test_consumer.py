"""The consumer loop and the relay on a real Kafka and a real PostgreSQL: nothing lost, nothing doubled, all parked."""

import asyncio
import json
import os
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from chassis.kafka.producer import Publisher, Unsent, broker_of
from chassis.kafka.relay import Relay
from chassis.kafka.suspects import MOST_SUSPECTS
from chassis.postgres import outbox
from tests.chassis.trial import PATIENCE, Trial, headers, raw, running


async def test_every_record_is_worked_once_and_relayed_once(trial: Trial, producer: AIOKafkaProducer) -> None:
    broker, consumer = trial.consumer()
    task = await running(trial, broker)
    relay = asyncio.create_task(Relay(trial.url, broker, trial.name).run(trial.stopping))
    await asyncio.gather(
        *[await producer.send(trial.name, b"%d" % n, key=b"%d" % n, headers=raw(headers())) for n in range(2000)]
    )

    rows = await trial.until_rows(2000)
    out = await trial.records(f"{trial.name}.out", 2000)

    assert (dict.fromkeys(range(2000), 1), sorted(range(2000))) == (rows, sorted(int(r.value) for r in out))
    assert None is await consumer.check()
    trial.stopping.set()
    await asyncio.gather(task, relay)
    assert await trial.database.fetch(f"select * from {trial.name}.outbox") == []


async def test_what_waiting_cures_is_tried_again_until_it_works(trial: Trial, producer: AIOKafkaProducer) -> None:
    trial.fail_first = 3
    broker, _ = trial.consumer()
    task = await running(trial, broker)
    await producer.send_and_wait(trial.name, b"1", headers=raw(headers()))

    assert await trial.until_rows(1) == {1: 1}
    trial.stopping.set()
    await task


async def test_poison_is_parked_whole_and_its_neighbours_go_on(trial: Trial, producer: AIOKafkaProducer) -> None:
    poison: list[tuple[bytes, list[tuple[str, Any]], str]] = [
        (b"5", [("ce_id", b"\xff\xfe")], "unreadable_headers"),
        (b"5", [("ce_id", None)], "unreadable_headers"),
        (b"", raw(headers()), "no_value"),
        (b"5", [], "missing_ce_id"),
        (b"5", raw(headers() | {"ce_id": "no uuid"}), "unfit_ce_id"),
        (b"5", raw(headers() | {"ce_time": "2026-11-24T12:00:00"}), "unfit_ce_time"),
        (b"5", raw(headers() | {"ce_source": "/another"}), "foreign_source"),
        (b"5", [*raw(headers()), ("ce_source", b"/another")], "foreign_source"),
        (b"seven", raw(headers()), "spoiled"),
        (b"7", raw(headers()), "odd"),
    ]
    for n, (value, bad, _) in enumerate(poison):
        await producer.send_and_wait(trial.name, b"%d" % (100 + n), key=b"k", headers=raw(headers()))
        await producer.send_and_wait(trial.name, value, key=b"k", headers=bad)
    broker, _ = trial.consumer()
    task = await running(trial, broker)

    rows = await trial.until_rows(len(poison) + 1)
    parked = await trial.records(f"{trial.name}.parked", len(poison))
    told = [(r.value, dict(r.headers)["parked_reason"].decode()) for r in parked]

    assert sorted((value, reason) for value, _, reason in poison) == sorted(told)
    assert {*range(100, 100 + len(poison)), 7} == set(rows)
    kept = json.loads(dict(parked[0].headers)["parked_headers"])
    assert ["ce_id", "//4="] in kept or any(name == "ce_id" for name, _ in kept)
    trial.stopping.set()
    await task


async def test_a_frame_that_the_client_cannot_decode_costs_no_other_record(
    trial: Trial, producer: AIOKafkaProducer
) -> None:
    module = [sys.executable, "-m", "tests.journeys.undecodable", trial.kafka, trial.name]
    await producer.send_and_wait(trial.name, b"10", key=b"undecodable", headers=raw(headers()))
    made = await asyncio.create_subprocess_exec(*module, env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"})
    assert 0 == await made.wait()
    for n in range(11, 30):
        key = b"undecodable" if n < 13 else b"%d" % n  # behind it in its partition, and in the others
        await producer.send_and_wait(trial.name, b"%d" % n, key=key, headers=raw(headers()))
    broker, _ = trial.consumer()
    task = await running(trial, broker)

    rows = await trial.until_rows(20)
    parked = await trial.records(f"{trial.name}.parked", 1)

    assert dict.fromkeys(range(10, 30), 1) == rows
    assert [(b"", b"unreadable_frame")] == [(r.value, dict(r.headers)["parked_reason"]) for r in parked]
    trial.stopping.set()
    await task


async def test_more_spoiled_records_than_a_few_block_and_are_not_parked(
    trial: Trial, producer: AIOKafkaProducer
) -> None:
    trial.broken = frozenset(range(MOST_SUSPECTS + 1))
    for n in trial.broken:
        await producer.send_and_wait(trial.name, b"%d" % n, key=b"k", headers=raw(headers()))
    broker, consumer = trial.consumer()
    task = await running(trial, broker)
    async with asyncio.timeout(PATIENCE):
        while await consumer.check() is None:
            await asyncio.sleep(0.1)
    assert await trial.rows() == {}

    trial.broken = frozenset()

    assert dict.fromkeys(range(MOST_SUSPECTS + 1), 1) == await trial.until_rows(MOST_SUSPECTS + 1)
    trial.stopping.set()
    await task


async def test_a_second_consumer_takes_over_without_loss_or_double(trial: Trial, producer: AIOKafkaProducer) -> None:
    first, _ = trial.consumer()
    second, _ = trial.consumer()
    tasks = [await running(trial, first)]
    sent = []
    for n in range(3000):
        sent.append(await producer.send(trial.name, b"%d" % n, key=b"%d" % n, headers=raw(headers())))
        if n == 500:
            tasks.append(await running(trial, second))
        if n % 50 == 0:
            await asyncio.sleep(0.02)
    await asyncio.gather(*sent)

    assert dict.fromkeys(range(3000), 1) == await trial.until_rows(3000)
    trial.stopping.set()
    await asyncio.gather(*tasks)


async def test_what_comes_with_a_rebalance_is_not_passed_over(trial: Trial, producer: AIOKafkaProducer) -> None:
    broker, _ = trial.consumer()
    task = await running(trial, broker)
    for begin in range(0, 900, 300):
        other = AIOKafkaConsumer(
            trial.name, bootstrap_servers=trial.kafka, group_id=f"{trial.name}.group", enable_auto_commit=False
        )
        await other.start()
        for n in range(begin, begin + 300):
            await producer.send_and_wait(trial.name, b"%d" % n, key=b"%d" % n, headers=raw(headers()))
        await other.stop()  # it did nothing: its partitions come back with all that lies in them

    rows = await trial.until_rows(900)

    assert dict.fromkeys(range(900), 1) == rows
    trial.stopping.set()
    await task


async def test_two_relays_publish_each_row_once_in_order(trial: Trial) -> None:
    broker = broker_of(trial.kafka, "trial")
    await broker.start()
    relays = [asyncio.create_task(Relay(trial.url, broker, trial.name).run(trial.stopping)) for _ in range(2)]
    for n in range(0, 1000, 10):
        async with trial.database.transaction() as connection:
            await outbox.append(
                connection,
                trial.name,
                [Unsent(f"{trial.name}.out", b"k", b"%d" % m, headers()) for m in range(n, n + 10)],
            )

    out = await trial.records(f"{trial.name}.out", 1000)

    assert list(range(1000)) == [int(r.value) for r in out]
    trial.stopping.set()
    await asyncio.gather(*relays)
    await broker.stop()


async def test_a_publisher_says_overloaded_instead_of_queueing_without_end(trial: Trial) -> None:
    broker = broker_of(trial.kafka, "trial")
    await broker.start()
    publisher = Publisher(broker, most_waiting=1)
    unsent = Unsent(f"{trial.name}.out", b"k", b"1", headers())

    outcomes = await asyncio.gather(*(publisher.publish(unsent, 5) for _ in range(3)))

    assert outcomes == ["durable", "overloaded", "overloaded"]
    await broker.stop()
