"""What may be asked of a case in which state: the table. Whatever is not in it is refused."""

from collections.abc import Mapping

from services.router.case import State
from services.router.commands import (
    Accept,
    Command,
    Dispute,
    Extend,
    Handle,
    Join,
    Rate,
    Reschedule,
    Return,
    Ring,
    Supplement,
    Suspend,
)  # fmt: skip
from services.router.commands_of_centre import (
    Approve,
    Close,
    Correct,
    Decline,
    Dispatch,
    Escalate,
    File,
    ForceClose,
    Link,
    Refuse,
    Resume,
    Rework,
    Unlink,
    Void,
)  # fmt: skip

_OPEN = {Join, Supplement, Unlink, Escalate, Ring}
_BEFORE_HANDLING = _OPEN | {Link, ForceClose, Void, Correct}
ALLOWED: Mapping[State, frozenset[type[Command]]] = {
    "opened": frozenset(),
    "held": frozenset(_OPEN | {Link, File, Decline}),
    "filed": frozenset(_BEFORE_HANDLING | {Dispatch, Decline}),
    "dispatched": frozenset(_BEFORE_HANDLING | {Dispatch, Accept, Return, Handle, Reschedule}),
    "accepted": frozenset(_BEFORE_HANDLING | {Dispatch, Return, Handle, Extend, Suspend, Approve, Refuse, Reschedule}),
    "suspended": frozenset(_BEFORE_HANDLING | {Resume}),
    "handled": frozenset(_OPEN | {Close, Rework, Void, Correct}),
    "closed": frozenset({Dispute, Rate, Approve, Refuse, Ring}),
    "declined": frozenset({Rate}),
    "void": frozenset({Rate}),
    "linked": frozenset(),
}
OPEN_STATES: frozenset[State] = frozenset(state for state, commands in ALLOWED.items() if Join in commands)
"""States in which another report of the same problem joins the case."""
