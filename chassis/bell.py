"""A bell: many wait, one rings, those look again whom it concerns."""

import asyncio
from collections.abc import Collection, Iterable


class Bell:
    """Wakes those who wait now for news of some names. Whoever comes later waits for the next ring."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Event] = {}

    @property
    def awaited(self) -> Collection[str]:
        """The names that somebody waits for."""
        return self._waiting.keys()

    def ring(self, names: Iterable[str]) -> None:
        """Wakes all who wait for news of these names."""
        for name in names:
            if event := self._waiting.pop(name, None):
                event.set()

    async def wait(self, name: str, seconds: float) -> bool:
        """Whether it rang for `name` within `seconds`."""
        event = self._waiting.setdefault(name, asyncio.Event())
        try:
            return await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
