"""A poll that the client would never end is begun anew, from what is committed."""

import asyncio
from typing import Any

from chassis.kafka.holding import Holding
from chassis.kafka.polling import CarefulPoll, Drain


class Forgetful:
    """A consumer that was given a partition and never learns its position, unless it is told."""

    def __init__(self) -> None:
        self.told: int | None = None

    def assignment(self) -> set[str]:
        return {"reports-0"}

    async def position(self, _: str) -> int:
        while self.told is None:
            await asyncio.Event().wait()
        return self.told

    async def committed(self, _: str) -> int:
        return 7

    def seek(self, _: str, offset: int) -> None:
        self.told = offset

    async def getmany(self, **_: Any) -> dict[str, list[int]]:
        return {"reports-0": [self.told or 0]}


async def test_a_position_that_never_comes_is_set_to_what_is_committed() -> None:
    consumer = Forgetful()
    poll = CarefulPoll(consumer, Drain(Holding("reports"))).poll
    async with asyncio.timeout(30):
        first = await poll()
        second = await poll()

    assert ({}, 7) == (first, consumer.told)
    assert [7] == second["reports-0"][:1]
