"""Plain calls take the short way and all others the framework's; a client cannot tell which."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from prometheus_client import REGISTRY
from pydantic import BaseModel
from starlette.middleware.errors import ServerErrorMiddleware

from chassis.http import problems
from chassis.http.direct import Direct, schema_of
from chassis.http.problems import Problem
from chassis.postgres.pool import Unavailable

ERRORS = {"problem": Problem(409, "older_generation", "No."), "away": Unavailable("gone"), "mistake": KeyError("x")}


@pytest.fixture
def framework() -> list[str]:
    """The paths that went through the framework."""
    return []


@pytest.fixture
async def http(framework: list[str]) -> AsyncIterator[httpx.AsyncClient]:  # noqa: C901  one function for each call
    app = FastAPI()
    problems.install(app)

    @app.middleware("http")
    async def seen(request: Request, further: Any) -> Any:
        framework.append(request.url.path)
        return await further(request)

    @app.get("/things")
    async def things(request: Request) -> Response:
        return Response(f"all {request.query_params.get('a', '')}")

    @app.get("/things/{thing}/parts/{part}")
    async def part(request: Request, thing: str, part: str) -> Response:
        return Response(f"{thing}/{part}")

    @app.post("/raise/{what}")
    async def throw(request: Request, what: str) -> Response:
        raise ERRORS[what]

    @app.get("/typed/{number}")
    async def typed(request: Request, number: int) -> Response:
        return Response(str(number + 1))

    @app.get("/asked")
    async def asked(request: Request, after: str = "") -> Response:
        return Response(after)

    transport = httpx.ASGITransport(ServerErrorMiddleware(Direct(app), problems.answered), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://trial") as made:
        yield made


@pytest.mark.parametrize(
    ("path", "text"),
    [("/things", "all "), ("/things?a=%E4%BA%95", "all 井"), ("/things/%E4%BA%95/parts/2", "井/2")],
)
async def test_a_plain_call_goes_around_the_framework(
    http: httpx.AsyncClient, framework: list[str], path: str, text: str
) -> None:
    answer = await http.get(path)

    assert (200, text, []) == (answer.status_code, answer.text, framework)


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/typed/4", 200, "5"),
        ("GET", "/typed/x", 422, None),
        ("GET", "/asked?after=7", 200, "7"),
        ("GET", "/nothing", 404, None),
        ("POST", "/things", 405, None),
        ("GET", "/things/1/parts/2/3", 404, None),
    ],
)
async def test_every_other_call_goes_through_it(
    http: httpx.AsyncClient, framework: list[str], method: str, path: str, status: int, text: str | None
) -> None:
    answer = await http.request(method, path)

    assert (status, [path.partition("?")[0]]) == (answer.status_code, framework)
    assert answer.text == text if text is not None else answer.json()["status"] == status


@pytest.mark.parametrize(("what", "status"), [("problem", 409), ("away", 503), ("mistake", 500)])
async def test_what_a_plain_call_raises_is_answered_and_counted(
    http: httpx.AsyncClient, framework: list[str], what: str, status: int
) -> None:
    labels = {"method": "POST", "route": "/raise/{what}", "status": str(status)}
    before = REGISTRY.get_sample_value("http_requests_total", labels) or 0
    answer = await http.post(f"/raise/{what}")

    assert (status, "application/problem+json", []) == (answer.status_code, answer.headers["content-type"], framework)
    assert before + 1 == REGISTRY.get_sample_value("http_requests_total", labels)


class Part(BaseModel):
    """A part."""

    size: int


class Whole(BaseModel):
    """A body with parts in it."""

    first: Part
    others: list[Part] = []


def test_the_schema_of_a_body_has_its_parts_in_their_place() -> None:
    part = {"description": "A part.", "properties": {"size": {"title": "Size", "type": "integer"}},
            "required": ["size"], "title": "Part", "type": "object"}  # fmt: skip
    schema = schema_of(Whole)

    assert "$defs" not in schema
    assert (part, part) == (schema["properties"]["first"], schema["properties"]["others"]["items"])
