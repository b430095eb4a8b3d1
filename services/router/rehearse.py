"""`python -m services.router.rehearse --pack DIR --since DATE`: what a changed pack would do with recorded reports.

Reads the ledger and changes nothing. Prints a line for every case whose first answer would be another one, then the
sums; exit status 1 for a pack that does not load.
"""

import argparse
import asyncio
import sys
from collections import Counter
from datetime import UTC, date, datetime, time
from pathlib import Path

from chassis.pack import PackError
from chassis.postgres.pool import Unavailable
from services.router.case import CaseEvent
from services.router.city import City, read_city
from services.router.ledger_command import opened
from services.router.ledger_events import all_events
from services.router.rehearsal import Rehearsed, rehearsed

CASES_AT_ONCE = 1_000


def main() -> int:
    """Reads the arguments and the pack, rehearses, prints; the exit status."""
    asked = argparse.ArgumentParser(prog="python -m services.router.rehearse", description=__doc__)
    asked.add_argument("--pack", type=Path, required=True, help="the folder of the changed city pack")
    asked.add_argument(
        "--since", type=date.fromisoformat, required=True, help="cases opened since this day, 2026-11-01"
    )
    told = asked.parse_args()
    try:
        city = read_city(told.pack)
        return asyncio.run(_rehearse(city, told.since))
    except (PackError, Unavailable) as why:
        sys.stderr.write(f"{'pack' if isinstance(why, PackError) else 'ledger'}: {why}\n")
        return 1


async def _rehearse(city: City, since: date) -> int:
    begin = datetime.combine(since, time(), UTC) - city.calendar.utc_offset
    seen, elsewhere, limits = 0, Counter[tuple[str, str]](), 0
    async with opened("rehearse", reading=True) as connection:
        async for events in all_events(connection, CASES_AT_ONCE, begin):
            for found in _all(events, city):
                seen += 1
                limits += found.then.limit != found.now.limit and found.then.platform == found.now.platform != ""
                if (found.then.platform, found.then.waits_for) != (found.now.platform, found.now.waits_for):
                    elsewhere[_short(found.then.platform), _short(found.now.platform)] += 1
                    _say(_line(found, city))
    _say(
        f"{seen} cases since {since}: {sum(elsewhere.values())} would go elsewhere, {limits} would have another limit."
    )
    for (then, now), count in elsewhere.most_common():
        _say(f"  {count:>6}  {then} -> {now}")
    return 0


def _all(events: list[CaseEvent], city: City) -> list[Rehearsed]:
    by_case: dict[str, list[CaseEvent]] = {}
    for event in events:
        by_case.setdefault(str(event.case_id), []).append(event)
    return [found for of_one in by_case.values() if (found := rehearsed(of_one, city)) is not None]


def _line(found: Rehearsed, city: City) -> str:
    then, now = found.then.told(city.platforms), found.now.told(city.platforms)
    return f"{found.case_number or 'not filed':<19}  {found.category:<5}  {found.district:<6}  {then}  ->  {now}"


def _short(platform: str) -> str:
    return platform or "centre"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
