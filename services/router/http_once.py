"""One act or many by HTTP: read the body, make the commands, act once, answer.

The idempotency key goes before every rule: a request that was answered once is answered the same, although by now its
photos may be too old, its body unfit for a newer version, or its pack another one.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from chassis.http.problems import FieldError, Problem
from services.router.act import Ask, Door
from services.router.commands import Command
from services.router.http_acts import Asked, act_once, case_id_from, respond, seen_of
from services.router.http_bodies import MOST_AT_ONCE, Body, as_json, documented, fit, masked, read_said
from services.router.http_keys import Keyed, key_of, told_before
from services.router.ledger_answers import Told
from services.router.request_digests import Digests, digests_of, forms_of

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
        key, asked_id = key_of(request), case_id_from(case_id)
        said = await read_said(request)
        keyed = Keyed(key, _digests(door, request, f"{name} {asked_id}", said, model))
        try:
            body = fit(said, model)
            seen = seen_of(request, getattr(body, "generation", None))
            ask = Ask(asked_id, make(door, client, masked(body, door.city.public_numbers), ""), seen)
        except Problem:
            if not (told := await told_before(door, client, [keyed])):
                raise
            return respond(told[0])
        return respond(await finish(door, client, Asked(keyed, ask)))

    api.add_api_route(
        f"/v1/cases/{{case_id}}/{name}", act_on_case, methods=["POST"], name=f"{name}_case", summary=summary,
        openapi_extra=documented(model),
    )  # fmt: skip


async def many(door: Door, request: Request, kind: str, model: type[Many[I]], item: type[I], make: Make) -> Response:
    """200 with each item's own status and answer, in order; half of them may be refused."""
    client = door.keys.admit(request, kind).name
    key, path = key_of(request), request.url.path
    said = await read_said(request)
    items = said.get("items") if isinstance(said, dict) else None
    alone = isinstance(said, dict) and set(said) == {"items"}
    whole = Keyed(key, digests_of(door.receipt_key, path, items if alone else said, "", ()))
    parts = items[: MOST_AT_ONCE + 1] if isinstance(items, list) else []
    keyed = [_keyed(door, path, key, part, item) for part in parts]
    try:
        asks = _asks(door, client, fit(said, model).items, make)
    except Problem:
        if not (told := await told_before(door, client, keyed, whole)):
            raise
        return _each(parts, told)
    asked = [Asked(k, ask) for k, ask in zip(keyed, asks, strict=True)]
    return _each(parts, await act_once(door, client, asked, whole))


def _asks(door: Door, client: str, items: Sequence[Any], make: Make) -> list[Ask]:
    """One for each item, or a `Problem` that names what is wrong with every one of them."""
    errors: list[FieldError] = []
    asks: list[Ask] = []
    met: set[UUID] = set()
    for n, item in enumerate(items):
        if item.case_id in met:
            detail = "Each case may be in the list once."
            errors.append(FieldError(f"items[{n}].case_id", "case_twice", detail))
        met.add(item.case_id)
        try:
            command = make(door, client, masked(item, door.city.public_numbers), f"items[{n}].")
            asks.append(Ask(item.case_id, command, getattr(item, "seq", None)))
        except Problem as why:
            errors += why.errors
    if errors:
        raise Problem(422, errors[0].reason, "Nothing was done: see `errors` for the items.", errors=errors)
    return asks


def _each(parts: Sequence[Any], told: Sequence[Told]) -> Response:
    answers = [
        {"case_id": _case_id(part), "status": t.status, "body": orjson.Fragment(t.body)}
        for part, t in zip(parts, told, strict=True)
    ]
    return as_json({"items": answers})


def _keyed(door: Door, path: str, key: str, part: Any, model: type[Body]) -> Keyed:
    seq = [str(part["seq"])] if isinstance(part, dict) and part.get("seq") is not None else []
    before = [(path, form, *seq) for form in forms_of(part, model)]
    return Keyed(f"{key}\n{_case_id(part)}", digests_of(door.receipt_key, path, part, "", before))


def _case_id(part: Any) -> str:
    """The item's case as it is always written; nothing for an unfit item, which no key was ever stored for."""
    try:
        return str(UUID(str(part.get("case_id")))) if isinstance(part, dict) else ""
    except ValueError:  # it may hold NUL, which PostgreSQL does not take
        return ""


def _digests(door: Door, request: Request, act: str, said: Any, model: type[Body]) -> Digests:
    seen = request.headers.get("if-match", "").strip()
    before = [(request.url.path, form, seen.strip('"') or "None") for form in forms_of(said, model)]
    return digests_of(door.receipt_key, act, said, seen, before)
