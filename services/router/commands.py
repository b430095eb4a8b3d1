"""What reports, platforms and the clock may ask of a case: imperative, frozen, complete; who asks is part of it.

The centre's commands are in `commands_of_centre.py`; `Command` is all of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from schemas.cases import Actor, Stage, Step
from schemas.events import Place
from services.router.commands_of_centre import CentreAct

TimerStep = Step | Literal["resume"]
"""A step of a stage's clock, or the end of a suspension."""


@dataclass(frozen=True, slots=True)
class Open:
    """A report becomes a case. `case_number` is None when the category or district is missing or numbers ran out.

    `findings` are the codes that screening gave. An `unlinked` report files itself whatever they are.
    """

    case_id: UUID
    report_id: UUID
    category: str | None
    place: Place
    text: str
    media: tuple[str, ...]
    case_number: str | None
    by: Actor = "router"
    findings: tuple[str, ...] = ()
    unlinked: bool = False


@dataclass(frozen=True, slots=True)
class Join:
    """Another report of the same problem."""

    report_id: UUID
    text: str
    media: tuple[str, ...]
    by: Actor = "router"
    category: str | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Supplement:
    """A reporter says or shows more about an open case. `screened` are the codes that screening gave."""

    report_id: UUID
    text: str
    media: tuple[str, ...]
    by: Actor
    screened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dispute:
    """A reporter of a closed case says that it is not done, and may show it."""

    report_id: UUID
    text: str
    by: Actor
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """A reporter's mark, 1 to 5."""

    report_id: UUID
    stars: int
    text: str
    by: Actor


@dataclass(frozen=True, slots=True)
class Accept:
    """The platform takes what it was given."""

    by: Actor
    platform: str
    generation: int


@dataclass(frozen=True, slots=True)
class Return:
    """The platform says that it is not theirs. `reason` is a code of the city pack."""

    by: Actor
    platform: str
    generation: int
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class Extend:
    """The platform asks for one original limit more."""

    by: Actor
    platform: str
    generation: int
    reason: str
    note: str


@dataclass(frozen=True, slots=True)
class Suspend:
    """The platform asks that the clock stands still until `until`."""

    by: Actor
    platform: str
    generation: int
    reason: str
    note: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Handle:
    """The platform says that it is done.

    `photos` are SHA-256 (hex) of what `media` names, `points` the lon, lat at which those were taken that say so, in
    whatever system the camera writes. `photos_elsewhere` are those of `photos` that another case shows already,
    `said_elsewhere` whether the platform used the same words for another case of late: what the ledger knew when the
    act came.
    """

    by: Actor
    platform: str
    generation: int
    text: str
    media: tuple[str, ...]
    photos: tuple[str, ...]
    points: tuple[tuple[float, float], ...] = ()
    photos_elsewhere: tuple[str, ...] = ()
    said_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Ring:
    """A timer of one stage has come to a step, or a suspension to its end: it and whatever else is due takes effect."""

    generation: int
    stage: Stage
    step: TimerStep
    by: Actor = "clock"


@dataclass(frozen=True, slots=True)
class Reschedule:
    """The working calendar is another one than when the deadlines were made."""

    by: Actor = "clock"


PlatformAct = Accept | Return | Extend | Suspend | Handle
ReporterAct = Join | Supplement | Dispute | Rate
ClockAct = Ring | Reschedule
Asked = ReporterAct | PlatformAct | CentreAct | ClockAct
"""Whatever is asked of a case that there is."""
Command = Open | Asked


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer no, with a stable reason; nothing changed."""

    reason: str
