"""What the router counts beside the machinery's metrics."""

from prometheus_client import Counter, Gauge, Histogram

PROVISIONAL = Gauge("router_provisional_deadlines", "Open cases whose deadline lies beyond the published calendar")
TIMER_LATE = Histogram(
    "router_timer_late_seconds", "From a timer's instant to its effect", buckets=(0.5, 1, 2, 5, 30, 300, 3600)
)
TIMER_OVERDUE = Gauge(
    "router_timer_overdue_seconds", "How late the oldest timer is that has not taken effect, measured now", ["schema"]
)
TIMERS_STUCK = Gauge(
    "router_timers_stuck", "Cases whose due steps fail by themselves in this process and are tried again less often"
)
RESCHEDULES_STUCK = Gauge(
    "router_reschedules_stuck", "Cases whose deadlines fail by themselves to follow the calendar and are tried again"
)
EVENTS = Counter("router_events", "Events of committed transactions, by kind", ["event"])
REFUSALS = Counter("router_refusals", "Commands refused in committed transactions, by reason", ["command", "reason"])
