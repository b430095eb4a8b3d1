"""Calls that need nothing of the framework but its documentation are answered without it.

The framework's layers around a call (middleware, two routers, dependencies, exit stacks) cost more than a quarter of a
busy call's time. A call whose arguments are the request and parts of the path is therefore found here, with the same
answers, problems and metrics; every other one, and every path or method that is not known, goes through the framework.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator
from re import Pattern
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from chassis.http import metrics, problems

Call = Callable[..., Awaitable[Response]]


def queries(*names: str) -> dict[str, Any]:
    """What the OpenAPI page says about the query of a plain call, which reads it by itself."""
    return {"parameters": [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a body with everything in its place: the page cannot follow references into its middle."""
    schema = model.model_json_schema()
    parts: dict[str, Any] = schema.pop("$defs", {})

    def placed(value: Any) -> Any:
        if isinstance(value, list):
            return [placed(one) for one in value]
        if not isinstance(value, dict):
            return value
        rest = {key: placed(one) for key, one in value.items() if key != "$ref"}
        named = str(value.get("$ref", "")).removeprefix("#/$defs/")
        return {**placed(parts[named]), **rest} if named else rest

    found: dict[str, Any] = placed(schema)
    return found


class Direct:
    """The application with a short way to its plain calls. Make it when every route has been added."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._exact: dict[tuple[str, str], tuple[Call, str]] = {}
        self._patterns: dict[str, list[tuple[Pattern[str], Call, str]]] = {}
        for method, route in _plain(app):
            if route.param_convertors:
                self._patterns.setdefault(method, []).append((route.path_regex, route.endpoint, route.path))
            else:
                self._exact[method, route.path] = route.endpoint, route.path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        call, path, arguments = found
        status = 500  # for what was not foreseen, which travels up to the last resort around the whole application
        try:
            response = await call(Request(scope, receive), **arguments)
            status = response.status_code
        except problems.FORESEEN as why:
            response = problems.answer_to(why, scope["path"])
            status = response.status_code
        finally:
            metrics.REQUESTS.labels(scope["method"], path, str(status)).inc()
        await response(scope, receive, send)

    def _find(self, method: str, path: str) -> tuple[Call, str, dict[str, str]] | None:
        if exact := self._exact.get((method, path)):
            return *exact, {}
        for pattern, call, name in self._patterns.get(method, ()):
            if match := pattern.match(path):
                return call, name, match.groupdict()
        return None


def _plain(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    for route in app.routes:
        if isinstance(route, APIRoute) and not route.dependencies and _takes_the_request_alone(route):
            yield from ((method, route) for method in route.methods or ())


def _takes_the_request_alone(route: APIRoute) -> bool:
    """Whether the arguments are the request and, as texts, parts of the path, and the answer is a response as it is."""
    parameters: dict[str, Any] = {p.name: p.annotation for p in inspect.signature(route.endpoint).parameters.values()}
    expected = {"request": Request, **dict.fromkeys(route.param_convertors, str)}
    return parameters == expected and inspect.signature(route.endpoint).return_annotation is Response
