"""`python -m tests.faults`: the system under load and under attack for some minutes, then everything is checked.

Every crash window is entered with each death at its first and second pass; owners of partitions are frozen, PostgreSQL
turns read-only, everything is restarted in storms; meanwhile citizens report, platforms act, and the centre links,
unlinks, voids and ends cases. Exit status 0: nothing is lost, doubled, misled or silent. The seed is printed.
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import aiohttp

from stack.environment import forget_own
from stack.prepare import ROOT
from stack.up import System, platform_codes
from tests.faults import actors, nemeses
from tests.faults.checker import violations
from tests.faults.evidence import all_read, gather
from tests.faults.history import History
from tests.faults.line import Line
from tests.faults.windows import WINDOWS, Sweep, strays
from tests.standins.app import App, listening

CITIZENS = 4
SWEEP_SECONDS = 330.0
DRAIN_SECONDS = 120.0
CALLBACK_SECONDS = 45.0
"""A claim of a process that died holds for half a minute."""
SHOWN = 40


class Run:
    """One run: the system, who acts in it, and what strikes it."""

    def __init__(self, system: System, seed: int, parts: set[str]) -> None:
        self.system, self.parts = system, parts
        self.history, self.chance = History(), random.Random(seed)
        self.calls: list[Any] = []
        self.hands_off: set[str] = set()
        self.began = time.monotonic()
        self.sweeps = [Sweep(system, name, self.say) for name in WINDOWS]

    def say(self, line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self.began:6.1f} s  {line}\n")
        sys.stdout.flush()

    async def play(self) -> list[str]:
        """Load, faults, healing, rest; what the checker found."""
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
            line = Line(http, self.system.env, self.history, asyncio.Event())
            town = actors.Town(line, self.chance, platform_codes())
            apps = [await self._app(stack, http, name) for name in actors.APPS]
            watch = asyncio.create_task(nemeses.Watch(self.system, self.say).keep(self.hands_off))
            lasting = [asyncio.create_task(actors.desk(town))]
            lasting += [asyncio.create_task(actors.platform(town, code)) for code in town.platforms]
            comers = [
                asyncio.create_task(actors.citizen(town, name, 1.0))
                for name in actors.APPS
                for _ in range(CITIZENS // 2)
            ]
            comers.append(asyncio.create_task(actors.foreign_hand(town, 3.0)))
            await self._strike(lasting)
            self.say(f"healing; {len(self.history.accepted)} reports accepted so far")
            town.calm.set()
            await asyncio.gather(*comers)
            await self._drain(line, apps, [watch, *lasting])
            seen = await gather(self.system, line, self.history, apps, self.calls)
            watch.cancel()
            for task in lasting:
                task.cancel()
            ended = await asyncio.gather(watch, *lasting, return_exceptions=True)
        broken = [f"harness: {why!r}" for why in ended if isinstance(why, Exception)]
        found = violations(self.history, seen)
        self.say(
            f"{len(self.history.accepted)} reports accepted, {len(seen.cases)} events, {len(seen.feed)} feed items,"
            f" {len(seen.callbacks)} callbacks, {len(self.history.acts)} acts"
        )
        self.say(f"answers {dict(sorted(self.history.answers.items()))}")
        missed = [f"never reached: {sweep.service} {spec}" for sweep in self.sweeps for spec in sweep.missed]
        return [*broken, *found, *missed]

    async def _app(self, stack: AsyncExitStack, http: aiohttp.ClientSession, name: str) -> App:
        app = App(name, self.system.env[actors.APPS[name]], self.system.env["NOTIFIER_URL"])
        app.tell = lambda _kind, body: self.calls.append(body)
        await app.register(http, await stack.enter_async_context(listening(app)))
        return app

    async def _strike(self, lasting: "list[asyncio.Task[Any]]") -> None:
        database = self.system.env["DATABASE_URL"]
        await asyncio.sleep(5)
        if "sweep" in self.parts:
            helpers = [
                asyncio.create_task(nemeses.crossings(database)),
                asyncio.create_task(nemeses.early_timers(database)),
            ]
            self.hands_off |= set(WINDOWS)
            until = time.monotonic() + SWEEP_SECONDS
            await asyncio.gather(*(self._sweep(sweep, until) for sweep in self.sweeps))
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._all_ready()
        steps: list[tuple[str, Callable[[], Any]]] = [
            ("read-only", lambda: nemeses.read_only_server(database, self.say)),
            ("storm", lambda: nemeses.restart_storm(self.system, self.say)),
            ("owners", lambda: nemeses.pause_each_owner(self.system, self.say)),
        ]
        for name, strike in steps:
            if name in self.parts:
                await strike()
                await self._all_ready()
                await asyncio.sleep(3)
        check(lasting)

    async def _sweep(self, sweep: Sweep, until: float) -> None:
        await sweep.run(until)
        self.hands_off.discard(sweep.service)  # whoever watches starts it again
        self.say(f"{sweep.service}: {len(sweep.died)} deaths in its windows")

    async def _all_ready(self) -> None:
        for service in self.system.services.values():
            await nemeses.until_ready(service)

    async def _drain(self, line: Line, apps: Sequence[App], background: "list[asyncio.Task[Any]]") -> None:
        """Waits, within bounds, until every report has its answer, every record is read, every notice called back."""
        deadline = time.monotonic() + DRAIN_SECONDS
        left = set(self.history.accepted)
        while left and time.monotonic() < deadline:
            left = {report_id for report_id in sorted(left) if not await self._answered(line, report_id)}
            await asyncio.sleep(1)
            check(background)
        self.say(f"drained; {len(left)} reports are without an answer")
        await all_read(self.system, 30)
        feed = {notice(item) for app in apps async for item in app.feed(line.http)}
        deadline = time.monotonic() + CALLBACK_SECONDS
        while not feed <= {notice(body) for body in self.calls} and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        line.over.set()

    async def _answered(self, line: Line, report_id: UUID) -> bool:
        key = actors.APPS[self.history.accepted[report_id].app]
        answer = await line.once("intake", "GET", f"/v1/reports/{report_id}", key)
        return answer is not None and answer.status == 200 and bool(answer.body["reply"])


def notice(item: Mapping[str, Any]) -> tuple[str, str, int]:
    """What names a notice in the feed and in a callback alike."""
    return item["report_id"], item["case_id"], item["seq"]


def check(background: "Sequence[asyncio.Task[Any]]") -> None:
    """Raises what a background task died of."""
    for task in background:
        if task.done():
            task.result()


def main() -> int:
    """Plays one run and prints what the checker found."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    parser.add_argument("parts", nargs="*", metavar="part", help="sweep read-only storm owners (default: all)")
    arguments = parser.parse_args()
    parts = set(arguments.parts) or {"sweep", "read-only", "storm", "owners"}
    if wrong := strays():
        sys.stdout.write(f"Windows that the code names and the sweep does not, or the reverse: {sorted(wrong)}\n")
        return 1
    forget_own()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # of a broker that we kill
    folder = ROOT / ".test-run/faults"
    shutil.rmtree(folder, ignore_errors=True)
    system = System(folder, own_ports=True)
    run = Run(system, arguments.seed, parts)
    try:
        system.start()
        run.say(f"up; seed {arguments.seed}; parts {', '.join(sorted(parts))}; logs in {folder / 'logs'}")
        found = asyncio.run(run.play())
    finally:
        system.stop()
    for line in found[:SHOWN]:
        sys.stdout.write(f"  {line}\n")
    sys.stdout.write(f"{len(found)} violations\n" if found else "All promises kept.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
