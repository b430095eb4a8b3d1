"""What all events of topic `cases` share."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from schemas.events import Event, Fact

Stage = Literal["accept", "handle", "check", "reply"]
"""accept and handle are the platform's; check (was it done?) and reply (file, decline, dispatch) are the centre's."""
Step = Literal["warning", "due", "twice", "thrice"]
Request = Literal["extension", "suspension"]
ClockKind = Literal["urgent_hour", "work_hour", "work_day", "natural_day"]
Actor = str
"""Who did it: `router`, `clock`, `report:<report_id>`, `platform:<code>`, `centre:<client>`."""


class Limit(Fact):
    """So much time on one kind of clock: 2 work_hour."""

    clock: ClockKind
    amount: float = Field(gt=0)


class CaseEvent(Event):
    """Which case, its how-manieth event, and by whom."""

    case_id: UUID
    seq: int = Field(ge=1)
    by: Actor
