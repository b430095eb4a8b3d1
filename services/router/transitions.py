"""What may be asked of a case in which state: the table. Whatever is not in it is refused.

The finer moves (extension, suspension and their answers) get their rows with their commands; their states are here.
"""

from collections.abc import Mapping

from services.router.case import State
from services.router.commands import (
    Accept,
    Close,
    Command,
    Decline,
    Dispatch,
    Dispute,
    Escalate,
    File,
    Handle,
    Join,
    Return,
    Rework,
    Ring,
)  # fmt: skip

ALLOWED: Mapping[State, frozenset[type[Command]]] = {
    "opened": frozenset(),
    "held": frozenset({Join, File, Decline}),
    "filed": frozenset({Join, Dispatch, Decline, Escalate}),
    "dispatched": frozenset({Join, Accept, Return, Handle, Dispatch, Escalate, Ring}),
    "accepted": frozenset({Join, Return, Handle, Dispatch, Escalate, Ring}),
    "suspended": frozenset({Join, Escalate}),
    "handled": frozenset({Join, Close, Rework, Escalate}),
    "closed": frozenset({Dispute}),
    "declined": frozenset(),
}
OPEN_STATES: frozenset[State] = frozenset(state for state, commands in ALLOWED.items() if Join in commands)
"""States in which another report of the same problem joins the case."""
