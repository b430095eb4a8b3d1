"""What the centre does by HTTP: file, decline, dispatch, answer requests, check, press, end.

Every act says what it saw: the generation (0 before the first dispatch), or the case's ETag as If-Match.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from services.router.act import Door
from services.router.commands_of_centre import (
    Approve,
    CentreAct,
    Close,
    Decline,
    Dispatch,
    Escalate,
    File,
    ForceClose,
    Pending,
    Refuse,
    Resume,
    Rework,
    Void,
)  # fmt: skip
from services.router.http_bodies import Body, Code, FreeText, Reply, Words
from services.router.http_once import add_act

Generation = Annotated[int | None, Field(ge=0, le=1_000_000)]


class FileBody(Body):
    category: str | None = Field(default=None, max_length=16)
    district: str | None = Field(default=None, max_length=6)
    generation: Generation = None

    def command(self, by: str) -> CentreAct:
        return File(by, self.category, self.district, None, self.generation)


class EndBody(Body):
    """Why, by a code of the pack; `reply` is what the citizens are told, if not the pack's words for that code."""

    reason: Code
    reply: Reply = ""
    generation: Generation = None


class DeclineBody(EndBody):
    def command(self, by: str) -> CentreAct:
        return Decline(by, self.reason, self.reply, self.generation)


class ForceCloseBody(EndBody):
    def command(self, by: str) -> CentreAct:
        return ForceClose(by, self.reason, self.reply, self.generation)


class VoidBody(EndBody):
    def command(self, by: str) -> CentreAct:
        return Void(by, self.reason, self.reply, self.generation)


class DispatchBody(Body):
    platform: str | None = Field(default=None, max_length=16)
    owner: Annotated[str | None, FreeText()] = Field(default=None, max_length=50)
    generation: Generation = None

    def command(self, by: str) -> CentreAct:
        return Dispatch(by, self.platform, self.owner, self.generation)


class ApproveBody(Body):
    request: Pending
    generation: Generation = None

    def command(self, by: str) -> CentreAct:
        return Approve(by, self.request, self.generation)


class RefuseBody(Body):
    request: Pending
    reason: Words
    generation: Generation = None

    def command(self, by: str) -> CentreAct:
        return Refuse(by, self.request, self.reason, self.generation)


class ResumeBody(Body):
    generation: Generation = None

    def command(self, by: str) -> CentreAct:
        return Resume(by, self.generation)


class CloseBody(Body):
    reply: Reply = ""
    outcome: Literal["closed", "closed_undone"] = "closed"
    generation: Generation = None

    def command(self, by: str) -> CentreAct:
        return Close(by, self.reply, self.outcome, self.generation)


class ReworkBody(Body):
    reason: Words
    generation: Generation = None

    def command(self, by: str) -> CentreAct:
        return Rework(by, self.reason, self.generation)


class EscalateBody(ReworkBody):
    def command(self, by: str) -> CentreAct:
        return Escalate(by, self.reason, self.generation)


ACTS: dict[str, tuple[type[Body], str]] = {
    "file": (FileBody, "Take a held case as the city's business; name or correct category and district."),
    "decline": (DeclineBody, "Do not take it; the citizen is told why."),
    "dispatch": (DispatchBody, "Give it to `platform`, or to the one that the rules choose."),
    "approve": (ApproveBody, "Grant the extension, the suspension or the dispute that waits."),
    "refuse": (RefuseBody, "Do not grant it; `reason` is told to whoever asked."),
    "resume": (ResumeBody, "End a suspension before its time."),
    "close": (CloseBody, "It was checked and is done; without `reply` the platform's words are told."),
    "rework": (ReworkBody, "It is not done: the same platform again, with a new clock."),
    "escalate": (EscalateBody, "Press for it."),
    "force_close": (ForceCloseBody, "End it without a handling."),
    "void": (VoidBody, "It should never have been filed: it counts nowhere."),
}


def routes(door: Door) -> APIRouter:
    """The centre's acts, one route each."""
    api = APIRouter(tags=["centre"])
    for name, (model, summary) in ACTS.items():
        add_act(api, door, "centre", name, model, command_of, summary)
    return api


def command_of(_: Door, centre: str, body: Any, __: str) -> CentreAct:
    """The command in the body of an act, alone or in a list."""
    command: CentreAct = body.command(f"centre:{centre}")
    return command
