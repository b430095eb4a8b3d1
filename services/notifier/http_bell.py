"""A bell: many wait, one rings, all look again."""

import asyncio


class Bell:
    """Wakes everybody who waits now. Whoever comes later waits for the next ring."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wakes all."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Whether it rang within `seconds`."""
        try:
            return await asyncio.wait_for(self._rung.wait(), seconds)
        except TimeoutError:
            return False
