"""Nemeses: what strikes the running system from outside. Each ends by itself and leaves the healing to the system."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from stack.processes import free_port, spawn
from stack.up import Supervised, System
from tests.faults.windows import end

PAUSE_SECONDS = 8.0
"""Above the session time-out of the consumers, so that the paused owner is replaced."""
READ_ONLY_SECONDS = 6.0
STORM_ROUNDS = 4


@dataclass
class Watch:
    """The supervisor, as one runs in production. `hands_off`: a sweep ends and starts this service by itself."""

    system: System
    say: Callable[[str], None]

    async def keep(self, hands_off: set[str]) -> None:
        """Starts again whatever has died, until cancelled."""
        while True:
            held = {name: self.system.services.pop(name) for name in hands_off if name in self.system.services}
            try:
                for line in self.system.watch():
                    self.say(line)
            finally:
                self.system.services.update(held)
            await asyncio.sleep(0.2)


@asynccontextmanager
async def second_replicas(system: System) -> AsyncIterator[dict[str, Supervised]]:
    """A second process of each service beside the first, in its consumer groups, until the block ends."""
    made: dict[str, Supervised] = {}
    try:
        for name, first in system.services.items():
            port = free_port()
            env = {**first.env, f"{name.upper()}_PORT": str(port)}
            log = first.log.with_suffix(".second.log")
            made[name] = Supervised(name, port, env, log)
            made[name].process = spawn([sys.executable, "-m", f"services.{name}"], log, env)
        for second in made.values():
            await until_ready(second)
        yield made
    finally:
        for second in made.values():
            await asyncio.to_thread(terminate, second.process)


def terminate(process: "subprocess.Popen[bytes] | None") -> None:
    """SIGTERM, and after ten seconds SIGKILL."""
    if process is None:
        return
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        end(process)


async def until_ready(service: Supervised, patience: float = 60.0) -> None:
    """Returns when `/readyz` says yes."""
    for _ in range(int(patience * 5)):
        if await asyncio.to_thread(service.ready):
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{service.name} was not ready within {patience:g} s; see {service.log}")


async def pause_each_owner(system: System, say: Callable[[str], None]) -> None:
    """Two replicas of each service; the first owner of each is frozen until it is replaced, and wakes up again."""
    async with second_replicas(system):
        for names in (("router",), ("notifier",), ("intake",), tuple(system.services)):
            frozen = [p for name in names if (p := system.services[name].process) is not None and p.poll() is None]
            say(f"freezing {', '.join(names)} for {PAUSE_SECONDS:g} s")
            for process in frozen:
                process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(PAUSE_SECONDS)
            for process in frozen:
                process.send_signal(signal.SIGCONT)
            await asyncio.sleep(3)


async def read_only_server(database: str, say: Callable[[str], None]) -> None:
    """PostgreSQL refuses every write for a while, as after a failover or with a full disk."""
    say(f"PostgreSQL is read-only for {READ_ONLY_SECONDS:g} s")
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("alter system set default_transaction_read_only = on")
        await connection.execute("select pg_reload_conf()")
        await asyncio.sleep(READ_ONLY_SECONDS)
    finally:
        await connection.execute("set default_transaction_read_only = off")
        await connection.execute("alter system reset default_transaction_read_only")
        await connection.execute("select pg_reload_conf()")
        await connection.close()


async def restart_storm(system: System, say: Callable[[str], None]) -> None:
    """Everything dies again and again, also while it is being started; the watch starts it again."""
    for round_ in range(STORM_ROUNDS):
        say(f"restart storm, round {round_ + 1}")
        for name in ("router", "notifier", "intake"):
            end(system.services[name].process)
            await asyncio.sleep(0.4)
        server = system.kafka if round_ % 2 else system.postgres
        if server is not None:
            end(server.process)
        await asyncio.sleep(4)


async def crossings(database: str) -> None:
    """Until cancelled, holds up now and then what one consumer writes, so that the other topic's events come first."""
    while True:
        connection = await asyncpg.connect(database)
        try:
            for table in ("intake.reports", "notifier.reporters"):
                async with connection.transaction():
                    await connection.execute(f"lock table {table} in exclusive mode")
                    await asyncio.sleep(1.5)
                await asyncio.sleep(0.5)
        except (asyncpg.PostgresError, OSError):
            await asyncio.sleep(1)  # the server was struck, or broke a deadlock with us
        finally:
            await connection.close()


async def early_timers(database: str) -> None:
    """Until cancelled, makes some timers due before their time: they are claimed, found to be early and set anew."""
    while True:
        try:
            connection = await asyncpg.connect(database)
            try:
                await connection.execute(
                    """update router.timers set at = now() where case_id in
                       (select case_id from router.timers order by case_id limit 20)"""
                )
            finally:
                await connection.close()
        except (asyncpg.PostgresError, OSError):
            await asyncio.sleep(0.5)
        await asyncio.sleep(1)
