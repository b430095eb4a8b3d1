"""How calls are answered: plain ones take the short way, all others the framework's; a client cannot tell which."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY
from pydantic import BaseModel

from chassis.http import problems
from chassis.http.direct import Direct
from chassis.http.openapi import schema_of
from chassis.http.problems import Problem
from chassis.http.queries import number, one_of, queries, some_of, text_like
from chassis.postgres.pool import Unavailable

ERRORS = {"problem": Problem(409, "older_generation", "No."), "away": Unavailable("gone"), "mistake": KeyError("x")}
COLOUR, SHAPES, COUNT = one_of("colour", ("red", "blue")), some_of("shape", ("round", "flat")), number("count", 1, 9, 3)
LIKE = text_like("like", "[a-z]{1,3}", "One to three letters.")


@pytest.fixture
def framework() -> list[str]:
    """The paths that went through the framework."""
    return []


@pytest.fixture
async def http(framework: list[str]) -> AsyncIterator[httpx.AsyncClient]:  # noqa: C901  one function for each call
    app = FastAPI(redirect_slashes=False)
    problems.install(app)

    @app.middleware("http")
    async def seen(request: Request, further: Any) -> Any:
        framework.append(request.url.path)
        return await further(request)

    @app.get("/things", openapi_extra=queries(COLOUR, SHAPES, COUNT, LIKE))
    async def things(request: Request) -> Response:
        said = [COLOUR.of(request), *SHAPES.of(request), COUNT.of(request), LIKE.of(request)]
        return Response(" ".join(map(str, said)))

    @app.get("/things/{thing}/parts/{part}")
    async def part(request: Request, thing: str, part: str) -> Response:
        return Response(f"{thing}/{part}", headers={"Cache-Control": "private, max-age=300"})

    @app.get("/stream")
    async def stream(request: Request) -> Response:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"on and on"

        return StreamingResponse(endless())

    @app.post("/raise/{what}")
    async def throw(request: Request, what: str) -> Response:
        raise ERRORS[what]

    @app.get("/typed/{number}")
    async def typed(request: Request, number: int) -> Response:
        return Response(str(number + 1))

    @app.get("/health", include_in_schema=False)
    async def health(request: Request) -> Response:
        return Response("well")

    transport = httpx.ASGITransport(Direct(app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://trial") as made:
        yield made


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/things", "None 3 None"),
        ("/things?colour=red&shape=flat,round,flat&count=7&like=%61bc", "red flat round 7 abc"),
        ("/things?&&colour=blue&", "blue 3 None"),
        ("/things/%E4%BA%95/parts/2", "井/2"),
        ("/health?verbose=1", "well"),
    ],
)
async def test_a_plain_call_goes_around_the_framework(
    http: httpx.AsyncClient, framework: list[str], path: str, text: str
) -> None:
    answer = await http.get(path)

    assert (200, text, []) == (answer.status_code, answer.text, framework)


@pytest.mark.parametrize(
    ("path", "status", "reason", "field"),
    [
        ("/things?light=red", 400, "query_unknown", "light"),
        ("/things?Colour=red", 400, "query_unknown", "Colour"),
        ("/things/1/parts/2?colour=red", 400, "query_unknown", "colour"),
        ("/things?colour=red&colour=red", 400, "query_repeated", "colour"),
        ("/things?%63olour=red&colour=blue", 400, "query_repeated", "colour"),
        ("/things?colour=%zz", 400, "query_encoding", "query"),
        ("/things?colour=red%", 400, "query_encoding", "query"),
        ("/things?colour=%ff", 400, "query_encoding", "query"),
        ("/things?colour=%ed%a0%bd", 400, "query_encoding", "query"),
        ("/things?=1", 400, "query_unknown", "query"),
        ("/things?colour", 422, "colour_unknown", "colour"),
        ("/things?colour=green", 422, "colour_unknown", "colour"),
        ("/things?shape=flat,", 422, "shape_unknown", "shape"),
        ("/things?count=0", 422, "count_unfit", "count"),
        ("/things?count=" + "9" * 5000, 422, "count_unfit", "count"),
        ("/things?count=%D9%A3", 422, "count_unfit", "count"),
        ("/things?count=%C2%B2", 422, "count_unfit", "count"),
        ("/things?count=1e1", 422, "count_unfit", "count"),
        ("/things?colour=red%00", 422, "colour_unknown", "colour"),
        ("/things?count=1%00", 422, "count_unfit", "count"),
        ("/things?%00=1", 400, "query_unknown", "\x00"),
        ("/things?like=abcd", 422, "like_unfit", "like"),
    ],
)
async def test_what_a_query_or_path_should_not_have_is_named(
    http: httpx.AsyncClient, path: str, status: int, reason: str, field: str
) -> None:
    answer = await http.get(path)

    assert (status, reason, [field]) == (
        answer.status_code, answer.json()["reason"], [error["field"] for error in answer.json()["errors"]]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/typed/4", 200, "5"),
        ("GET", "/typed/x", 422, None),
        ("GET", "/nothing", 404, None),
        ("GET", "/things/", 404, None),
        ("GET", "/things/1/parts/2/3", 404, None),
    ],
)
async def test_every_other_call_goes_through_it(
    http: httpx.AsyncClient, framework: list[str], method: str, path: str, status: int, text: str | None
) -> None:
    answer = await http.request(method, path)

    assert (status, [path.partition("?")[0]]) == (answer.status_code, framework)
    assert answer.text == text if text is not None else answer.json()["status"] == status


@pytest.mark.parametrize("path", ["/things?count=4", "/things/1/parts/2", "/health", "/things?light=red"])
async def test_head_is_get_without_the_body(http: httpx.AsyncClient, path: str) -> None:
    got, head = await http.get(path), await http.head(path)

    assert (got.status_code, got.headers, b"") == (head.status_code, head.headers, head.content)


async def test_the_head_of_a_stream_has_an_end(http: httpx.AsyncClient) -> None:
    head = await http.head("/stream")

    assert (200, b"") == (head.status_code, head.content)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/things", 405, "GET, HEAD, OPTIONS"),
        ("HEAD", "/raise/problem", 405, "OPTIONS, POST"),
        ("OPTIONS", "/things", 204, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/raise/problem", 204, "OPTIONS, POST"),
    ],
)
async def test_a_path_says_which_methods_it_has(
    http: httpx.AsyncClient, method: str, path: str, status: int, allow: str
) -> None:
    answer = await http.request(method, path)

    assert (status, allow) == (answer.status_code, answer.headers["allow"])


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/things", "no-store"), ("/things?light=red", "no-store"), ("/typed/4", "no-store"), ("/nothing", "no-store"),
        ("/stream", "no-store"), ("/things/1/parts/2", "private, max-age=300"),
    ],
)  # fmt: skip
async def test_every_answer_says_that_its_type_is_as_told_and_who_may_keep_it(
    http: httpx.AsyncClient, path: str, kept: str
) -> None:
    headers = (await http.head(path) if path == "/stream" else await http.get(path)).headers

    assert ("nosniff", [kept]) == (headers["x-content-type-options"], headers.get_list("cache-control"))


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
