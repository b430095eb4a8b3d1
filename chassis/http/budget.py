"""A budget in bytes for all bodies that one process holds in memory, whoever sends them and however many at once."""

from starlette.types import Scope

from chassis.http.metrics import BODIES_REFUSED, BODY_BYTES
from chassis.http.problems import Problem

_HELD = "suishoupai.body_bytes"


class Budget:
    """Counts the bytes of bodies from their arrival to the end of their requests.

    `most`: bytes in all. Bodies of more than `small` bytes may fill only `large` of them, so that uploads leave room
    for ordinary calls. Only bytes that have come are counted: who announces much and sends little holds little.
    """

    def __init__(self, most: int, large: int, small: int) -> None:
        self._most, self._large, self._small = most, large, small
        self.used = 0

    def check(self, expected: int) -> None:
        """Whether a body of `expected` bytes has room now. `Problem` 503 busy."""
        if self.used + expected > (self._most if expected <= self._small else self._large):
            BODIES_REFUSED.inc()
            raise Problem(503, "busy", "Too many bodies are being received. Send it again.", retry_after=2)

    def take(self, scope: Scope, more: int) -> None:
        """Counts `more` bytes for the request until `release`. `Problem` 503 busy."""
        held = scope.get(_HELD, 0)
        self.used -= held
        try:
            self.check(held + more)
            scope[_HELD] = held = held + more
        finally:
            self.used += held

    def release(self, scope: Scope) -> None:
        """Ends what the request held, if it held anything."""
        self.used -= scope.pop(_HELD, 0)


BUDGET = Budget(most=64 * 2**20, large=56 * 2**20, small=256 * 2**10)
"""That of this process."""
BODY_BYTES.set_function(lambda: BUDGET.used)
