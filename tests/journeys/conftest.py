"""One system for all journeys, with servers and data of its own; it is stopped whatever happens."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stack.up import System
from tests.journeys.town import Town

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    for left in (ROOT / ".test-run").glob("journeys-*"):
        if not Path(f"/proc/{left.name.partition('-')[2]}").exists():
            # Of an earlier run; its logs were there to be read until now. Another process may remove it as well.
            shutil.rmtree(left, ignore_errors=True)
    folder = ROOT / f".test-run/journeys-{os.getpid()}"
    made = System(folder, own_ports=True)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def town(system: System) -> Iterator[Town]:
    """The system with everything up, as one test's own citizens see it."""
    with httpx.Client(timeout=15) as http:
        made = Town(system, http)
        for name, service in system.services.items():
            service.deaths = 0
            if service.process is None or service.process.poll() is not None:
                service.start()
            made.ready(name)
        yield made
