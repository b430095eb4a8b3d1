"""Composition of the notifier: what is connected to what, and nothing else."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from chassis.bell import Bell
from chassis.http.health import Health
from chassis.http.serve import add_routes, application, document_topics, run
from chassis.kafka.connection import keep_connected
from chassis.kafka.producer import broker_of
from chassis.kafka.relay import Relay
from chassis.kafka.unread import Unread
from chassis.keys import Keys
from chassis.postgres.holders import Holders
from chassis.postgres.outbox_age import OutboxAge
from chassis.postgres.pool import Database
from schemas.topics import NOTICES
from services.notifier.callback import Callbacks
from services.notifier.city import read_wording
from services.notifier.consumers import Consumers
from services.notifier.contact import Contacts
from services.notifier.http import Endpoints
from services.notifier.http_feed import Feed
from services.notifier.owed import Notice
from services.notifier.rounds import Rounds
from services.notifier.rounds_overdue import Overdue
from services.notifier.settings import NotifierSettings
from services.notifier.sms import Texts

VERSION = "0.1.0"


def now() -> datetime:
    """The clock of the product; tests bring their own."""
    return datetime.now(UTC)


async def serve(settings: NotifierSettings) -> None:
    """Runs the notifier until it is told to stop."""
    wording = read_wording(settings.city_path)
    stopping, bell, keys = asyncio.Event(), Bell(), Keys(settings.clients_path)
    database = Database(settings.database_url, "notifier", size=12)
    await database.open()
    broker = broker_of(settings.kafka_bootstrap, "notifier")
    callbacks = Callbacks(settings.local_mode, now)
    texts = Texts(settings.sms_url, Contacts(settings.contact_private_keys), now) if settings.sms_url else None
    rounds = Rounds(database, callbacks, texts, now)

    def wake(written: Sequence[Notice]) -> None:
        if any(notice.lane for notice in written):
            rounds.wake()
        bell.ring({notice.client for notice in written if not notice.lane})

    consumers = Consumers(database, wording, settings.sms_url is not None, now, wake).subscribe(broker)
    health = Health(stopping)
    health.add("database", database.check)
    for consumer in consumers:
        health.add(consumer.group, consumer.check)
    unread = Unread(settings.kafka_bootstrap, [(consumer.topic, consumer.group) for consumer in consumers])
    holders, outbox_age = Holders(database, "notifier"), OutboxAge(database, "notifier")
    sources = (unread, holders, outbox_age, Overdue(database, texts is not None, now))
    told = "What citizens and platforms are told"
    app = application("suishoupai notifier", VERSION, told, health, sources)
    add_routes(app, Endpoints(database, keys, callbacks, now, settings.local_mode).routes())
    add_routes(app, Feed(database, keys, bell, stopping).routes())
    document_topics(app, broker, "suishoupai notifier", VERSION, NOTICES.name, NOTICES.kinds.values())
    relay = Relay(settings.database_url, broker, "notifier")
    try:
        await run(app, settings.host, settings.port, stopping, [
            lambda stopping: keep_connected(broker, stopping, consumers), rounds.run, relay.run,
            holders.watch, unread.close_at,
        ])  # fmt: skip
    finally:
        await callbacks.close()
        if texts:
            await texts.close()
        await database.close()
