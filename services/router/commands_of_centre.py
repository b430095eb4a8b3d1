"""What the centre may ask of a case: imperative, frozen, complete; who asks is part of it.

`generation` is the one that the centre has seen (0 before the first dispatch); None when the whole state was compared.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from schemas.cases import Actor

Outcome = Literal["closed", "closed_undone"]
Pending = Literal["extension", "suspension", "dispute"]
"""What can wait for the centre's yes or no."""


@dataclass(frozen=True, slots=True)
class File:
    """The centre takes a held case as the city's business; it names or corrects category and district."""

    by: Actor
    category: str | None
    district: str | None
    case_number: str | None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Decline:
    """The centre does not take it; `reply` is what the citizen is told, if not the pack's words for `reason`."""

    by: Actor
    reason: str
    reply: str
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The centre gives the case to `platform`, or, without one, to the one that the rules choose for `owner`."""

    by: Actor
    platform: str | None
    owner: str | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Approve:
    """The centre grants what waits for it."""

    by: Actor
    request: Pending
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The centre does not grant it; `reason` is told to the platform, or to those who disputed."""

    by: Actor
    request: Pending
    reason: str
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """The centre ends a suspension before its time."""

    by: Actor
    generation: int | None = None


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
class ForceClose:
    """The centre ends it without a handling. `reason` is a code of the pack; `reply` as in `Decline`."""

    by: Actor
    reason: str
    reply: str
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Void:
    """It should never have been filed. `reason` is a code of the pack; `reply` as in `Decline`."""

    by: Actor
    reason: str
    reply: str
    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Unlink:
    """A joined report is about another problem; it opens the case `moved_to` and takes its photos, `media`, along."""

    by: Actor
    report_id: UUID
    moved_to: UUID
    reason: str
    generation: int | None = None
    media: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """The same problem as the case `linked_to`, which takes over its reports. `to_open`: that case is open."""

    by: Actor
    linked_to: UUID
    reason: str
    generation: int | None = None
    to_open: bool = False


@dataclass(frozen=True, slots=True)
class Correct:
    """The centre puts right what was filed wrong; None: as it is. `point` is a WGS-84 lon, lat."""

    by: Actor
    reason: str
    category: str | None = None
    district: str | None = None
    point: tuple[float, float] | None = None
    address: str | None = None
    generation: int | None = None


CentreAct = (
    File | Decline | Dispatch | Approve | Refuse | Resume | Close | Rework | Escalate | ForceClose | Void | Unlink
    | Link | Correct
)  # fmt: skip
