"""Broken records between good ones: each is parked as it was, counted, and can be put back."""

import asyncio
import os
import re
import subprocess
import sys
import uuid
from collections import Counter

from aiokafka import AIOKafkaProducer

from stack import parked
from tests.journeys.town import Town, until

Headers = list[tuple[str, bytes]]
GROUP = "router.reports"


def fit(kind: str = "report.received") -> Headers:
    told = {
        "ce_specversion": "1.0", "ce_id": str(uuid.uuid4()), "ce_type": kind, "ce_source": "/intake",
        "ce_time": "2026-11-24T04:00:00Z", "content-type": "application/json",
    }  # fmt: skip
    return [(name, value.encode()) for name, value in told.items()]


FOREIGN = [("ce_source", b"/router") if name == "ce_source" else (name, value) for name, value in fit()]


def corpus() -> list[tuple[bytes, Headers]]:
    """Records that no consumer of `reports` can read: no JSON, no object, nothing, no type, foreign, deep, huge."""
    return [
        (b'{"report_id": "', fit()),
        (b"[1, 2]", fit()),
        (b"", fit()),
        (b"{}", [header for header in fit() if header[0] != "ce_type"]),
        (b'{"kind": "of tomorrow"}', fit("report.dreamt")),
        (b'{"report_id": "x"}', fit()),
        (b'{"source": "of another topic"}', FOREIGN),
        (b"[" * 20_000 + b"]" * 20_000, fit()),
        (b'{"text": "' + b"x" * 900_000 + b'"}', fit()),
        (b'{"header": 1}', [*fit(), ("ce_subject", b"\xff\xfe")]),
    ]


async def publish(kafka: str, records: list[tuple[bytes, Headers]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, max_request_size=1_048_576)
    await producer.start()
    try:
        for value, headers in records:
            await producer.send_and_wait("reports", value, key=b"poison", headers=headers)
    finally:
        await producer.stop()


def publish_undecodable(kafka: str) -> None:
    command = [sys.executable, "-m", "tests.journeys.undecodable", kafka, "reports"]
    subprocess.run(command, env={**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}, check=True)


def parked_by_router(town: Town) -> list[parked.Parked]:
    found = asyncio.run(parked.read(town.env["KAFKA_BOOTSTRAP"], "reports"))
    return [one for one in found if one.group == GROUP]


def counted(town: Town) -> float:
    page = town.call("router", "GET", "/metrics").text
    return sum(map(float, re.findall(rf'kafka_parked_total{{group="{GROUP}",[^}}]*}} (\S+)', page)))


def test_what_nobody_can_read_is_parked_whole_and_holds_nobody_up(town: Town) -> None:
    kafka, counted_before, parked_before = town.env["KAFKA_BOOTSTRAP"], counted(town), len(parked_by_router(town))
    bad = corpus()
    accepted = town.reports(5)
    asyncio.run(publish(kafka, bad))
    publish_undecodable(kafka)
    accepted += town.reports(20)
    town.handle_all(accepted)

    found = until(lambda: parked_by_router(town)[parked_before:], lambda them: len(them) > len(bad))

    assert Counter([*(value for value, _ in bad), b""]) == Counter(one.value for one in found)
    assert [sorted(bad[0][1])] == [sorted(one.headers) for one in found if one.value == bad[0][0]]
    assert len(bad) + 1 == counted(town) - counted_before
    assert [] == [one.detail for one in found if "xxx" in one.detail]
    assert dict.fromkeys(accepted, 1) == town.results(accepted)


def test_a_parked_record_that_is_put_back_unmended_is_parked_again_and_nothing_else_changes(town: Town) -> None:
    kafka, accepted = town.env["KAFKA_BOOTSTRAP"], town.reports(3)
    value = b'{"report_id": "' + town.mark.encode()
    asyncio.run(publish(kafka, [(value, fit())]))
    first = until(lambda: [one for one in parked_by_router(town) if one.value == value])

    went = asyncio.run(parked.replay(kafka, "reports", {first[0].place}))
    again = until(lambda: [one for one in parked_by_router(town) if one.value == value], lambda them: len(them) == 2)
    town.handle_all(accepted)

    assert 1 == went
    assert first[0].headers == again[0].headers == again[1].headers
    assert dict.fromkeys(accepted, 1) == town.results(accepted)
