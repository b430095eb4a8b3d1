"""`python -m services.router.recount`: makes what is derived from history anew of it, cases and accounts.

Needed once after an update that adds to either, for what was there before it; otherwise it changes nothing. Acts wait
while it works, and are answered 503 if that takes long.
"""

import asyncio
import sys

from chassis.postgres.pool import Unavailable
from services.router.ledger_command import opened
from services.router.ledger_recount import Recounted, recount


async def _recount() -> Recounted:
    async with opened("recount") as connection:
        return await recount(connection)


def main() -> int:
    """Recounts and says what came of it; the exit status."""
    try:
        found = asyncio.run(_recount())
    except Unavailable as why:
        sys.stderr.write(f"ledger: {why}\n")
        return 1
    sys.stdout.write(f"{found.dispatches} dispatches counted, {found.cases_changed} cases brought up to date\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
