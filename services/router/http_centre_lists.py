"""What the centre does with many cases at once by HTTP: up to 100, each with its own answer."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.router.act import Door
from services.router.http_bodies import Body, documented
from services.router.http_centre import (
    ACTS,
    ApproveBody,
    CloseBody,
    DeclineBody,
    FileBody,
    RefuseBody,
    ReworkBody,
    command_of,
)
from services.router.http_once import Many, many

Seen = Annotated[int, Field(ge=0, le=1_000_000)]
Seq = Annotated[int | None, Field(ge=1, le=999_999_999, exclude=True)]
"""As the ETag in If-Match: only if that is still the number of the case's last event."""


class FileItem(FileBody):
    case_id: UUID
    generation: Seen
    seq: Seq = None


class DeclineItem(DeclineBody):
    case_id: UUID
    generation: Seen
    seq: Seq = None


class ApproveItem(ApproveBody):
    case_id: UUID
    generation: Seen
    seq: Seq = None


class RefuseItem(RefuseBody):
    case_id: UUID
    generation: Seen
    seq: Seq = None


class CloseItem(CloseBody):
    case_id: UUID
    generation: Seen
    seq: Seq = None


class ReworkItem(ReworkBody):
    case_id: UUID
    generation: Seen
    seq: Seq = None


LISTS: dict[str, tuple[type[Many[Any]], type[Body]]] = {
    "file": (Many[FileItem], FileItem),
    "decline": (Many[DeclineItem], DeclineItem),
    "approve": (Many[ApproveItem], ApproveItem),
    "refuse": (Many[RefuseItem], RefuseItem),
    "close": (Many[CloseItem], CloseItem),
    "rework": (Many[ReworkItem], ReworkItem),
}


def routes(door: Door) -> APIRouter:
    """One list for each of these acts."""
    api = APIRouter(tags=["centre"])
    for name, (model, item) in LISTS.items():
        _add(api, door, name, model, item)
    return api


def _add(api: APIRouter, door: Door, name: str, model: type[Many[Any]], item: type[Body]) -> None:
    async def act_on_cases(request: Request) -> Response:
        return await many(door, request, "centre", model, item, command_of)

    summary = f"Up to 100 cases, each with its own answer. {ACTS[name][1]}"
    api.add_api_route(
        f"/v1/review/{name}",
        act_on_cases,
        methods=["POST"],
        name=f"{name}_cases",
        openapi_extra=documented(model, summary),
    )
