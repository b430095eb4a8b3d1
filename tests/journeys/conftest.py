"""One system for all journeys, with servers and data of its own; it is stopped whatever happens."""

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
    folder = ROOT / ".test-run/journeys"
    shutil.rmtree(folder, ignore_errors=True)
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
            if service.process is None or service.process.poll() is not None:
                service.start()
            made.ready(name)
        yield made
