"""The router composed: one process with HTTP, the consumer of reports, the rounds of the clock and the relay."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from fastapi import FastAPI
from faststream.kafka import KafkaBroker

from chassis.http import serve
from chassis.http.health import Health
from chassis.http.measuring import Source
from chassis.kafka.connection import keep_connected
from chassis.kafka.producer import broker_of
from chassis.kafka.relay import Relay
from chassis.kafka.unread import Unread
from chassis.keys import Keys
from chassis.postgres.holders import Holders
from chassis.postgres.outbox_age import OutboxAge
from chassis.postgres.pool import Database
from schemas.topics import CASES
from services.router import (
    consumers,
    http_accountability,
    http_cases,
    http_centre,
    http_centre_lists,
    http_correct,
    http_desk,
    http_links,
    http_platforms,
    http_worklist,
)  # fmt: skip
from services.router.act import Door
from services.router.city import read_city
from services.router.rounds import ring_due_timers
from services.router.rounds_calendar import follow_calendar
from services.router.rounds_overdue import Overdue
from services.router.settings import RouterSettings
from services.router.waking import Waking

EDGES = (
    http_worklist,
    http_platforms,
    http_desk,
    http_centre,
    http_centre_lists,
    http_correct,
    http_links,
    http_accountability,
    http_cases,
)
"""In the order in which paths are tried: `/v1/cases/{case_id}` comes last."""

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


def application(door: Door, broker: KafkaBroker, health: Health, sources: Sequence[Source] = ()) -> FastAPI:
    """The HTTP side."""
    app = serve.application(TITLE, VERSION, "Cases: one problem, one platform at a time, one answer.", health, sources)
    for edge in EDGES:
        serve.add_routes(app, edge.routes(door))
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
    unread = Unread(settings.kafka_bootstrap, [(consumer.topic, consumer.group)])
    holders, outbox_age = Holders(door.database, "router"), OutboxAge(door.database, "router")
    app = application(door, broker, health, (unread, holders, outbox_age, Overdue(door.database, door.now)))
    connected = partial(keep_connected, broker, consumers=[consumer])
    rounds = (partial(ring_due_timers, door), partial(follow_calendar, door), holders.watch)
    parts = (connected, *rounds, relay.run, door.waking.end, unread.close_at)
    try:
        await serve.run(app, settings.host, settings.port, stopping, parts)
    finally:
        await door.database.close()
