"""Parking: what a consumer cannot read or settle is set aside whole, under its own key, with the reason.

The header names are a contract (`schemas/parked.py` says the same words; a test compares the two).
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

from faststream.kafka import KafkaBroker

from chassis.http.metrics import PARKED
from chassis.logs import log

SETTLED_GROUP = "parked"
"""The group whose committed offset in a parked topic says up to where everything was put back or settled by people."""


def parked_topic(topic: str) -> str:
    """Where records of `topic` are set aside."""
    return f"{topic}.parked"


@dataclass(frozen=True, slots=True)
class Aside:
    """A record to set aside and why: a stable code, and one line for people that repeats none of its words."""

    record: Any
    reason: str
    detail: str = ""


class Parking:
    """The parked topic of one consumer group on one topic."""

    def __init__(self, broker: KafkaBroker, topic: str, group: str) -> None:
        self._broker, self._topic, self._group = broker, topic, group

    async def park(self, aside: Aside) -> None:
        """Publishes the record to `<topic>.parked` and waits until it is durable. Raises what Kafka raises."""
        record = aside.record
        place = f"{record.topic}/{record.partition}/{record.offset}"
        await self._send(place, aside, record.value or b"", record.key, record.headers)

    async def park_place(self, partition: int, offset: int, reason: str) -> None:
        """Parks a frame that the client library cannot hand out: by its place alone, with an empty value."""
        place = f"{self._topic}/{partition}/{offset}"
        await self._send(place, Aside(None, reason, "the frame could not be decoded"), b"", None, ())

    async def _send(self, place: str, aside: Aside, value: bytes, key: bytes | None, headers: Any) -> None:
        await self._broker.publish(
            value,
            parked_topic(self._topic),
            key=key,
            headers={
                "parked_from": place,
                "parked_group": self._group,
                "parked_reason": aside.reason,
                "parked_detail": aside.detail[:500],
                "parked_headers": json.dumps([[name, _base64(value)] for name, value in headers]),
            },
        )
        PARKED.labels(self._topic, self._group, aside.reason).inc()
        log.warning("record.parked", parked_from=place, reason=aside.reason, detail=aside.detail)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
