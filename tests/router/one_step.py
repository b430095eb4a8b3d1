"""A process of its own that makes one round of the clock, or one act, and ends: to be killed in its crash windows.

`FAULT=clock.claimed:kill:1 python -m tests.faultpoints tests.router.one_step round 2026-11-24T12:00:00+08:00`
"""

import asyncio
import dataclasses
import sys
from datetime import datetime
from uuid import UUID

from chassis import settings
from services.router.act import Ask, Door, act
from services.router.app import door_of
from services.router.commands import Return
from services.router.rounds import make_round
from services.router.settings import RouterSettings


async def returns(door: Door, case_id: UUID) -> None:
    """The platform P016 gives the case back."""
    async with door.database.transaction() as connection:
        back = Return("platform:P016", "P016", 1, "not_ours", "不在管辖范围")
        await act(connection, door, [Ask(case_id, back)], door.now())


async def main(what: str, at: str) -> None:
    door = dataclasses.replace(door_of(settings.read(RouterSettings, "ROUTER")), now=lambda: datetime.fromisoformat(at))
    await door.database.open()
    if what == "round":
        await make_round(door)
    else:
        await returns(door, UUID(what))
    await door.database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
