"""Bodies of acts: strict, without control characters, every unfit field named; and their OpenAPI page; and answers."""

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chassis.http.bodies import barred_characters, read_json
from chassis.http.openapi import schema_of
from chassis.http.problems import FieldError, Problem, path_of

MOST_BYTES = 256 * 1024
MOST_AT_ONCE = 100
_REASONS = {"missing": "missing", "extra_forbidden": "unknown_field", "string_too_short": "too_short"}
_REASONS |= {"string_too_long": "too_long", "too_long": "too_many", "too_short": "too_few"}


Code = Annotated[str, Field(pattern=r"^[a-z][a-z_]{1,39}$")]
"""A reason of the city pack, as far as its form goes."""
Words = Annotated[str, Field(min_length=2, max_length=500)]


class Body(BaseModel):
    """The strict body of an act: no unknown fields, no text that looks like something else."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


B = TypeVar("B", bound=Body)


def documented(model: type[Body], summary: str = "") -> dict[str, Any]:
    """What the OpenAPI page says about an act's body and its key."""
    body = {"required": True, "content": {"application/json": {"schema": schema_of(model)}}}
    key = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string", "maxLength": 255}}
    match = {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "description": "The ETag that you saw."}
    return {"requestBody": body, "parameters": [key, match]} | ({"summary": summary} if summary else {})


async def read_body(request: Request, model: type[B]) -> B:
    """The body as `model`, or a `Problem` that names every unfit field and why."""
    return fit(await read_said(request), model)


async def read_said(request: Request) -> Any:
    """The JSON value of an act's body. `Problem`: as `read_json`."""
    return await read_json(request, MOST_BYTES)


def fit(value: Any, model: type[B]) -> B:
    """A JSON value as `model`, or a `Problem` that names every unfit field and why."""
    try:
        body = model.model_validate_json(orjson.dumps(value))
    except ValidationError as why:
        errors = [
            FieldError(path_of(e["loc"]), _REASONS.get(e["type"], "unfit"), e["msg"])
            for e in why.errors(include_url=False, include_input=False)
        ]
        raise Problem(422, "unfit_body", "The body does not fit.", errors=errors) from why
    path: list[int | str] = []
    if any(barred_characters(text) for text in _texts(value, path)):
        raise Problem(422, "control_characters", "Control and direction characters are refused.", field=path_of(path))
    return body


def as_json(body: object) -> Response:
    """An answer that is told once and not kept."""
    return Response(orjson.dumps(body), media_type="application/json")


def _texts(value: Any, path: list[int | str]) -> Iterator[str]:
    """Every text in a JSON value, in order; `path` is where the latest stands."""
    if isinstance(value, str):
        yield value
    inside: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inside:
        path.append(step)
        yield from _texts(part, path)
        path.pop()
