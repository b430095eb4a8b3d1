"""What the notifier counts beside the machinery's metrics."""

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS = Counter("notice_attempts_total", "Attempts by channel and outcome", ["channel", "outcome"])
OWED_SECONDS = Histogram(
    "notice_first_delivery_seconds", "From the event to its delivery at the first attempt", ["channel"],
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
)  # fmt: skip
DISABLED = Counter("endpoint_disabled_total", "Endpoints that are no longer called, by reason", ["reason"])
STUCK = Gauge(
    "notices_stuck",
    "Notices that fail by themselves in this process, not at their recipient, and are tried again less often",
    ["step"],
)
OVERDUE = Gauge(
    "notice_overdue_seconds",
    "How late the oldest notice is that could be sent and is not recorded as sent, measured now",
    ["schema"],
)
