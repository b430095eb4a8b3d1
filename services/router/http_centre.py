"""What the centre does by HTTP: file, decline, dispatch, close, rework, escalate."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.router.act import Ask, Door
from services.router.commands import CentreAct, Close, Decline, Dispatch, Escalate, File, Rework
from services.router.http_acts import (
    Asked,
    Body,
    act_once,
    case_id_from,
    digest_of,
    documented,
    key_of,
    read_body,
    respond,
)

Text = Annotated[str, Field(min_length=2, max_length=2000)]
Reason = Annotated[str, Field(min_length=2, max_length=500)]
Generation = Annotated[int | None, Field(ge=0, le=1_000_000)]


class FileBody(Body):
    category: str | None = Field(default=None, max_length=16)
    district: str | None = Field(default=None, max_length=6)

    def command(self, by: str) -> File:
        return File(by, self.category, self.district, case_number=None)


class DeclineBody(Body):
    reason: Reason
    reply: Text

    def command(self, by: str) -> Decline:
        return Decline(by, self.reason, self.reply)


class DispatchBody(Body):
    platform: str | None = Field(default=None, max_length=16)
    owner: str | None = Field(default=None, max_length=50)
    generation: Generation = None

    def command(self, by: str) -> Dispatch:
        return Dispatch(by, self.platform, self.owner, self.generation)


class CloseBody(Body):
    reply: str = Field(default="", max_length=2000)
    outcome: Literal["closed", "closed_undone"] = "closed"
    generation: Generation = None

    def command(self, by: str) -> Close:
        return Close(by, self.reply, self.outcome, self.generation)


class ReworkBody(Body):
    reason: Reason
    generation: Generation = None

    def command(self, by: str) -> Rework:
        return Rework(by, self.reason, self.generation)


class EscalateBody(Body):
    reason: Reason
    generation: Generation = None

    def command(self, by: str) -> Escalate:
        return Escalate(by, self.reason, self.generation)


Acts = FileBody | DeclineBody | DispatchBody | CloseBody | ReworkBody | EscalateBody
ACTS: dict[str, tuple[type[Acts], str]] = {
    "file": (FileBody, "Take a held case as the city's business; name what the report left out."),
    "decline": (DeclineBody, "Do not take it; the citizen is told `reply`."),
    "dispatch": (DispatchBody, "Give it to `platform`, or to the one that the rules choose."),
    "close": (CloseBody, "It was checked and is done; without `reply` the platform's words are told."),
    "rework": (ReworkBody, "It is not done: the same platform again, with a new clock."),
    "escalate": (EscalateBody, "Press for it."),
}


def routes(door: Door) -> APIRouter:
    """The centre's acts, one route each."""
    api = APIRouter(tags=["centre"])
    for name, (model, summary) in ACTS.items():
        _add(api, door, name, model, summary)
    return api


def _add(api: APIRouter, door: Door, name: str, model: type[Acts], summary: str) -> None:
    async def centre_act(request: Request, case_id: str) -> Response:
        centre = door.keys.admit(request, "centre").name
        key, ask_id = key_of(request), case_id_from(case_id)
        body: Any = await read_body(request, model)
        command: CentreAct = body.command(f"centre:{centre}")
        digest = digest_of(request.url.path, body.model_dump_json())
        return respond((await act_once(door, centre, [Asked(key, digest, Ask(ask_id, command))]))[0])

    api.add_api_route(
        f"/v1/cases/{{case_id}}/{name}", centre_act, methods=["POST"], name=f"{name}_case", summary=summary,
        openapi_extra=documented(model),
    )  # fmt: skip
