"""What the topic `notices` is to hear, written beside the change that it tells of.

The feed is not an attempt and announces nothing: only callbacks and texts do.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chassis.kafka.envelope import headers_of
from chassis.kafka.producer import Unsent
from chassis.postgres import outbox
from chassis.postgres.pool import Connection
from schemas.ids import event_id_of
from schemas.notices import NoticeEvent
from schemas.topics import NOTICES
from services.notifier.wording import Item


def said_of(item: Item, recipient: str, channel: str, attempts: int, at: datetime) -> dict[str, Any]:
    """The fields that every event of a notice has. The name of an endpoint stays inside."""
    return {
        "at": at,
        "notice_id": item.notice_id,
        "report_id": item.report_id,
        "case_id": item.case_id,
        "seq": item.seq,
        "event": item.event,
        "recipient": recipient,
        "channel": channel.partition(":")[0],
        "attempts": attempts,
    }


async def announce(connection: Connection, events: Sequence[NoticeEvent]) -> None:
    """Puts the events into the outbox, inside the caller's transaction."""
    await outbox.append(connection, "notifier", [_unsent(event) for event in events])


def _unsent(event: NoticeEvent) -> Unsent:
    event_id = event_id_of(event.notice_id, event.kind, event.attempts)
    headers = headers_of(event_id, event.kind, "notifier", event.at)
    return Unsent(NOTICES.name, str(event.report_id).encode(), event.model_dump_json().encode(), headers)
