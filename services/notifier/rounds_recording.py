"""Recording what became of attempts, after they were made: many in one transaction, in halves when one of them fails.

What was sent and cannot be recorded by itself is held: it is recorded again and again, ever less often, its claim is
kept, and it is not sent again meanwhile.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from chassis import faults
from chassis.logs import log
from chassis.postgres.halving import by_halves, cause_of, named
from chassis.postgres.pool import DATABASE_ERRORS, Connection, Database
from chassis.setbacks import Setbacks
from services.notifier import ledger_attempts, ledger_endpoints
from services.notifier.attempt import Attempt
from services.notifier.endpoint_health import why_disable
from services.notifier.ledger_attempts import LEASE, Result
from services.notifier.ledger_endpoints import Registered
from services.notifier.metrics import ATTEMPTS, DISABLED, OWED_SECONDS, STUCK

AWAY_SECONDS = 1.0
MOST_LAST_TRIES = 3
"""Tries to record while stopping; then the leases run out and the notices are repeated under their ids."""
MAX_AGAIN = 10
"""How many held results are tried again at once."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one attempt, and the endpoint that was called, if it was one."""

    result: Result
    endpoint: Registered | None

    @property
    def notice_id(self) -> UUID:
        """Whose attempt it was."""
        return self.result.claimed.item.notice_id


