"""Parking one record by hand: the one at which a partition of a consumer group waits, because it fails there.

The decision is stored in the schema of the service that reads the topic. The consumer that owns the partition parks the
record when it fails the next time, in the same transaction that moves the partition's position.
"""

import argparse
import asyncio
import time

import asyncpg

from chassis.personal import mask
from chassis.postgres import failing
from chassis.postgres.blame import CLIENT_ERRORS
from chassis.postgres.failing import Decision, Place
from chassis.postgres.pool import Connection
from schemas.topics import TOPICS
from stack.failed import Failed

GROUPS = [f"{reader}.{topic.name}" for topic in TOPICS for reader in topic.readers]
PATIENCE = 30.0
"""Seconds to wait for the consumer: it tries a failing record every 5 s."""
MOST_WORDS = {"by": 60, "reason": 300}
_GREATEST = {"partition": 2**31 - 1, "offset": 2**63 - 2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `parked aside`."""
    parser.add_argument("group", choices=GROUPS, metavar="GROUP", help=f"one of {', '.join(GROUPS)}")
    parser.add_argument("partition", type=lambda text: _number("partition", text), metavar="PARTITION")
    parser.add_argument("offset", type=lambda text: _number("offset", text), metavar="OFFSET")
    parser.add_argument("--reason", required=True, type=lambda text: _words("reason", text), help="why, in one line")
    parser.add_argument("--by", required=True, type=lambda text: _words("by", text), help="who decides this")


async def park(
    database: str, group: str, partition: int, offset: int, decision: Decision, patience: float = PATIENCE
) -> str:
    """Decides that the record is parked, and waits until its partition goes on, at most `patience` seconds.

    Returns one line for people. Raises `Failed` if no partition waits at this record; then nothing is changed. Safe to
    repeat.
    """
    schema, _, topic = group.partition(".")
    place = Place(schema, topic, partition, offset)
    try:
        connection = await asyncpg.connect(database, timeout=10)
        try:
            return await _park(connection, place, decision, patience)
        finally:
            await connection.close()
    except asyncpg.UndefinedTableError as why:
        raise Failed(f"{why}. This database was not prepared by this version: `python -m stack prepare`.") from why
    except (asyncpg.PostgresError, *CLIENT_ERRORS, ValueError) as why:
        raise Failed(f"PostgreSQL cannot be asked: {type(why).__name__}: {why}".splitlines()[0]) from why


async def _park(connection: Connection, place: Place, decision: Decision, patience: float) -> str:
    named = f"{place.topic}/{place.partition}/{place.offset}"
    stands = await failing.decide(connection, place, decision)
    if stands is None:
        raise Failed(await _not_waiting(connection, place, named))
    before = "" if stands == decision else f" {stands.by} had decided so before: {stands.reason}."
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        rows = await failing.waiting(connection, place.schema, place.topic)
        if (place.partition, place.offset) not in [(partition, offset) for partition, offset, *_ in rows]:
            return (
                f"{named} is out of the way.{before} `python -m stack parked list {place.topic}` shows it,"
                " unless it was worked after all."
            )
        await asyncio.sleep(0.2)
    raise Failed(
        f"{named} is to be parked.{before} But {place.schema} has not done so within {patience:g} s. The decision"
        f" holds: see whether {place.schema} runs and what its /readyz says; repeat the command to wait again."
    )


async def _not_waiting(connection: Connection, place: Place, named: str) -> str:
    rows = await failing.waiting(connection, place.schema, place.topic)
    found = [f"partition {at} at offset {offset} ({why}, {attempts} attempts)" for at, offset, why, attempts in rows]
    return (
        f"No partition waits at {named}, so nothing was changed. It was settled already, or has not failed three times."
        f" {place.schema}.{place.topic} waits now: {'; '.join(found) or 'nowhere'}."
    )


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= _GREATEST[name]):
        raise argparse.ArgumentTypeError(f"{text!r} is no {name}: give a number from 0 to {_GREATEST[name]}")
    return int(text)


def _words(name: str, text: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= MOST_WORDS[name] or not text.isprintable():
        raise argparse.ArgumentTypeError(f"give one line of 1 to {MOST_WORDS[name]} printable characters")
    if mask(text)[1]:
        raise argparse.ArgumentTypeError("leave out telephone numbers, identity numbers and e-mail addresses")
    return text
