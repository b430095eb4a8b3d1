"""Every metric of the machinery in one place, and the page that shows them (Prometheus text format)."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("http_requests_total", "Answers by route and status", ["method", "route", "status"])
BODY_BYTES = Gauge("http_body_bytes", "Bytes of request bodies in memory now")
BODIES_REFUSED = Counter("http_bodies_refused_total", "Bodies answered 503 because the memory for bodies was full")
CONNECTIONS = Gauge("http_connections", "Connections open now")
CONNECTIONS_ENDED = Counter(
    "http_connections_ended_total", "Connections ended because of their limits, by why", ["why"]
)
PUBLISHED = Counter("kafka_published_total", "Records published, by topic and outcome", ["topic", "outcome"])
PUBLISH_SECONDS = Histogram("kafka_publish_seconds", "From publish to durable", buckets=(0.002, 0.01, 0.05, 0.2, 1, 5))
WAITING_PUBLISHES = Gauge("kafka_waiting_publishes", "Callers that wait for durability now")
CONSUMED = Counter("kafka_consumed_total", "Records settled", ["topic", "group"])
BATCH_RECORDS = Histogram(
    "kafka_batch_records", "Records in a batch", ["topic", "group"], buckets=(1, 5, 20, 100, 300, 500)
)
BATCH_SECONDS = Histogram(
    "kafka_batch_seconds", "Time to settle a batch", ["topic", "group"], buckets=(0.005, 0.02, 0.1, 0.5, 2, 10)
)
BATCHES_FAILED = Counter("kafka_batches_failed_total", "Batches sought back to be tried again", ["topic", "group"])
LAG = Gauge(
    "kafka_lag_seconds", "Age of the oldest record that the group has not read, measured now", ["topic", "group"]
)
UNREAD = Gauge("kafka_unread_records", "Records that the group has not read, measured now", ["topic", "group"])
PARKED_NOW = Gauge(
    "kafka_parked_records", "Parked records that nobody has put back or settled, measured now", ["topic"]
)
PARKED_AGE = Gauge("kafka_parked_age_seconds", "Age of the oldest of them, measured now", ["topic"])
PARKED = Counter("kafka_parked_total", "Records set aside whole, by reason", ["topic", "group", "reason"])
OUTBOX_ROWS = Counter("outbox_relayed_total", "Outbox rows published", ["schema"])
OUTBOX_AGE = Gauge("outbox_age_seconds", "Age of the oldest row that is not published, measured now", ["schema"])
OUTBOX_WAITING = Gauge("outbox_waiting_rows", "Rows that are not published, measured now", ["schema"])
RELAY_FAILED = Counter("outbox_relay_failed_total", "Runs of the relay that will be repeated", ["schema"])
MEASURED = Gauge("metrics_measured", "1 if the source could be measured for this page, else 0", ["source"])
WRITER_AGE = Gauge("horizon_writer_seconds", "Age of the oldest writer that readers of the schema wait for", ["schema"])
OLDEST_AGE = Gauge(
    "postgres_oldest_transaction_seconds", "Age of the oldest open transaction of the server", ["schema"]
)


def install(app: FastAPI, measure: Callable[[], Awaitable[None]]) -> None:
    """Adds `GET /metrics`. `measure` is called before each answer."""

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        await measure()
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
