"""Queries: a parameter is declared once, and its declaration reads it, checks it and documents it.

A query is UTF-8 in percent-encoding. Parameters that a call does not declare are refused, and so is one that is sent
twice.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_to_bytes
from uuid import UUID

from starlette.requests import Request
from starlette.types import Scope

from chassis.http.problems import Problem

T = TypeVar("T")
DOCUMENTED = "parameters"
_READ = "suishoupai.query"
_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Parameter(Generic[T]):
    """One parameter: its name, JSON Schema, how its text is read (`Problem` if it does not fit), and what holds if it
    is absent. A `required` one is read as the empty text then."""

    name: str
    schema: Mapping[str, Any]
    read: Callable[[str], T]
    absent: T
    required: bool = False

    def of(self, request: Request) -> T:
        """The parameter's value in this request."""
        text = request.scope[_READ].get(self.name, "" if self.required else None)
        return self.absent if text is None else self.read(text)


def queries(*parameters: Parameter[Any]) -> dict[str, Any]:
    """`openapi_extra` of a call that has these parameters: what its page says, and what `admit` lets pass."""
    return {
        DOCUMENTED: [{"name": p.name, "in": "query", "required": p.required, "schema": p.schema} for p in parameters]
    }


def declared(documented: Mapping[str, Any] | None) -> frozenset[str]:
    """The names of the parameters in a call's `openapi_extra`."""
    return frozenset(p["name"] for p in (documented or {}).get(DOCUMENTED, ()) if p["in"] == "query")


def admit(scope: Scope, known: Collection[str]) -> None:
    """Reads the query for `Parameter.of`. `Problem` 400: query_unknown, query_repeated, query_encoding."""
    scope[_READ] = found = {}
    for piece in scope["query_string"].split(b"&") if scope["query_string"] else ():
        name, _, value = map(_decoded, piece.partition(b"="))
        if name in found:
            raise Problem(
                400, "query_repeated", "Send each parameter once; several values stand between commas.", field=name
            )
        if name in known:
            found[name] = value
        elif piece:
            told = f"The parameters are: {', '.join(sorted(known))}." if known else "This call has no parameters."
            raise Problem(400, "query_unknown", told, field=name or "query")


def _decoded(part: bytes) -> str:
    try:
        if not _NO_ESCAPE.search(part):
            return unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise Problem(400, "query_encoding", "Send UTF-8 in percent-encoding.", field="query")


def number(name: str, least: int, most: int, absent: int, status: int = 422, reason: str = "") -> Parameter[int]:
    """A whole number within bounds. `Problem` <name>_unfit."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise Problem(status, reason or f"{name}_unfit", f"A whole number from {least} to {most}.", field=name)
        return int(text)

    schema = {"type": "integer", "minimum": least, "maximum": most, "default": absent}
    return Parameter(name, schema, read, absent)


def one_of(name: str, words: Collection[str], status: int = 422, reason: str = "") -> Parameter[str | None]:
    """One of `words`, None if absent. `Problem` <name>_unknown."""

    def read(text: str) -> str:
        if text not in words:
            raise Problem(status, reason or f"{name}_unknown", f"One of: {', '.join(words)}.", field=name)
        return text

    return Parameter(name, {"type": "string", "enum": list(words)}, read, None)


def some_of(
    name: str, words: Collection[str], absent: Sequence[str] = (), status: int = 422, reason: str = ""
) -> Parameter[Sequence[str]]:
    """Some of `words` between commas, each once; `absent` if absent. `Problem` <name>_unknown."""

    def read(text: str) -> Sequence[str]:
        found = tuple(dict.fromkeys(text.split(",")))
        if any(word not in words for word in found):
            told = f"Some of, between commas: {', '.join(words)}."
            raise Problem(status, reason or f"{name}_unknown", told, field=name)
        return found

    schema = {"type": "string", "description": f"Some of, between commas: {', '.join(words)}."}
    return Parameter(name, schema, read, absent)


def text_like(name: str, pattern: str, told: str, status: int = 422) -> Parameter[str | None]:
    """A text that `pattern` matches as a whole, None if absent. `Problem` <name>_unfit says `told`."""
    whole = re.compile(pattern, re.ASCII)

    def read(text: str) -> str:
        if not whole.fullmatch(text):
            raise Problem(status, f"{name}_unfit", told, field=name)
        return text

    return Parameter(name, {"type": "string", "pattern": f"^{pattern}$"}, read, None)


def uuid(name: str, status: int = 422) -> Parameter[UUID | None]:
    """A UUID, None if absent. `Problem` <name>_unfit."""

    def read(text: str) -> UUID:
        try:
            return UUID(text)
        except ValueError as why:
            raise Problem(status, f"{name}_unfit", f"A {name} is a UUID.", field=name) from why

    return Parameter(name, {"type": "string", "format": "uuid"}, read, None)
