"""Problems: whatever goes wrong, the client gets problem+json with a status, a stable reason and the field's name."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from chassis.http import problems
from chassis.http.problems import TYPES, FieldError, Problem
from chassis.postgres.pool import Unavailable

SECRET = "13800001234 at postgresql://user:secret@host"


@pytest.fixture
def thrown() -> list[Exception]:
    """What the next request will raise."""
    return []


@pytest.fixture
async def http(thrown: list[Exception]) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    problems.install(app)

    @app.get("/throw")
    async def throw() -> None:
        raise thrown.pop()

    @app.get("/typed")
    async def typed(limit: int) -> int:
        return limit

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://trial") as made:
        yield made


def told(answer: httpx.Response) -> dict[str, Any]:
    """The body, once it is certain that it is a problem and that its parts agree."""
    body: dict[str, Any] = answer.json()

    assert "application/problem+json" == answer.headers["content-type"]
    assert (answer.status_code, TYPES + body["reason"]) == (body["status"], body["type"])
    assert body["title"]
    return body


@pytest.mark.parametrize(
    ("why", "status", "reason", "retry_after"),
    [
        (Problem(409, "older_generation", "It was given to another."), 409, "older_generation", None),
        (Problem(429, "too_many", "Slower.", retry_after=7), 429, "too_many", "7"),
        (Unavailable(SECRET), 503, "database_away", "1"),
        (HTTPException(404), 404, "path_unknown", None),
        (HTTPException(418, "short and stout"), 418, "refused", None),
        (ValueError(SECRET), 500, "unforeseen", None),
        (KeyError(SECRET), 500, "unforeseen", None),
        (OSError(SECRET), 500, "unforeseen", None),
        (TimeoutError(SECRET), 500, "unforeseen", None),
    ],
)
async def test_every_exception_becomes_a_problem_that_tells_no_secret(
    http: httpx.AsyncClient, thrown: list[Exception], why: Exception, status: int, reason: str, retry_after: str | None
) -> None:
    thrown.append(why)
    answer = await http.get("/throw")
    body = told(answer)

    assert [] == thrown
    assert (status, reason, retry_after) == (answer.status_code, body["reason"], answer.headers.get("retry-after"))
    assert [] == body["errors"]
    assert "secret" not in answer.text
    assert "1234" not in answer.text


async def test_the_field_at_fault_is_named(http: httpx.AsyncClient, thrown: list[Exception]) -> None:
    thrown.append(Problem(422, "unfit", "Must be a number.", field="place.lon"))

    assert [{"field": "place.lon", "reason": "unfit", "detail": "Must be a number."}] == told(await http.get("/throw"))[
        "errors"
    ]


async def test_a_field_that_cannot_be_sent_back_as_it_came_is_told_as_far_as_it_can_be(
    http: httpx.AsyncClient, thrown: list[Exception]
) -> None:
    thrown.append(Problem(422, "unfit", "No.", errors=[FieldError("\ud83d" + "x" * 5000, "unfit", "No.")] * 5000))
    errors = told(await http.get("/throw"))["errors"]

    assert (100, "?" + "x" * 199) == (len(errors), errors[0]["field"])


async def test_several_fields_at_fault_are_all_named(http: httpx.AsyncClient, thrown: list[Exception]) -> None:
    errors = [FieldError("text", "too_long", "At most 500."), FieldError("place.lat", "missing", "Is missing.")]
    thrown.append(Problem(422, "unfit", "See errors.", errors=errors, extra={"report_id": "r-1"}))
    body = told(await http.get("/throw"))

    assert [("text", "too_long"), ("place.lat", "missing")] == [(e["field"], e["reason"]) for e in body["errors"]]
    assert "r-1" == body["report_id"]


async def test_who_is_not_known_is_told_how_to_say_who_it_is(http: httpx.AsyncClient, thrown: list[Exception]) -> None:
    thrown.append(Problem(401, "key_missing", "Send your key.", field="Authorization"))
    answer = await http.get("/throw")

    assert (401, "Bearer", "Authorization") == (
        answer.status_code,
        answer.headers["www-authenticate"],
        told(answer)["errors"][0]["field"],
    )


async def test_an_unknown_path_is_a_problem(http: httpx.AsyncClient) -> None:
    assert (404, "path_unknown") == (told(answer := await http.get("/nowhere"))["status"], answer.json()["reason"])


async def test_a_method_that_is_not_allowed_is_a_problem_that_says_which_are(http: httpx.AsyncClient) -> None:
    answer = await http.delete("/throw")

    assert (405, "method_not_allowed", "GET") == (
        answer.status_code,
        told(answer)["reason"],
        answer.headers.get("allow"),
    )


@pytest.mark.parametrize(("query", "reason"), [("", "missing"), ("?limit=many", "int_parsing")])
async def test_an_argument_that_the_framework_refuses_is_a_problem_with_its_name(
    http: httpx.AsyncClient, query: str, reason: str
) -> None:
    body = told(await http.get(f"/typed{query}"))

    assert (422, "unfit_request") == (body["status"], body["reason"])
    assert [("limit", reason)] == [(e["field"], e["reason"]) for e in body["errors"]]
