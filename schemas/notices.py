"""Topic `notices`, written by the notifier, key report_id: what became of what a recipient was owed."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from schemas.events import Event, by_kind

Channel = Literal["callback", "feed", "sms"]


class NoticeEvent(Event):
    """Which notice, of which event of which case, to whom and by which channel."""

    notice_id: UUID
    report_id: UUID
    case_id: UUID
    seq: int = Field(ge=1)
    event: str
    recipient: str
    channel: Channel
    attempts: int = Field(ge=0)


class NoticeDelivered(NoticeEvent):
    """The recipient's side took it."""

    kind: ClassVar[str] = "notice.delivered"


class NoticeFailed(NoticeEvent):
    """One attempt did not arrive; another will follow."""

    kind: ClassVar[str] = "notice.failed"
    outcome: str


class NoticeGaveUp(NoticeEvent):
    """No attempt will follow; the feed still has it."""

    kind: ClassVar[str] = "notice.gave_up"
    outcome: str


KINDS = by_kind(NoticeDelivered, NoticeFailed, NoticeGaveUp)
