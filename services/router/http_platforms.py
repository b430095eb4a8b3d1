"""What platforms do by HTTP: their worklist, and accept, return, handle, one by one or many at once."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis import receipts
from chassis.http.direct import queries
from chassis.http.problems import FieldError, Problem
from chassis.postgres.horizon import look_soon
from services.router import ledger_reads
from services.router.act import Ask, Door
from services.router.case_answer import case_answer
from services.router.closing import SHORTEST_TEXT
from services.router.commands import Accept, Handle, Return
from services.router.http_acts import (
    Asked,
    Body,
    act_once,
    case_id_from,
    digest_of,
    documented,
    key_of,
    path_of,
    read_body,
    respond,
)
from services.router.http_queries import one_of, page_size, position, seconds

LONGEST_WAIT = 30
MOST_AT_ONCE = 100
POLL_SECONDS = 1.0
STATES = ("dispatched", "accepted", "suspended", "handled")
OPEN_WORK = ("dispatched", "accepted", "suspended")
Text = Annotated[str, Field(min_length=SHORTEST_TEXT, max_length=2000)]
Media = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=9)]
Generation = Annotated[int, Field(ge=1, le=1_000_000)]


class AcceptBody(Body):
    generation: Generation


class ReturnBody(Body):
    generation: Generation
    reason: str = Field(pattern=r"^[a-z][a-z_]{1,39}$")
    note: str = Field(default="", max_length=500)


class HandleBody(Body):
    generation: Generation
    text: Text
    media: Media = Field(default_factory=list)


class AcceptItem(AcceptBody):
    case_id: UUID


class HandleItem(HandleBody):
    case_id: UUID


class AcceptList(Body):
    items: list[AcceptItem] = Field(min_length=1, max_length=MOST_AT_ONCE)


class HandleList(Body):
    items: list[HandleItem] = Field(min_length=1, max_length=MOST_AT_ONCE)


Many = TypeVar("Many", AcceptList, HandleList)


def routes(door: Door) -> APIRouter:  # noqa: C901  one function for each call
    """The platforms' calls."""
    api = APIRouter(tags=["platforms"])

    @api.get("/v1/platforms/me/cases", openapi_extra=queries("state", "cursor", "limit", "wait"))
    async def worklist(request: Request) -> Response:
        """Your cases in the order in which they were given to you; waits up to `wait` seconds for the first."""
        platform = door.keys.admit(request, "platform").name
        return await _worklist(door, platform, request)

    @api.post("/v1/cases/{case_id}/accept", openapi_extra=documented(AcceptBody))
    async def accept_case(request: Request, case_id: str) -> Response:
        """You take the case."""
        return await _one(door, request, case_id, AcceptBody, _accept)

    @api.post("/v1/cases/{case_id}/return", openapi_extra=documented(ReturnBody))
    async def return_case(request: Request, case_id: str) -> Response:
        """It is not yours; somebody else is asked."""
        return await _one(door, request, case_id, ReturnBody, _return)

    @api.post("/v1/cases/{case_id}/handle", openapi_extra=documented(HandleBody))
    async def handle_case(request: Request, case_id: str) -> Response:
        """It is done; say what you did and show it."""
        return await _one(door, request, case_id, HandleBody, _handle)

    @api.post("/v1/platforms/me/accept", openapi_extra=documented(AcceptList))
    async def accept_cases(request: Request) -> Response:
        """Accept up to 100 cases; each item has its own answer."""
        return await _many(door, request, AcceptList, _accept)

    @api.post("/v1/platforms/me/handle", openapi_extra=documented(HandleList))
    async def handle_cases(request: Request) -> Response:
        """Handle up to 100 cases; each item has its own answer."""
        return await _many(door, request, HandleList, _handle)

    return api


Make = Callable[[Door, str, Any, str], Accept | Return | Handle]


def _accept(_: Door, platform: str, body: AcceptBody, __: str) -> Accept:
    return Accept(f"platform:{platform}", platform, body.generation)


def _return(_: Door, platform: str, body: ReturnBody, __: str) -> Return:
    return Return(f"platform:{platform}", platform, body.generation, body.reason, body.note)


def _handle(door: Door, platform: str, body: HandleBody, path: str) -> Handle:
    photos = _photos(door, platform, body.media, path)
    return Handle(f"platform:{platform}", platform, body.generation, body.text, tuple(body.media), photos)


async def _one(door: Door, request: Request, case_id: str, model: type[Body], make: Make) -> Response:
    platform = door.keys.admit(request, "platform").name
    key, ask_id = key_of(request), case_id_from(case_id)
    body = await read_body(request, model)
    digest = digest_of(request.url.path, body.model_dump_json())
    ask = Ask(ask_id, make(door, platform, body, ""))
    return respond((await act_once(door, platform, [Asked(key, digest, ask)]))[0])


async def _many(door: Door, request: Request, model: type[Many], make: Make) -> Response:
    platform = door.keys.admit(request, "platform").name
    key = key_of(request)
    items: Sequence[AcceptItem | HandleItem] = (await read_body(request, model)).items
    if len({item.case_id for item in items}) < len(items):
        raise Problem(422, "case_twice", "Each case may stand once in a list.", field="items")
    asked = [
        Asked(
            f"{key}\n{item.case_id}",
            digest_of(request.url.path, item.model_dump_json()),
            Ask(item.case_id, make(door, platform, item, f"items[{n}].")),
        )
        for n, item in enumerate(items)
    ]
    told = await act_once(door, platform, asked)
    answers = [
        {"case_id": str(item.case_id), "status": t.status, "body": orjson.Fragment(t.body)}
        for item, t in zip(items, told, strict=True)
    ]
    return Response(orjson.dumps({"items": answers}), media_type="application/json")


def _photos(door: Door, platform: str, media: list[str], path: str) -> tuple[str, ...]:
    """SHA-256 of each photo; a `Problem` names each receipt that is forged, not the platform's own, or too old."""
    errors, photos = [], []
    for n, media_id in enumerate(media):
        try:
            receipt = receipts.read(door.receipt_key, media_id)
        except receipts.Forged:
            errors.append(FieldError(f"{path}{path_of(['media', n])}", "media_unknown", "This is no photo of ours."))
            continue
        photos.append(receipt.sha256)
        if not receipt.is_held_by(platform):
            errors.append(FieldError(f"{path}media[{n}]", "media_not_yours", "Somebody else sent this photo."))
        elif not timedelta(minutes=-5) <= door.now() - receipt.at <= door.city.receipt_lifetime:
            errors.append(FieldError(f"{path}media[{n}]", "media_too_old", "Send the photo again."))
    if errors:
        raise Problem(422, errors[0].reason, "A photo cannot be cited.", errors=errors)
    return tuple(photos)


async def _worklist(door: Door, platform: str, request: Request) -> Response:
    state = one_of(request, "state", STATES)
    states = (state,) if state else OPEN_WORK
    after, limit = position(request), page_size(request)
    until = asyncio.get_running_loop().time() + seconds(request, "wait", LONGEST_WAIT)

    async def look() -> ledger_reads.Page:
        return await ledger_reads.worklist(door.database, platform, states, after, limit)

    page = await look()
    while not page and not door.waking.ended and (left := until - asyncio.get_running_loop().time()) > 0:
        woken = await door.waking.wait(platform, min(left, POLL_SECONDS))
        page = await (look_soon(look) if woken else look())
    items = [case_answer(case, door.city) for case in page.cases]
    return Response(orjson.dumps({"items": items, "next": page.cursor}), media_type="application/json")
