"""What the clients of all consumers have in common."""

from collections.abc import Mapping
from typing import Any

from faststream import AckPolicy

SESSION_MS = 6_000
"""After so long a killed consumer's partitions go to the others."""
GATHERED_BYTES = 65_536
"""What the broker waits for when it gathers; it answers sooner when there is so much."""
REBALANCE_MS = 10_000
"""Above `polling.DRAIN`. A member killed while it joins holds everybody up for this long: 30 s were too many."""


async def _raw(message: Any) -> Any:
    return message.raw_message


SETTINGS: Mapping[str, Any] = {
    "batch": True,
    "batch_timeout_ms": 1,
    "auto_offset_reset": "earliest",
    "session_timeout_ms": SESSION_MS,
    "heartbeat_interval_ms": SESSION_MS // 4,
    "rebalance_timeout_ms": REBALANCE_MS,
    "ack_policy": AckPolicy.NACK_ON_ERROR,
    "decoder": _raw,
}
"""What every consumer has in common. Each default in its place loses or doubles something."""
