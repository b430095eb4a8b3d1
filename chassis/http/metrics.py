"""Every metric of the machinery in one place, and the page that shows them (Prometheus text format)."""

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("http_requests_total", "Answers by route and status", ["method", "route", "status"])
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
LAG = Gauge("kafka_lag_seconds", "Age of the last record settled", ["topic", "group"])
PARKED = Counter("kafka_parked_total", "Records set aside whole, by reason", ["topic", "group", "reason"])
OUTBOX_ROWS = Counter("outbox_relayed_total", "Outbox rows published", ["schema"])
OUTBOX_AGE = Gauge("outbox_age_seconds", "Age of the oldest row of the last run of the relay", ["schema"])
RELAY_FAILED = Counter("outbox_relay_failed_total", "Runs of the relay that will be repeated", ["schema"])


def install(app: FastAPI) -> None:
    """Adds `GET /metrics`."""

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
