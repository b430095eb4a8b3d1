"""One act or many by HTTP: read the body, make the commands, act once, answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.http.problems import Problem
from services.router.act import Ask, Door
from services.router.commands import Command
from services.router.http_acts import Asked, act_once, case_id_from, digest_of, key_of, respond, seen_of
from services.router.http_bodies import MOST_AT_ONCE, Body, as_json, documented, read_body
from services.router.ledger_answers import Told

Make = Callable[[Door, str, Any, str], Command]
"""Door, client, body, and the path of the body's fields in the whole (`items[3].`), to the command."""
Finish = Callable[[Door, str, Asked], Awaitable[Told]]
I = TypeVar("I", bound=Body)  # noqa: E741


class Many(Body, Generic[I]):
    """A list of acts of one kind, each on a case of its own (`case_id`)."""

    items: list[I] = Field(min_length=1, max_length=MOST_AT_ONCE)


async def alone(door: Door, client: str, asked: Asked) -> Told:
    """The answer to an act on one case."""
    return (await act_once(door, client, [asked]))[0]


def add_act(
    api: APIRouter, door: Door, kind: str, name: str, model: type[Body], make: Make, summary: str,
    finish: Finish = alone,
) -> None:  # fmt: skip
    """Adds `POST /v1/cases/{case_id}/<name>` for clients of `kind`; `finish` acts and answers."""

    async def act_on_case(request: Request, case_id: str) -> Response:
        client = door.keys.admit(request, kind).name
        key, ask_id = key_of(request), case_id_from(case_id)
        body = await read_body(request, model)
        seen = seen_of(request, getattr(body, "generation", None))
        digest = digest_of(request.url.path, body.model_dump_json(), str(seen))
        asked = Asked(key, digest, Ask(ask_id, make(door, client, body, ""), seen))
        return respond(await finish(door, client, asked))

    api.add_api_route(
        f"/v1/cases/{{case_id}}/{name}", act_on_case, methods=["POST"], name=f"{name}_case", summary=summary,
        openapi_extra=documented(model),
    )  # fmt: skip


async def many(door: Door, request: Request, kind: str, model: type[Many[I]], make: Make) -> Response:
    """200 with each item's own status and answer, in order; half of them may be refused."""
    client = door.keys.admit(request, kind).name
    key = key_of(request)
    items: Sequence[Any] = (await read_body(request, model)).items
    case_ids: list[UUID] = [item.case_id for item in items]
    if len(set(case_ids)) < len(items):
        raise Problem(422, "case_twice", "Each case may stand once in a list.", field="items")
    asked = [
        Asked(
            f"{key}\n{item.case_id}",
            digest_of(request.url.path, item.model_dump_json()),
            Ask(item.case_id, make(door, client, item, f"items[{n}].")),
        )
        for n, item in enumerate(items)
    ]
    told = await act_once(door, client, asked)
    answers = [
        {"case_id": str(case_id), "status": t.status, "body": orjson.Fragment(t.body)}
        for case_id, t in zip(case_ids, told, strict=True)
    ]
    return as_json({"items": answers})
