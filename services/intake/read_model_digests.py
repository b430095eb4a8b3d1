"""One look-up for all requests that wait at the same moment: which requests are known under these ids?"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from chassis.logs import log
from chassis.postgres.pool import Database, Unavailable
from services.intake.fingerprint import Fingerprint
from services.intake.read_model import digests

PATIENCE = 0.5
MOST_REMEMBERED = 10_000
"""What was taken by this process last; it is known here before the read model has it."""
BLIND_SECONDS = 1.0
LookUp = Callable[[Database, Sequence[UUID]], Awaitable[dict[UUID, Fingerprint]]]


class Digests:
    """Asks the read model in turns: while one question is under way, the next requests gather for one more.

    When PostgreSQL is away the answer is "not known", and for a second nobody asks: the router will decide.
    """

    def __init__(self, database: Database, look_up: LookUp = digests) -> None:
        """`look_up` asks the model for one kind of ids: those of reports unless said otherwise."""
        self._database, self._look_up = database, look_up
        self._waiting: dict[UUID, asyncio.Future[Fingerprint | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._blind_until = 0.0
        self._taken: dict[UUID, Fingerprint] = {}

    def remember(self, subject_id: UUID, fingerprint: Fingerprint) -> None:
        """To be called once a record is durable: a second body under its key is then seen at once in this process."""
        self._taken[subject_id] = fingerprint
        if len(self._taken) > MOST_REMEMBERED:
            del self._taken[next(iter(self._taken))]

    async def known(self, subject_id: UUID) -> Fingerprint | None:
        """The fingerprint of the request that is known under this id, if there is one."""
        if subject_id in self._taken:
            return self._taken[subject_id]
        loop = asyncio.get_running_loop()
        if loop.time() < self._blind_until:
            return None
        answer = self._waiting.get(subject_id)
        if answer is None:
            answer = self._waiting[subject_id] = loop.create_future()
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._ask_in_turns())
        return await asyncio.shield(answer)

    async def surely_known(self, subject_id: UUID) -> Fingerprint | None:
        """The same, never blind: a request must not be refused because nobody could look. Raises `Unavailable`."""
        return self._taken.get(subject_id) or (await self._look_up(self._database, [subject_id])).get(subject_id)

    async def _ask_in_turns(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            found: dict[UUID, Fingerprint] = {}
            try:
                async with asyncio.timeout(PATIENCE):
                    found = await self._look_up(self._database, list(asked))
            except (Unavailable, TimeoutError) as why:
                self._blind_until = asyncio.get_running_loop().time() + BLIND_SECONDS
                log.warning("digests.blind", why=str(why)[:200])
            finally:
                for subject_id, answer in asked.items():
                    if not answer.done():
                        answer.set_result(found.get(subject_id))
