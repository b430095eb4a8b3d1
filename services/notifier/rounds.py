"""Rounds: claim what is due, send it outside any transaction, record it afterwards; never the other way round.

A crash between sending and recording repeats the notice under the same id. Each endpoint is a lane with room of its
own, so that one that is slow or dead delays only itself; one that fails has room for a few attempts at a time.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from prometheus_client import Counter, Histogram

from chassis import faults
from chassis.logs import log
from chassis.postgres.pool import DATABASE_ERRORS, Connection, Database
from services.notifier import ledger_attempts, ledger_endpoints
from services.notifier.attempt import Attempt, Send, next_step, spread_of
from services.notifier.callback import Callbacks
from services.notifier.endpoint_health import why_disable
from services.notifier.ledger_attempts import Claimed, Result
from services.notifier.ledger_endpoints import Registered
from services.notifier.signature import headers_of
from services.notifier.sms import Texts

ROOM, ROOM_WHILE_FAILING = 32, 2
"""Attempts in flight for each lane."""
POLL_SECONDS = 0.5
AWAY_SECONDS = 1.0
MOST_LAST_TRIES = 3
"""Tries to record while stopping; then the leases run out and the notices are repeated under their ids."""
LONGEST_SEND = timedelta(seconds=20)
"""A claim with less time left than this is let go: another process would send beside us."""
ATTEMPTS = Counter("notice_attempts_total", "Attempts by channel and outcome", ["channel", "outcome"])
OWED_SECONDS = Histogram(
    "notice_first_delivery_seconds", "From the event to its delivery at the first attempt", ["channel"],
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
)  # fmt: skip
DISABLED = Counter("endpoint_disabled_total", "Endpoints that are no longer called, by reason", ["reason"])


class Rounds:
    """The sending side of one process. `wake` it when something may be due."""

    def __init__(self, database: Database, callbacks: Callbacks, texts: Texts | None, now: Callable[[], datetime]):
        self._database, self._callbacks, self._texts, self._now = database, callbacks, texts, now
        self._woken, self._sent = asyncio.Event(), asyncio.Event()
        self._busy: Tally[str] = Tally()
        self._endpoints: dict[str, Registered] = {}
        self._results: list[tuple[Result, Registered | None]] = []

    def wake(self) -> None:
        """Makes the next round at once instead of at the next poll."""
        self._woken.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Sends until `stopping` is set, then lets the attempts in flight end and records them."""
        stopped = asyncio.create_task(stopping.wait())
        stopped.add_done_callback(lambda _: self.wake())
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._record_all(ended))
            async with asyncio.TaskGroup() as sends:
                while not stopping.is_set():
                    self._woken.clear()
                    for claimed in await self._claim():
                        sends.create_task(self._send(claimed, self._endpoints.get(claimed.lane)))
                    await self._rest()
            ended.set()
            self._sent.set()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
        except TimeoutError:
            return

    async def _claim(self) -> list[Claimed]:
        at = self._now()
        try:
            async with self._database.transaction() as connection:
                self._endpoints = {e.lane: e for e in await ledger_endpoints.enabled(connection, at)}
                claimed = await ledger_attempts.claim(connection, self._rooms(), uuid4(), at)
            faults.reach("notifier.claimed")
        except DATABASE_ERRORS as why:
            log.warning("round.failed", round="callbacks", why=f"{type(why).__name__}: {why}"[:200])
            await asyncio.sleep(AWAY_SECONDS)
            return []
        self._busy.update(c.lane for c in claimed)
        return claimed

    def _rooms(self) -> dict[str, int]:
        rooms = {lane: ROOM_WHILE_FAILING if e.failing_since else ROOM for lane, e in self._endpoints.items()}
        if self._texts:
            rooms["sms"] = ROOM
        return {lane: room - self._busy[lane] for lane, room in rooms.items() if room > self._busy[lane]}

    async def _send(self, claimed: Claimed, endpoint: Registered | None) -> None:
        faults.reach("notifier.slow")
        if self._now() > claimed.leased_until - LONGEST_SEND:
            self._busy[claimed.lane] -= 1
            return
        attempt = await self._attempt(claimed, endpoint)
        faults.reach("notifier.sent")
        step = next_step(claimed.tried + 1, attempt, attempt.at, spread_of(claimed.item.notice_id))
        assert not isinstance(step, Send)  # noqa: S101 - at the instant of an attempt the next is never due
        self._results.append((Result(claimed, attempt, step), endpoint))
        self._sent.set()

    async def _attempt(self, claimed: Claimed, endpoint: Registered | None) -> Attempt:
        item = claimed.item
        if endpoint is not None:
            body = item.as_json()
            headers = headers_of(item.notice_id, self._now(), body, endpoint.secrets)
            return await self._callbacks.send(endpoint.url, body, headers)
        assert self._texts is not None  # noqa: S101 - without a gateway its lane is never claimed
        return await self._texts.send(item.notice_id, item.report_id, claimed.client, claimed.contact, item.text.zh)

    async def _record_all(self, ended: asyncio.Event) -> None:
        failures = 0
        while not (ended.is_set() and (not self._results or failures > MOST_LAST_TRIES)):
            if not self._results:
                await self._sent.wait()
            self._sent.clear()
            results, self._results = self._results, []
            if results and not await self._record(results):
                self._results = [*results, *self._results]  # sent, so it is told as soon as it can be
                failures += ended.is_set()
                await asyncio.sleep(AWAY_SECONDS)

    async def _record(self, results: list[tuple[Result, Registered | None]]) -> bool:
        try:
            async with self._database.transaction() as connection:
                await ledger_attempts.record(connection, [result for result, _ in results])
                await self._judge(connection, results)
                faults.reach("notifier.recorded")
            faults.reach("notices.pending")
        except DATABASE_ERRORS as why:
            log.warning("record.failed", notices=len(results), why=f"{type(why).__name__}: {why}"[:200])
            return False
        for result, _ in results:
            self._tell(result)
        self.wake()
        return True

    def _tell(self, result: Result) -> None:
        claimed, attempt = result.claimed, result.attempt
        self._busy[claimed.lane] -= 1
        channel = claimed.channel.partition(":")[0]
        ATTEMPTS.labels(channel, attempt.outcome).inc()
        if attempt.outcome == "delivered" and claimed.attempts == 0:
            OWED_SECONDS.labels(channel).observe(max(0.0, (attempt.at - claimed.item.at).total_seconds()))
        if attempt.outcome != "delivered":
            log.info(
                "notice.failed", notice_id=str(claimed.item.notice_id), lane=claimed.lane, outcome=attempt.outcome,
                detail=attempt.detail, attempts=claimed.attempts + 1,
            )  # fmt: skip

    async def _judge(self, connection: Connection, results: list[tuple[Result, Registered | None]]) -> None:
        """Keeps each endpoint's health: the newest outcome of the batch speaks for it, but "gone" always counts."""
        newest: dict[str, tuple[Registered, Attempt]] = {}
        for result, endpoint in sorted(results, key=lambda r: (r[0].attempt.outcome == "gone", r[0].attempt.at)):
            if endpoint is not None:
                newest[endpoint.lane] = (endpoint, result.attempt)
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
