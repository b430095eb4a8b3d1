"""`python -m services.router.recount`: makes the accounts of the statistics anew of history.

Needed once after the update that brought them, for the dispatches before it; otherwise it changes nothing. Acts wait
while it works, and are answered 503 if that takes long.
"""

import asyncio
import sys

from chassis.postgres.pool import Database, Unavailable
from services.router import ledger_accounts
from services.router.settings import ledger_address


async def _recount() -> int:
    database = Database(ledger_address(), "recount", size=1)
    await database.open()
    try:
        async with database.transaction() as connection:
            return await ledger_accounts.recount(connection)
    finally:
        await database.close()


def main() -> int:
    """Recounts and says how many dispatches there are; the exit status."""
    try:
        sys.stdout.write(f"{asyncio.run(_recount())} dispatches counted\n")
    except Unavailable as why:
        sys.stderr.write(f"ledger: {why}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
