"""Rounds: claim what is due, send it outside any transaction, record it afterwards; never the other way round.

A crash between sending and recording repeats the notice under the same id. Each endpoint is a lane with room of its
own, so that one that is slow or dead delays only itself; one that fails has room for a few attempts at a time. A notice
that by itself cannot be claimed, sent or recorded delays only itself as well: it waits, and is tried again alone.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from chassis import faults
from chassis.logs import log
from chassis.postgres.halving import by_halves, cause_of, named
from chassis.postgres.pool import DATABASE_ERRORS, Database
from chassis.setbacks import Setbacks
from services.notifier import ledger_attempts, ledger_endpoints
from services.notifier.attempt import Attempt, Send, next_step, spread_of
from services.notifier.callback import Callbacks
from services.notifier.ledger_attempts import Claimed, Result
from services.notifier.ledger_endpoints import Registered
from services.notifier.metrics import STUCK
from services.notifier.rounds_recording import AWAY_SECONDS, MAX_AGAIN, Recording, Sent
from services.notifier.signature import headers_of
from services.notifier.sms import Texts

ROOM, ROOM_WHILE_FAILING = 32, 2
"""Attempts in flight for each lane."""
POLL_SECONDS = 0.5
LONGEST_SEND = timedelta(seconds=20)
"""A claim with less time left than this is let go: another process would send beside us."""


class Rounds:
    """The sending side of one process. `wake` it when something may be due."""

    def __init__(self, database: Database, callbacks: Callbacks, texts: Texts | None, now: Callable[[], datetime]):
        self._database, self._callbacks, self._texts, self._now = database, callbacks, texts, now
        self._woken = asyncio.Event()
        self._busy: Tally[str] = Tally()
        self._endpoints: dict[str, Registered] = {}
        self._stuck: Setbacks[UUID] = Setbacks()
        self._failures: list[tuple[UUID, Exception]] = []
        self._claimed: list[Claimed] = []
        self.recording = Recording(database, now, self._free, self.wake)

    def wake(self) -> None:
        """Makes the next round at once instead of at the next poll."""
        self._woken.set()

    def _free(self, lane: str) -> None:
        self._busy[lane] -= 1

    async def run(self, stopping: asyncio.Event) -> None:
        """Sends until `stopping` is set, then lets the attempts in flight end and records them."""
        stopped = asyncio.create_task(stopping.wait())
        stopped.add_done_callback(lambda _: self.wake())
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self.recording.run(ended))
            async with asyncio.TaskGroup() as sends:
                while not stopping.is_set():
                    self._woken.clear()
                    for claimed in await self._claim():
                        sends.create_task(self._send(claimed, self._endpoints.get(claimed.lane)))
                    self._tell_stuck()
                    await self._rest()
            ended.set()
            self.recording.end()
            self._tell_stuck()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)
        except TimeoutError:
            return

    async def _claim(self) -> list[Claimed]:
        at = self._now()
        try:
            async with self._database.connection() as connection:
                self._endpoints = {e.lane: e for e in await ledger_endpoints.enabled(connection, at)}
            if not self._stuck.is_full:
                await self._claim_fresh(at)
            await self._claim_again(at)
            faults.reach("notifier.claimed")
        except DATABASE_ERRORS as why:
            log.warning("round.failed", round="callbacks", why=f"{type(why).__name__}: {why}"[:200])
            await asyncio.sleep(AWAY_SECONDS)
        claimed, self._claimed = self._claimed, []  # those of before an error as well
        return claimed

    def _rooms(self) -> dict[str, int]:
        rooms = {lane: ROOM_WHILE_FAILING if e.failing_since else ROOM for lane, e in self._endpoints.items()}
        if self._texts:
            rooms["sms"] = ROOM
        held = self.recording.held_of_lane
        return {
            lane: room - self._busy[lane]
            for lane, room in rooms.items()
            if room > self._busy[lane] and held[lane] < ROOM  # so much cannot be recorded: no more is sent
        }

    async def _claim_fresh(self, at: datetime) -> None:
        """What is due, but for what is stuck or held: all at once, and if that fails, in halves."""
        without = [*self._stuck.keys, *self.recording.held]
        _, failed = await by_halves([without], lambda part: self._lease(at, None, part[0]))
        if failed:
            due = await ledger_attempts.due(self._database, self._rooms(), at, without)
            _, culprits = await by_halves(due, partial(self._lease, at))
            self._blame(culprits, at)

    async def _claim_again(self, at: datetime) -> None:
        """What is stuck and to be tried again, each alone; what is no longer due is forgotten."""
        if not (again := self._stuck.due(at, MAX_AGAIN)):
            return
        due = await ledger_attempts.still_due(self._database, again)
        self._settle({*again} - {*due})
        for notice_id in due:
            self._stuck.failed(notice_id, at)  # until it was sent
            _, culprits = await by_halves([notice_id], partial(self._lease, at))
            self._failures += culprits

    async def _lease(self, at: datetime, only: Sequence[UUID] | None, without: Sequence[UUID] = ()) -> None:
        async with self._database.transaction() as connection:
            claimed = await ledger_attempts.claim(connection, self._rooms(), uuid4(), at, without, only)
        self._busy.update(c.lane for c in claimed)
        self._claimed += claimed

    def _blame(self, culprits: Sequence[tuple[UUID, Exception]], at: datetime) -> None:
        for notice_id, _ in culprits:
            if notice_id not in self._stuck.keys:
                self._stuck.failed(notice_id, at)
        self._failures += culprits

    def _settle(self, notice_ids: Iterable[UUID]) -> None:
        self._stuck.settled(notice_ids)
        STUCK.labels("sending").set(len(self._stuck))

    def _tell_stuck(self) -> None:
        """One line for each round at most, whatever the number of notices that failed by themselves."""
        failures, self._failures = self._failures, []
        STUCK.labels("sending").set(len(self._stuck))
        if failures:
            log.error(
                "notices.unsent", count=len(failures), notice_ids=named(n for n, _ in failures),
                cause=cause_of(failures[0][1]),
            )  # fmt: skip

    async def _send(self, claimed: Claimed, endpoint: Registered | None) -> None:
        faults.reach("notifier.slow")
        if self._now() > claimed.leased_until - LONGEST_SEND:
            return self._free(claimed.lane)
        done, failed = await by_halves([claimed], lambda _: self._deliver(claimed, endpoint), passing=())
        if failed:
            self._blame([(claimed.item.notice_id, why) for _, why in failed], self._now())
            return self._free(claimed.lane)
        faults.reach("notifier.sent")
        self._settle([claimed.item.notice_id])
        self.recording.add(done[0])

    async def _deliver(self, claimed: Claimed, endpoint: Registered | None) -> Sent:
        attempt = await self._attempt(claimed, endpoint)
        step = next_step(claimed.tried + 1, attempt, attempt.at, spread_of(claimed.item.notice_id))
        assert not isinstance(step, Send)  # noqa: S101 - at the instant of an attempt the next is never due
        return Sent(Result(claimed, attempt, step), endpoint)

    async def _attempt(self, claimed: Claimed, endpoint: Registered | None) -> Attempt:
        item = claimed.item
        if endpoint is not None:
            body = item.as_json()
            headers = headers_of(item.notice_id, self._now(), body, endpoint.secrets)
            return await self._callbacks.send(endpoint.url, body, headers)
        assert self._texts is not None  # noqa: S101 - without a gateway its lane is never claimed
        return await self._texts.send(item.notice_id, item.report_id, claimed.client, claimed.contact, item.text.zh)
