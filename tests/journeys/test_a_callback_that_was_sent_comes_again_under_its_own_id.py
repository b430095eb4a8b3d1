"""A notifier killed between sending and recording: what the app gets again carries the same id and the same words."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from tests.journeys.town import Town, until
from tests.standins.app import App, listening

LEASE = 90.0
"""Seconds after which a claim that nobody settled is taken again, with room."""


@contextmanager
def an_app(town: Town) -> Iterator[App]:
    """A registered upstream app that listens in a thread of its own."""
    app, ready, loop = App("jinyang", town.env["APP_KEY"], town.env["NOTIFIER_URL"]), threading.Event(), []
    leave: list[asyncio.Event] = []

    async def serve() -> None:
        loop.append(asyncio.get_running_loop())
        leave.append(asyncio.Event())
        async with listening(app) as url, aiohttp.ClientSession() as http:
            await app.register(http, url, "journey")
            ready.set()
            await leave[0].wait()
            async with http.delete(f"{app.notifier_url}/v1/endpoints/journey", headers=app.headers()):
                pass

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(20)
        yield app
    finally:
        loop[0].call_soon_threadsafe(leave[0].set)
        thread.join(20)


def test_a_callback_that_was_sent_comes_again_under_its_own_id(town: Town) -> None:
    town.stop("notifier")
    town.start_faulty("notifier", "notifier.sent:kill:3")
    with an_app(town) as app:
        reports = town.watched(lambda: town.reports(5))
        town.watched(lambda: town.handle_all(reports))
        owed = {(report, event) for report in reports for event in ("case.filed", "case.closed")}

        def told() -> set[tuple[str, str]]:
            return {(body["report_id"], body["event"]) for body in app.bodies.values()} & owed

        town.watched(lambda: until(told, lambda them: them == owed, LEASE))

        assert "fault notifier.sent:kill:3" in town.service("notifier").log.read_text("utf-8", "replace")
        assert (0, 0) == (app.unverified, app.contradicted)
        assert len(owed) == len([b for b in app.bodies.values() if (b["report_id"], b["event"]) in owed])
        assert [] != [webhook_id for webhook_id, times in app.received.items() if times > 1]
