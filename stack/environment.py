"""What the environment says on purpose: `.run/env`, read into a shell, also names servers that may be long gone."""

import os
from collections.abc import MutableMapping

MARK = "STACK_ENV"
"""The variable of `.run/env` that lists which of its addresses are the stack's own."""


def forget_own(environ: MutableMapping[str, str] = os.environ) -> None:
    """Removes the addresses that came from `.run/env`, so that only deliberate ones name a server to be used."""
    for name in environ.pop(MARK, "").split(","):
        environ.pop(name, None)
