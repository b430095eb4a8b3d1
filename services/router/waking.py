"""Waking those who wait for work: a long poll ends as soon as this process has given its platform something."""

import asyncio


class Waking:
    """Tells those who wait for work of a platform that a transaction in this process gave it some."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._waiting: dict[str, asyncio.Event] = {}
        self.ended = False

    def give(self, platform: str) -> None:
        """To be told at the next `tell`, after the commit; telling too much does no harm."""
        self._given.add(platform)

    def tell(self) -> None:
        """Wakes all who wait for what was given."""
        given, self._given = self._given, set()
        for platform in given & self._waiting.keys():
            self._waiting.pop(platform).set()

    async def end(self, stopping: asyncio.Event) -> None:
        """Lets everybody go as soon as the process is told to stop."""
        await stopping.wait()
        self.ended = True
        self._given |= self._waiting.keys()
        self.tell()

    async def wait(self, platform: str, seconds: float) -> bool:
        """Whether the platform was given something within `seconds`."""
        event = self._waiting.setdefault(platform, asyncio.Event())
        try:
            return await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
