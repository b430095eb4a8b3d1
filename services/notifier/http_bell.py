"""A bell: many wait, one rings, those look again whom it concerns."""

import asyncio
from collections.abc import Iterable


class Bell:
    """Wakes the readers of some clients who wait now. Whoever comes later waits for the next ring."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Event] = {}

    def ring(self, clients: Iterable[str]) -> None:
        """Wakes all who wait for news of these clients."""
        for client in clients:
            if event := self._waiting.pop(client, None):
                event.set()

    async def wait(self, client: str, seconds: float) -> bool:
        """Whether it rang for `client` within `seconds`."""
        event = self._waiting.setdefault(client, asyncio.Event())
        try:
            return await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
