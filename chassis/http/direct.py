"""How calls are answered: a short way around the framework, and what holds for every answer whatever it says.

The framework's layers around a call (middleware, two routers, dependencies, exit stacks) cost more than a quarter of a
busy call's time. A call whose arguments are the request and parts of the path is therefore found and answered here. For
it, unknown parameters of the query are refused, HEAD is answered like GET without the body, and an unforeseen error is
answered on a connection that stays usable. Every other path goes through the framework.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from re import Pattern
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Scope, Send

from chassis.http import metrics, problems, queries
from chassis.http.budget import BUDGET
from chassis.http.problems import Problem

Call = Callable[..., Awaitable[Response]]
_NOSNIFF, _NO_STORE = (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class _Method:
    """What answers one method of a path; `known`: the parameters it declares, None if any may be sent."""

    call: Call
    known: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class _Path:
    """A path as it was declared, and its methods."""

    name: str
    pattern: Pattern[str]
    methods: dict[str, _Method] = field(default_factory=dict)

    @property
    def allow(self) -> str:
        head = {"HEAD"} if "GET" in self.methods else set()
        return ", ".join(sorted({*self.methods, *head, "OPTIONS"}))


class Direct:
    """The application as it is served. Make it when every route has been added."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        paths: dict[str, _Path] = {}
        for method, route in plain_calls(app):
            path = paths.setdefault(route.path, _Path(route.path, route.path_regex))
            known = queries.declared(route.openapi_extra) if route.include_in_schema else None
            path.methods[method] = _Method(route.endpoint, known)
        self._exact = {path.name: path for path in paths.values() if "{" not in path.name}
        self._patterns = [path for path in paths.values() if "{" in path.name]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, _guarding(send))
            return
        path, arguments = found
        response = await self._answer(path, arguments, scope, receive)
        metrics.REQUESTS.labels(scope["method"], path.name, str(response.status_code)).inc()
        _guard(response.raw_headers)
        if scope["method"] == "HEAD":  # a stream, too, has a head alone
            await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
            await send({"type": "http.response.body"})
        else:
            await response(scope, receive, send)

    async def _answer(self, path: _Path, arguments: dict[str, str], scope: Scope, receive: Receive) -> Response:
        try:
            method = _method(path, scope)
            if method is None:
                return Response(status_code=204, headers={"Allow": path.allow})
            if method.known is not None:
                queries.admit(scope, method.known)
            return await method.call(Request(scope, receive), **arguments)
        except Exception as why:  # the last resort: logged there, and told as 500
            return problems.answer_to(why, scope["path"])
        finally:
            BUDGET.release(scope)

    def _find(self, path: str) -> tuple[_Path, dict[str, str]] | None:
        if exact := self._exact.get(path):
            return exact, {}
        for one in self._patterns:
            if match := one.pattern.match(path):
                return one, match.groupdict()
        return None


def _method(path: _Path, scope: Scope) -> _Method | None:
    """What answers, None for OPTIONS. `Problem` 405 method_not_allowed."""
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    if method not in path.methods and method != "OPTIONS":
        raise Problem(405, "method_not_allowed", f"This path takes {path.allow}.", headers={"Allow": path.allow})
    return path.methods.get(method)


def plain_calls(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    """The calls that are answered here, one for each of their methods."""
    for route in app.routes:
        if isinstance(route, APIRoute) and not route.dependencies and _takes_the_request_alone(route):
            yield from ((method, route) for method in route.methods or ())


def _takes_the_request_alone(route: APIRoute) -> bool:
    """Whether the arguments are the request and, as texts, parts of the path, and the answer is a response as it is."""
    parameters: dict[str, Any] = {p.name: p.annotation for p in inspect.signature(route.endpoint).parameters.values()}
    expected = {"request": Request, **dict.fromkeys(route.param_convertors, str)}
    return parameters == expected and inspect.signature(route.endpoint).return_annotation is Response


def _guard(headers: list[tuple[bytes, bytes]]) -> None:
    """Says that the type is as told, and that an answer is nobody else's unless the call said how it may be kept."""
    names = {name for name, _ in headers}
    headers += [header for header in (_NOSNIFF, _NO_STORE) if header[0] not in names]


def _guarding(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = headers = list(message.get("headers", ()))
            _guard(headers)
        await send(message)

    return guarded
