"""Intake put together: what is read at start, what runs in the process, what `/readyz` asks."""

import asyncio
from datetime import timedelta
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from faststream.kafka import KafkaBroker

from chassis.http import serve
from chassis.http.health import Health
from chassis.kafka.connection import keep_connected
from chassis.kafka.producer import Publisher, broker_of
from chassis.kafka.unread import Unread
from chassis.keys import Keys
from chassis.postgres.pool import Database
from schemas.topics import CASES, REPORTS
from services.intake.city import City, read_city
from services.intake.consumers import consume_all
from services.intake.contact import Sealer
from services.intake.darkroom import Darkroom
from services.intake.http import Door, add_reports
from services.intake.http_feedback import Desk, add_feedback
from services.intake.http_media import Lab, add_media
from services.intake.http_quota import Quota
from services.intake.http_tracking import Window, add_tracking
from services.intake.photo_store import PhotoStore
from services.intake.read_model import feedback_digests
from services.intake.read_model_digests import Digests
from services.intake.read_model_wait import Wait
from services.intake.report import Terms
from services.intake.rounds_media import Collector, keep_collecting
from services.intake.settings import IntakeSettings

TITLE = "suishoupai intake"
SUMMARY = "Citizens' reports and photos in, statuses and replies out."


async def serve_intake(settings: IntakeSettings) -> None:
    """Runs the service until it is told to stop."""
    stopping = asyncio.Event()
    health = Health(stopping)
    city, keys = read_city(settings.city_path), Keys(settings.clients_path)
    database = Database(settings.database_url, "intake")
    broker = broker_of(settings.kafka_bootstrap, "intake")
    wait, case_wait = (Wait(settings.kafka_bootstrap, topic.name, database) for topic in (REPORTS, CASES))
    darkroom = Darkroom()
    consumers = consume_all(broker, database, wait.woken)
    unread = Unread(settings.kafka_bootstrap, [(consumer.topic, consumer.group) for consumer in consumers])
    app = serve.application(TITLE, _version(), SUMMARY, health, (unread,))
    door, window = _door(settings, keys, city, broker, database, wait), Window(keys, city, database, wait)
    add_reports(app, door)
    add_tracking(app, window)
    add_feedback(app, Desk(door, window, Digests(database, feedback_digests), case_wait))
    store, quota = PhotoStore(settings.media_url), Quota(settings.most_uncited_photos, settings.most_uncited_bytes)
    add_media(app, Lab(keys, darkroom, store, door.terms.receipt_key, database, case_wait, quota))
    collector = Collector(store, database, (wait, case_wait), _kept(city, settings))
    serve.document_topics(app, broker, TITLE, _version(), REPORTS.name, REPORTS.kinds.values())
    for consumer in consumers:
        health.add(f"model of {consumer.topic}", consumer.check)
    health.add("kafka", lambda: _answers(broker))
    health.add("postgres", database.check)
    await database.open()
    try:
        parts = (
            partial(keep_connected, broker, consumers=consumers), darkroom.keep_open, unread.close_at,
            partial(keep_collecting, collector),
        )  # fmt: skip
        await serve.run(app, settings.host, settings.port, stopping, parts)
    finally:
        await wait.close()
        await case_wait.close()
        await darkroom.close()
        await database.close()


def _door(
    settings: IntakeSettings, keys: Keys, city: City, broker: KafkaBroker, database: Database, wait: Wait
) -> Door:
    receipt_key = bytes.fromhex(settings.receipt_key)
    return Door(
        keys=keys,
        city=city,
        terms=Terms(city.categories.keys(), city.districts, receipt_key, city.receipt_lifetime, city.public_numbers),
        sealer=Sealer(settings.contact_public_key),
        digests=Digests(database),
        wait=wait,
        publisher=Publisher(broker),
        publish_seconds=settings.publish_seconds,
    )


def _kept(city: City, settings: IntakeSettings) -> timedelta:
    """How long a photo that nothing cites stays."""
    return city.receipt_lifetime + timedelta(days=settings.uncited_days)


async def _answers(broker: KafkaBroker) -> str | None:
    return None if await broker.ping(1.0) else "Kafka does not answer"


def _version() -> str:
    try:
        return version("suishoupai")
    except PackageNotFoundError:
        return "0.1.0"