class Recording:
    """The results of one process. `free(lane)` is called when one is out of hand, `wake` when all are recorded."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], free: Callable[[str], None], wake: Callable[[], None]
    ) -> None:
        self._database, self._now, self._free, self._wake = database, now, free, wake
        self._results: list[Sent] = []
        self._held: dict[UUID, Sent] = {}
        self._setbacks: Setbacks[UUID] = Setbacks()
        self._changed = asyncio.Event()
        STUCK.labels("recording").set(0)

    @property
    def waiting(self) -> int:
        """How many results are in hand that nobody has tried to record."""
        return len(self._results)

    @property
    def held(self) -> Collection[UUID]:
        """The notices that were sent and cannot be recorded: not to be sent again."""
        return self._held.keys()

    @property
    def held_of_lane(self) -> Tally[str]:
        """How many of them each lane has."""
        return Tally(sent.result.claimed.lane for sent in self._held.values())

    def add(self, sent: Sent) -> None:
        """Takes a result."""
        self._results.append(sent)
        self._changed.set()

    def end(self) -> None:
        """Nothing more will be added."""
        self._changed.set()

    async def run(self, ended: asyncio.Event) -> None:
        """Records until `ended` is set and all results are recorded, or some last tries have failed."""
        failures = 0
        while not (ended.is_set() and (not self._results or failures > MOST_LAST_TRIES)):
            if not self._results:
                await self._rest()
            self._changed.clear()
            results, self._results = self._results, []
            again = [self._held[notice_id] for notice_id in self._setbacks.due(self._now(), MAX_AGAIN)]
            left = await self._record(results, again)
            if left:
                self._results = [*left, *self._results]  # sent, so it is told as soon as it can be
                failures += ended.is_set()
                await asyncio.sleep(AWAY_SECONDS)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), AWAY_SECONDS if self._held else None)

    async def _record(self, results: Sequence[Sent], again: Sequence[Sent]) -> Sequence[Sent]:
        """Records what can be recorded, and returns what nobody is to blame for that it cannot."""
        recorded: list[Sent] = []
        failed: list[tuple[Sent, Exception]] = []
        try:
            for part in (results, *([sent] for sent in again)):
                done, culprits = await by_halves(part, self._write)
                recorded += [sent for some in done for sent in some]
                failed += culprits
        except DATABASE_ERRORS as why:
            log.warning("record.failed", notices=len(results), why=f"{type(why).__name__}: {why}"[:200])
            return results
        if recorded:
            faults.reach("notices.pending")
            self._settle(recorded)
        if failed:
            await self._hold(failed)
        settled = {sent.notice_id for sent in (*recorded, *(sent for sent, _ in failed))}
        return [sent for sent in results if sent.notice_id not in settled]

    async def _write(self, part: Sequence[Sent]) -> Sequence[Sent]:
        async with self._database.transaction() as connection:
            await ledger_attempts.record(connection, [sent.result for sent in part])
            await self._judge(connection, part)
            faults.reach("notifier.recorded")
        return part

    def _settle(self, recorded: Sequence[Sent]) -> None:
        for sent in recorded:
            if self._held.pop(sent.notice_id, None) is None:
                self._free(sent.result.claimed.lane)
            _tell(sent.result)
        self._setbacks.settled([sent.notice_id for sent in recorded])
        STUCK.labels("recording").set(len(self._held))
        self._wake()

    async def _hold(self, failed: Sequence[tuple[Sent, Exception]]) -> None:
        """Keeps what cannot be recorded, and its claim, so that no other process sends it again."""
        at, claims = self._now(), []
        for sent, _ in failed:
            if sent.notice_id not in self._held:
                self._free(sent.result.claimed.lane)
            self._held[sent.notice_id] = sent
            claims.append((sent, at + self._setbacks.failed(sent.notice_id, at) + LEASE))
        STUCK.labels("recording").set(len(self._held))
        log.error(
            "notices.unrecorded", count=len(failed), notice_ids=named(sent.notice_id for sent, _ in failed),
            cause=cause_of(failed[0][1]),
        )  # fmt: skip
        await self._keep(claims)

    async def _keep(self, claims: Sequence[tuple[Sent, datetime]]) -> None:
        """Prolongs the claims. One that cannot be prolonged runs out, and its notice is sent again under its id."""
        try:
            _, unkept = await by_halves(claims, self._prolong)
        except DATABASE_ERRORS as why:
            log.warning("claims.unkept", count=len(claims), cause=cause_of(why))
            return
        if unkept:
            log.warning("claims.unkept", count=len(unkept), cause=cause_of(unkept[0][1]))

    async def _prolong(self, claims: Sequence[tuple[Sent, datetime]]) -> None:
        for sent, until in claims:
            await ledger_attempts.hold(self._database, sent.result.claimed, until)

    async def _judge(self, connection: Connection, part: Sequence[Sent]) -> None:
        """Keeps each endpoint's health: the newest outcome of the batch speaks for it, but "gone" always counts."""
        newest: dict[str, tuple[Registered, Attempt]] = {}
        for sent in sorted(part, key=lambda s: (s.result.attempt.outcome == "gone", s.result.attempt.at)):
            if sent.endpoint is not None:
                newest[sent.endpoint.lane] = (sent.endpoint, sent.result.attempt)
        good = [endpoint for endpoint, attempt in newest.values() if attempt.outcome == "delivered"]
        await ledger_endpoints.note_delivered(connection, good, self._now())
        for endpoint, attempt in newest.values():
            if attempt.outcome != "delivered":
                await self._judge_failure(connection, endpoint, attempt)

    async def _judge_failure(self, connection: Connection, endpoint: Registered, attempt: Attempt) -> None:
        since = await ledger_endpoints.note_failed(connection, endpoint, attempt.at)
        why = why_disable(attempt.outcome, since, attempt.at)
        if why and await ledger_endpoints.disable(connection, endpoint, why, attempt.at):
            DISABLED.labels(why).inc()
            log.warning("endpoint.disabled", client=endpoint.client, name=endpoint.name, reason=why)


def _tell(result: Result) -> None:
    claimed, attempt = result.claimed, result.attempt
    channel = claimed.channel.partition(":")[0]
    ATTEMPTS.labels(channel, attempt.outcome).inc()
    if attempt.outcome == "delivered" and claimed.attempts == 0:
        OWED_SECONDS.labels(channel).observe(max(0.0, (attempt.at - claimed.item.at).total_seconds()))
    if attempt.outcome != "delivered":
        log.info(
            "notice.failed", notice_id=str(claimed.item.notice_id), lane=claimed.lane, outcome=attempt.outcome,
            detail=attempt.detail, attempts=claimed.attempts + 1,
        )  # fmt: skip
