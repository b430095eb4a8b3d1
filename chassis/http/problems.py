"""Problems: every refusal is RFC 9457 problem+json with a stable reason and, where it has one, the field's name."""

import http
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from chassis.logs import log
from chassis.postgres.pool import Unavailable

TYPES = "https://suishoupai.example/problems/"
MAX_ERRORS = 100
"""How many fields at fault one answer names."""
MAX_FIELD = 200
"""How many characters of a field's name an answer repeats."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: its path as the client wrote it (`place.lon`), a stable reason, a sentence."""

    field: str
    reason: str
    detail: str


class Problem(Exception):
    """A refusal on its way to the client. `reason` is stable and is also the last part of `type`."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        field: str | None = None,
        errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
        extra: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status, self.reason, self.detail = status, reason, detail
        self.errors = (FieldError(field, reason, detail),) if field else tuple(errors)
        self.retry_after, self.extra, self.headers = retry_after, extra or {}, headers or {}


FORESEEN = (Problem, Unavailable, HTTPException, RequestValidationError)
"""What an edge may raise; everything else is our mistake."""


def answer(problem: Problem) -> Response:
    """The response that tells the client."""
    body = {
        "type": TYPES + problem.reason,
        "title": http.HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "reason": problem.reason,
        "detail": problem.detail,
        "errors": [
            {"field": _repeated(e.field), "reason": e.reason, "detail": e.detail} for e in problem.errors[:MAX_ERRORS]
        ],
        **problem.extra,
    }
    headers = dict(problem.headers)
    if problem.retry_after is not None:
        headers["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body), problem.status, headers, media_type="application/problem+json")


def path_of(parts: Sequence[int | str]) -> str:
    """`items[3].text` from the parts of a path; `body` for none."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return path.removeprefix(".") or "body"


def _repeated(field: str) -> str:
    """A field's name as it may be sent back: not endless, and encodable."""
    return field[:MAX_FIELD].encode("utf-8", "replace").decode()


def answer_to(why: Exception, path: str) -> Response:
    """The answer to whatever went wrong at `path`: ours, the database away, the framework's, and the unforeseen."""
    match why:
        case Problem():
            return answer(why)
        case Unavailable():
            log.warning("http.unavailable", path=path, why=str(why))
            return answer(Problem(503, "database_away", "Try again; one Idempotency-Key is done once.", retry_after=1))
        case HTTPException():
            reason = {404: "path_unknown", 405: "method_not_allowed"}.get(why.status_code, "refused")
            detail = "There is no such path; a slash at its end counts." if why.status_code == 404 else str(why.detail)
            response = answer(Problem(why.status_code, reason, detail))
            response.headers.update(why.headers or {})  # a 405 says in Allow which methods there are
            return response
        case RequestValidationError():
            errors = [FieldError(".".join(map(str, e["loc"][1:])) or "body", e["type"], e["msg"]) for e in why.errors()]
            return answer(Problem(422, "unfit_request", "See `errors`.", errors=errors))
    log.error("http.unforeseen", path=path, exc_info=why)
    return answer(Problem(500, "unforeseen", "This is our mistake; it has been logged."))


async def answered(request: Request, why: Exception) -> Response:
    """`answer_to`, as the framework calls it."""
    return answer_to(why, request.url.path)


def install(app: FastAPI) -> None:
    """Makes every error of `app` a problem."""
    for kind in (*FORESEEN, Exception):
        app.add_exception_handler(kind, answered)
