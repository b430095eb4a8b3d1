"""Repeated lines: the first at once, the others counted, none unaccounted for, whatever a library says how often."""

import asyncio
import json
import logging
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.log_repeats import (
    LONGEST_WINDOW_SECONDS,
    MOST_KINDS,
    MOST_OF_ONE_LIBRARY,
    WINDOW_SECONDS,
    Event,
    Repeats,
    kind_of_event,
    kind_of_record,
)


class Lines:
    """What was written, with a clock that the test sets."""

    def __init__(self) -> None:
        self.now, self.written = 1000.0, list[Event]()
        self.repeats = Repeats(lambda _, event: self.written.append(event), lambda: self.now)

    def say(self, event: str, library: str = "", **fields: object) -> None:
        line = {"event": event, **fields}
        if self.repeats.admits(kind_of_event("error", line), "error", line, library):
            self.written.append(line)

    def told(self) -> list[tuple[object, object]]:
        return [(line["event"], line.get("repeated", 0)) for line in self.written]


def record(message: object, *values: object, name: str = "aiokafka", error: Exception | None = None) -> str:
    made = logging.LogRecord(
        name,
        logging.ERROR,
        "x.py",
        1,
        message,
        values,
        error and (type(error), error, None),  # type: ignore[arg-type]
    )
    return repr(kind_of_record(made))


def test_the_first_line_comes_at_once_and_the_others_are_counted_when_the_window_ends() -> None:
    lines = Lines()
    for _ in range(268):
        lines.say("away", why="ConnectionError")
    at_once = lines.told()
    lines.now += WINDOW_SECONDS + 1
    lines.repeats.tell()

    assert ([("away", 0)], [("away", 0), ("away", 267)]) == (at_once, lines.told())


def test_the_count_is_told_before_the_next_line_of_any_kind() -> None:
    lines = Lines()
    for event in ("away", "away", "away"):
        lines.say(event)
    lines.now += WINDOW_SECONDS + 1
    lines.say("other")

    assert [("away", 0), ("away", 2), ("other", 0)] == lines.told()


def test_an_hour_of_it_is_a_line_a_minute_and_after_a_quiet_window_it_begins_anew() -> None:
    lines = Lines()
    for _ in range(36_000):
        lines.say("away")
        lines.now += 0.1
    in_the_hour = len(lines.written)
    lines.now += 2 * LONGEST_WINDOW_SECONDS + 2
    lines.repeats.tell()
    lines.now += 2 * LONGEST_WINDOW_SECONDS + 2
    lines.repeats.tell()
    lines.say("away")

    assert 60 <= in_the_hour <= 70
    assert ("away", 0) == lines.told()[-1]
    assert 36_001 == sum(1 if not repeated else int(str(repeated)) for _, repeated in lines.told())


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 20)), max_size=200))
def test_every_line_is_written_or_counted_and_none_twice(said: list[tuple[int, float]]) -> None:
    lines = Lines()
    for kind, pause in said:
        lines.say(f"kind {chr(97 + kind)}")
        lines.now += pause
    lines.repeats.tell(everything=True)
    found = Counter[object]()
    for line in lines.written:
        found[line["event"]] += int(str(line.get("repeated", 1)))

    assert Counter(f"kind {chr(97 + kind)}" for kind, _ in said) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"event": "record.parked", "parked_from": "c/3/117"}, {"event": "record.parked", "parked_from": "c/3/118"}),
        ({"event": "relay.failed", "schema": "router"}, {"event": "relay.failed", "schema": "notifier"}),
        ({"event": "relay.failed", "why": "OSError: x"}, {"event": "relay.failed", "why": "KafkaError: x"}),
        ({"event": "record.spoiled", "offset": 1}, {"event": "record.spoiled", "offset": 2}),
        ({"event": "batch.failed", "exc_info": KeyError("a")}, {"event": "batch.failed", "exc_info": OSError("a")}),
    ],
)  # fmt: skip
def test_lines_about_different_things_are_told_apart(one: Event, other: Event) -> None:
    assert kind_of_event("error", one) != kind_of_event("error", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"event": "batch.failed", "attempt": 1}, {"event": "batch.failed", "attempt": 2}),
        ({"event": "relay.failed", "why": "port 5432: no"}, {"event": "relay.failed", "why": "port 5433: no"}),
        ({"event": "http.unavailable", "path": "/v1/cases/0b8c6c1e-2f0e-5a52-9a65-0e7b0f5f4c11"},
         {"event": "http.unavailable", "path": "/v1/cases/6f3d1f4e-5b0c-5d8a-9c56-7a1e5e0f0cff"}),
    ],
)  # fmt: skip
def test_attempts_at_the_same_thing_are_the_same(one: Event, other: Event) -> None:
    assert kind_of_event("error", one) == kind_of_event("error", other)


def test_a_librarys_line_is_known_by_its_text_before_the_values_its_logger_and_its_error() -> None:
    assert record("no node %s", 1) == record("no node %s", 2) == record("no node %s", "x")
    assert record("no node 1 at 0x7f12") == record("no node 2 at 0x7f99")
    assert 5 == len({
        record("no node %s", 1), record("no leader %s", 1), record("no node %s", 1, name="asyncio"),
        record("no node %s", 1, error=OSError()), record(KeyError("no node")),
    })  # fmt: skip


def test_a_library_whose_texts_are_never_the_same_is_bounded_too_and_so_is_the_memory() -> None:
    lines, words = Lines(), [f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(6000)]
    for word in words:
        lines.say(word, library="talker")
    for word in words:
        lines.say("ours", about=word)
    first = Counter(str(event) for event, repeated in lines.told() if not repeated)

    assert MOST_OF_ONE_LIBRARY + 1 == sum(first[word] for word in words)
    assert 6000 == first["ours"]
    assert len(lines.repeats._kinds) <= MOST_KINDS


async def test_the_count_is_told_although_no_line_follows() -> None:
    written, told = list[Event](), asyncio.Event()

    def write(_: str, event: Event) -> None:
        written.append(event)
        told.set()

    repeats = Repeats(write, window=0.05)
    for _ in range(3):
        repeats.admits(("away",), "error", {"event": "away"})
    async with asyncio.timeout(10):
        await told.wait()

    assert [{"event": "away", "repeated": 2}] == written


PROGRAM = """
import logging
from chassis import logs
logs.configure("trial")
for n in range(500):
    logging.getLogger("aiokafka").error("Unable connect to node with id %s", n)
    logs.log.warning("relay.failed", schema="trial", why=f"attempt {n}")
    try:
        {}[n]
    except KeyError:
        logs.log.exception("batch.failed", attempt=n)
    logs.log.info("report.received", number=n)
"""


def test_a_process_that_ends_has_told_of_everything() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    count = Counter(line["event"].rstrip("0123456789") for line in lines)
    repeated = {line["event"].rstrip("0123456789"): line["repeated"] for line in lines if "repeated" in line}

    assert {"Unable connect to node with id ": 2, "relay.failed": 2, "batch.failed": 2, "report.received": 500} == count
    assert {"Unable connect to node with id ": 499, "relay.failed": 499, "batch.failed": 499} == repeated
    assert "KeyError" in next(line["exception"] for line in lines if line["event"] == "batch.failed")
    assert {"error"} == {line["level"] for line in lines if line["event"] == "batch.failed"}
