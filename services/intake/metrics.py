"""What intake counts beside the machinery's metrics."""

from prometheus_client import Counter

MEDIA_OVER_QUOTA = Counter("intake_media_over_quota", "Photos refused because too many of the sender are uncited")
MEDIA_COLLECTED = Counter("intake_media_collected", "Uncited photos, by what was done with them", ["step"])
