"""A platform's acts through the ledger, one transaction each, beside plain transactions that write three such rows."""

import asyncio
import base64
import gc
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chassis.postgres.pool import Record
from services.router.act import Ask, Door, act
from services.router.commands import Accept, Handle, PlatformAct
from services.router.media import sha256_of
from tests.bench.growth import door_of
from tests.bench.ledgers import Ledger
from tests.bench.seeded import TUESDAY_1000

ROUNDS, CASES = 6, 100
"""Of each case that is taken in a round there are two acts: it is accepted and handled, which closes it."""
FACT = 400
"""Bytes of a fact in the history, and of its record with headers in the outbox, about."""


def measure(ledger: Ledger, clients: Path) -> tuple[list[float], list[float]]:
    """Acts a second, and plain transactions a second, by round, over one connection."""
    return asyncio.run(_measure(ledger, clients))


async def _measure(ledger: Ledger, clients: Path) -> tuple[list[float], list[float]]:
    door = door_of(ledger, clients)
    await door.database.open()
    await door.database.execute(_PLAIN)
    cases = await door.database.fetch(_DISPATCHED, (ROUNDS + 1) * CASES)
    await door.database.execute(
        "insert into router.plain_cases select * from unnest($1::uuid[], $2::text[])",
        [case["case_id"] for case in cases],
        [case["body"] for case in cases],
    )
    gc.collect()
    gc.freeze()  # as a service does when it has started
    ours, plain = [], []
    for n in range(ROUNDS + 1):
        some = cases[n * CASES : (n + 1) * CASES]
        acted, written = await _act(door, some), await _write(door, some)
        if n:  # the first round warms both up
            ours.append(acted)
            plain.append(written)
    gc.unfreeze()
    await door.database.execute("drop table router.plain_cases, router.plain_facts, router.plain_outbox")
    await door.database.close()
    return ours, plain


async def _act(door: Door, cases: Sequence[Record]) -> float:
    asks = [Ask(case["case_id"], command) for case in cases for command in _commands(case)]
    began = time.perf_counter()
    for ask in asks:
        async with door.database.transaction() as connection:
            (outcome,) = await act(connection, door, [ask], TUESDAY_1000)
        if not isinstance(outcome.answer, tuple):
            raise RuntimeError(f"{ask}: {outcome.answer}")
    return len(asks) / (time.perf_counter() - began)


def _commands(case: Record) -> tuple[PlatformAct, PlatformAct]:
    who: dict[str, Any] = {
        "by": f"platform:{case['platform']}", "platform": case["platform"], "generation": case["generation"],
    }  # fmt: skip
    digest = hashlib.sha256(case["case_id"].bytes).digest()
    photo = base64.urlsafe_b64encode(digest + digest[:28]).decode()
    text = f"案件{case['case_id']}已处理完毕，现场恢复原状"
    return Accept(**who), Handle(**who, text=text, media=(photo,), photos=(sha256_of(photo),))


async def _write(door: Door, cases: Sequence[Record]) -> float:
    rows = [(case["case_id"], case["body"]) for case in cases for _ in range(2)]
    fact = hashlib.shake_128(b"fact").digest(FACT)
    began = time.perf_counter()
    for case_id, body in rows:
        async with door.database.transaction() as connection:
            await connection.execute("update router.plain_cases set body = $2 where case_id = $1", case_id, body)
            await connection.execute("insert into router.plain_facts (case_id, body) values ($1, $2)", case_id, fact)
            await connection.execute("insert into router.plain_outbox (case_id, body) values ($1, $2)", case_id, fact)
    return len(rows) / (time.perf_counter() - began)


_DISPATCHED = """
select case_id, platform, generation, body from router.cases
where is_open and state = 'dispatched' order by case_id limit $1"""
_PLAIN = """
create table router.plain_cases (case_id uuid primary key, body text not null);
create table router.plain_facts (
    id bigint generated always as identity primary key, case_id uuid not null, body bytea not null);
create table router.plain_outbox (like router.plain_facts including all)"""
