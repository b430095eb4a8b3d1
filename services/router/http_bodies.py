"""Bodies of acts: strict, without what cannot be seen, every unfit field named; and their OpenAPI page; and answers."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from chassis.http.bodies import read_json
from chassis.http.openapi import schema_of
from chassis.http.problems import FieldError, Problem, path_of
from chassis.personal import mask
from chassis.plain_text import cleaned_values, visible_length

MOST_BYTES = 256 * 1024
MOST_AT_ONCE = 100
_REASONS = {"missing": "missing", "extra_forbidden": "unknown_field", "string_too_short": "too_short"}
_REASONS |= {"string_too_long": "too_long", "too_long": "too_many", "too_short": "too_few"}


Code = Annotated[str, Field(pattern=r"^[a-z][a-z_]{1,39}$")]
"""A reason of the city pack, as far as its form goes."""
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class FreeText:
    """Marks a field in which people write what they like, so that personal numbers in it are blacked out."""


def _says_something(text: str) -> str:
    """For the validator of a text that must not be empty: blanks and marks alone say nothing."""
    if visible_length(text) < SHORTEST:
        raise PydanticCustomError("string_too_short", "Say it in at least two characters that can be seen.")
    return text


Words = Annotated[str, Field(min_length=SHORTEST, max_length=500), FreeText(), AfterValidator(_says_something)]
Reply = Annotated[str, Field(max_length=2000), FreeText(), AfterValidator(lambda text: text if text.strip() else "")]
"""What citizens are told, if anything is said at all."""


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


async def read_said(request: Request) -> Any:
    """The JSON value of an act's body. `Problem`: as `read_json`."""
    return await read_json(request, MOST_BYTES)


def fit(value: Any, model: type[B]) -> B:
    """A JSON value as `model`, or a `Problem` that names every unfit field and why.

    What cannot be seen is removed first.
    """
    try:
        body = model.model_validate_json(orjson.dumps(cleaned_values(value)))
    except ValidationError as why:
        errors = [
            FieldError(path_of(e["loc"]), _REASONS.get(e["type"], "unfit"), e["msg"])
            for e in why.errors(include_url=False, include_input=False)
        ]
        raise Problem(422, "unfit_body", "Some fields do not fit: `errors` names them.", errors=errors) from why
    return body


def masked(body: B, public: Collection[str]) -> B:
    """The body as it may be kept and shown: personal numbers in its free texts are blacked out, but for `public` ones.

    Bodies inside the body are masked as well. The digest of a request is made before: two bodies that differ only in
    what is blacked out are two bodies.
    """
    changed: dict[str, Any] = {}
    for name, value in body:
        if isinstance(value, Body):
            changed[name] = masked(value, public)
        elif value and any(isinstance(mark, FreeText) for mark in type(body).model_fields[name].metadata):
            changed[name] = mask(value, public)[0]
    return body.model_copy(update=changed)


def as_json(body: object) -> Response:
    """An answer that is told once and not kept."""
    return Response(orjson.dumps(body), media_type="application/json")
