"""What platforms do by HTTP: accept, return, ask for time, handle; accept and handle many at once."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BeforeValidator, Field

from services.router.act import Door
from services.router.closing import MAX_PHOTOS, MAX_TEXT, SHORTEST_TEXT
from services.router.commands import Accept, Extend, Handle, Return, Suspend
from services.router.http_bodies import Body, Code, FreeText, Words, documented
from services.router.http_once import Make, Many, add_act, many
from services.router.http_photos import cited


def _written_out(value: Any) -> Any:
    """A date and time as people write it; a number, even one in quotes, would be taken for seconds since 1970."""
    if not isinstance(value, str) or "-" not in value[1:]:
        raise ValueError("A date and time with offset, like 2026-11-24T08:30:00+08:00.")
    return value


Text = Annotated[str, Field(min_length=SHORTEST_TEXT, max_length=MAX_TEXT), FreeText()]
Media = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=MAX_PHOTOS)]
Generation = Annotated[int, Field(ge=1, le=1_000_000)]
Until = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written_out)]


class AcceptBody(Body):
    generation: Generation


class ReturnBody(Body):
    generation: Generation
    reason: Code
    note: Words


class ExtendBody(ReturnBody):
    """As of a return."""


class SuspendBody(Body):
    generation: Generation
    reason: Code
    note: Words
    until: Until


class HandleBody(Body):
    generation: Generation
    text: Text
    media: Media = Field(default_factory=list)


class AcceptItem(AcceptBody):
    case_id: UUID


class HandleItem(HandleBody):
    case_id: UUID


def _accept(_: Door, platform: str, body: AcceptBody, __: str) -> Accept:
    return Accept(f"platform:{platform}", platform, body.generation)


def _return(_: Door, platform: str, body: ReturnBody, __: str) -> Return:
    return Return(f"platform:{platform}", platform, body.generation, body.reason, body.note)


def _extend(_: Door, platform: str, body: ExtendBody, __: str) -> Extend:
    return Extend(f"platform:{platform}", platform, body.generation, body.reason, body.note)


def _suspend(_: Door, platform: str, body: SuspendBody, __: str) -> Suspend:
    return Suspend(f"platform:{platform}", platform, body.generation, body.reason, body.note, body.until)


def _handle(door: Door, platform: str, body: HandleBody, path: str) -> Handle:
    receipts = cited(door, platform, body.media, path)
    photos = tuple(receipt.sha256 for receipt in receipts)
    points = tuple(receipt.point for receipt in receipts if receipt.point is not None)
    return Handle(f"platform:{platform}", platform, body.generation, body.text, tuple(body.media), photos, points)


ACTS: dict[str, tuple[type[Body], Make, str]] = {
    "accept": (AcceptBody, _accept, "You take the case."),
    "return": (ReturnBody, _return, "It is not yours; say why. Somebody else is asked, or the centre decides."),
    "extend": (ExtendBody, _extend, "You need one original limit more; the centre decides."),
    "suspend": (SuspendBody, _suspend, "It cannot be done before `until`; the centre decides."),
    "handle": (HandleBody, _handle, "It is done; say what you did and show it."),
}


def routes(door: Door) -> APIRouter:
    """The platforms' acts, one route each, and the two lists."""
    api = APIRouter(tags=["platforms"])
    for name, (model, make, summary) in ACTS.items():
        add_act(api, door, "platform", name, model, make, summary)

    @api.post("/v1/platforms/me/accept", openapi_extra=documented(Many[AcceptItem]))
    async def accept_cases(request: Request) -> Response:
        """Accept up to 100 cases; each item has its own answer."""
        return await many(door, request, "platform", Many[AcceptItem], AcceptItem, _accept)

    @api.post("/v1/platforms/me/handle", openapi_extra=documented(Many[HandleItem]))
    async def handle_cases(request: Request) -> Response:
        """Handle up to 100 cases; each item has its own answer."""
        return await many(door, request, "platform", Many[HandleItem], HandleItem, _handle)

    return api
