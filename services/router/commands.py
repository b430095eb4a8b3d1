"""What may be asked of a case: imperative, frozen, complete; who asks is part of it."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from schemas.cases import Actor, Stage, Step
from schemas.events import Place

Outcome = Literal["closed", "closed_undone"]


@dataclass(frozen=True, slots=True)
class Open:
    """A report becomes a case. `case_number` is None when the category or district is missing or numbers ran out."""

    case_id: UUID
    report_id: UUID
    category: str | None
    place: Place
    text: str
    media: tuple[str, ...]
    case_number: str | None
    by: Actor = "router"


@dataclass(frozen=True, slots=True)
class Join:
    """Another report of the same problem."""

    report_id: UUID
    text: str
    media: tuple[str, ...]
    by: Actor = "router"


@dataclass(frozen=True, slots=True)
class Dispute:
    """A reporter of a closed case says that it is not done."""

    report_id: UUID
    text: str
    by: Actor


@dataclass(frozen=True, slots=True)
class File:
    """The centre takes a held case as the city's business; it names what the report left out."""

    by: Actor
    category: str | None
    district: str | None
    case_number: str | None


@dataclass(frozen=True, slots=True)
class Decline:
    """The centre does not take it; `reply` is what the citizen is told."""

    by: Actor
    reason: str
    reply: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The centre gives the case to `platform`, or, without one, to the one that the rules choose for `owner`."""

    by: Actor
    platform: str | None
    owner: str | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """The platform takes what it was given."""

    by: Actor
    platform: str
    generation: int


@dataclass(frozen=True, slots=True)
class Return:
    """The platform says that it is not theirs."""

    by: Actor
    platform: str
    generation: int
    reason: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Handle:
    """The platform says that it is done. `photos` are SHA-256 (hex) of what `media` names, in the same order."""

    by: Actor
    platform: str
    generation: int
    text: str
    media: tuple[str, ...]
    photos: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """The centre has checked what was handled and tells the citizens so."""

    by: Actor
    reply: str
    outcome: Outcome = "closed"
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Rework:
    """The centre found it not done: the same platform again."""

    by: Actor
    reason: str
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Escalate:
    """The centre presses for it."""

    by: Actor
    reason: str
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Ring:
    """A timer of one stage has come to a step."""

    generation: int
    stage: Stage
    step: Step
    by: Actor = "clock"


PlatformAct = Accept | Return | Handle
CentreAct = File | Decline | Dispatch | Close | Rework | Escalate
Command = Open | Join | Dispute | PlatformAct | CentreAct | Ring


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer no, with a stable reason; nothing changed."""

    reason: str
