"""The router composed: one process with HTTP, the consumer of reports, the rounds of the clock and the relay."""

import asyncio
from datetime import UTC, datetime
from functools import partial

from fastapi import FastAPI
from faststream.kafka import KafkaBroker

from chassis.http import serve
from chassis.http.health import Health
from chassis.kafka.connection import keep_connected
from chassis.kafka.producer import broker_of
from chassis.kafka.relay import Relay
from chassis.keys import Keys
from chassis.postgres.pool import Database
from schemas.topics import CASES
from services.router import consumers, http_cases, http_centre, http_platforms
from services.router.act import Door, Waking
from services.router.city import read_city
from services.router.rounds import ring_due_timers
from services.router.settings import RouterSettings

VERSION = "1.0.0"
TITLE = "suishoupai router"


def door_of(settings: RouterSettings) -> Door:
    """What the edges need, made once."""
    return Door(
        database=Database(settings.database_url, "router"),
        city=read_city(settings.city_path),
        keys=Keys(settings.clients_path),
        receipt_key=bytes.fromhex(settings.receipt_key),
        waking=Waking(),
        now=lambda: datetime.now(UTC),
    )


def application(door: Door, broker: KafkaBroker, health: Health) -> FastAPI:
    """The HTTP side."""
    app = serve.application(TITLE, VERSION, "Cases: one problem, one platform at a time, one answer.", health)
    for routes in (http_platforms.routes, http_centre.routes, http_cases.routes):
        serve.add_routes(app, routes(door))
    serve.document_topics(app, broker, TITLE, VERSION, CASES.name, CASES.kinds.values())
    return app


async def run(settings: RouterSettings) -> None:
    """Serves until a signal comes."""
    stopping = asyncio.Event()
    door, broker, health = door_of(settings), broker_of(settings.kafka_bootstrap, "router"), Health(stopping)
    await door.database.open()
    consumer = consumers.subscribe(broker, door)
    relay = Relay(settings.database_url, broker, "router")
    health.add("postgres", door.database.check)
    health.add("reports", consumer.check)
    connected = partial(keep_connected, broker, consumers=[consumer])
    parts = (connected, partial(ring_due_timers, door), relay.run, door.waking.end)
    try:
        await serve.run(application(door, broker, health), settings.host, settings.port, stopping, parts)
    finally:
        await door.database.close()
