"""What `/metrics` measures when it is read: true or absent, and never waited for longer than a moment."""

import asyncio

import httpx
import pytest

from chassis.http.health import Health
from chassis.http.measuring import Source, Sources
from chassis.http.metrics import OUTBOX_AGE
from chassis.http.serve import application


class Told:
    """A source that does what it is told to; counts how often it was asked."""

    def __init__(self, name: str, error: Exception | None = None, gate: asyncio.Event | None = None) -> None:
        self.name, self._error, self._gate = name, error, gate
        self.asked = 0

    async def measure(self) -> None:
        self.asked += 1
        if self._gate is not None:
            await self._gate.wait()
        if self._error is not None:
            raise self._error
        OUTBOX_AGE.labels(self.name).set(1)

    def lose(self) -> None:
        OUTBOX_AGE.remove(self.name)


async def page_of(*sources: Source) -> str:
    app = application("trial", "1", "trial", Health(asyncio.Event()), sources)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trial") as http:
        answer = await http.get("/metrics")
    assert 200 == answer.status_code
    return answer.text


@pytest.mark.parametrize("error", [OSError("away"), RuntimeError("our own mistake"), TimeoutError()])
async def test_a_source_that_fails_says_so_and_shows_no_old_value_and_the_others_are_shown(error: Exception) -> None:
    good, bad = Told("measuring-good"), Told("measuring-bad", error)
    OUTBOX_AGE.labels("measuring-bad").set(7)
    page = await page_of(bad, good)

    assert 'metrics_measured{source="measuring-bad"} 0.0' in page
    assert 'outbox_age_seconds{schema="measuring-bad"}' not in page
    assert 'metrics_measured{source="measuring-good"} 1.0' in page
    assert 'outbox_age_seconds{schema="measuring-good"} 1.0' in page


async def test_a_source_that_hangs_is_not_waited_for_and_is_not_asked_a_second_time_meanwhile() -> None:
    gate = asyncio.Event()
    hanging, good = Told("measuring-slow", gate=gate), Told("measuring-quick")
    app = application("trial", "1", "trial", Health(asyncio.Event()), [hanging, good])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://trial") as http:
        first = (await http.get("/metrics")).text
        await asyncio.sleep(1.1)
        second = (await http.get("/metrics")).text
        gate.set()
        await asyncio.sleep(1.1)
        third = (await http.get("/metrics")).text

    assert ['metrics_measured{source="measuring-slow"} 0.0' in page for page in (first, second)] == [True, True]
    assert 'metrics_measured{source="measuring-quick"} 1.0' in first
    assert 'metrics_measured{source="measuring-slow"} 1.0' in third
    assert (1, 3) == (hanging.asked, good.asked)


async def test_many_readers_at_once_cost_one_measurement() -> None:
    source = Told("measuring-shared")
    sources = Sources([source])  # without the pages: to write twenty may take longer than a measurement is kept
    await asyncio.gather(*(sources.measure() for _ in range(20)))

    assert 1 == source.asked
