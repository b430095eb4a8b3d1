"""Waking those who wait for work: a long poll ends as soon as this process has given its platform something."""

import asyncio
from collections.abc import Iterable

from chassis.bell import Bell


class Waking:
    """Tells those who wait for work of a platform that a transaction in this process gave it some."""

    def __init__(self) -> None:
        self._bell = Bell()
        self.ended = False

    @property
    def awaited(self) -> list[str]:
        """The platforms that wait now."""
        return list(self._bell.awaited)

    def tell(self, platforms: Iterable[str]) -> None:
        """Wakes all who wait for work of these platforms; call after the commit. Telling too much does no harm."""
        self._bell.ring(platforms)

    async def end(self, stopping: asyncio.Event) -> None:
        """Lets everybody go as soon as the process is told to stop."""
        await stopping.wait()
        self.ended = True
        self._bell.ring(self.awaited)

    async def wait(self, platform: str, seconds: float) -> bool:
        """Whether the platform was given something within `seconds`."""
        return await self._bell.wait(platform, seconds)
