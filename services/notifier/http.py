"""Endpoints, notices and replay: what an app or a platform may arrange about what is sent to it."""

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import uuid4

import orjson
from fastapi import APIRouter, Request, Response

from chassis.http.bodies import read_json
from chassis.http.problems import Problem
from chassis.http.queries import queries
from chassis.keys import Keys
from chassis.logs import log
from chassis.postgres.pool import Database
from services.notifier import ledger_endpoints, ledger_reads
from services.notifier.address import Refused, read_address
from services.notifier.callback import Callbacks
from services.notifier.http_queries import BEHIND, LIMIT, REPORT_ID, SINCE, STATE, WHAT
from services.notifier.ledger_endpoints import Registered
from services.notifier.ledger_reads import Standing
from services.notifier.signature import headers_of, secret_of

KINDS = ("app", "platform")
MOST_ENDPOINTS = 5
MOST_BODY = 4096
_QUERIES = {
    "/v1/notices": queries(STATE, REPORT_ID, BEHIND, LIMIT),
    "/v1/notices/replay": queries(SINCE, WHAT),
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Endpoints:
    """The calls about endpoints. Each caller sees and changes its own only; another's does not exist for it."""

    def __init__(
        self, database: Database, keys: Keys, callbacks: Callbacks, now: Callable[[], datetime], local_mode: bool
    ) -> None:
        self._database, self._keys, self._callbacks, self._now = database, keys, callbacks, now
        self._local_mode = local_mode

    def routes(self) -> APIRouter:
        """Everything under `/v1/endpoints` and `/v1/notices`."""
        router = APIRouter()
        for path, call, method, summary in (
            ("/v1/endpoints", self.list_all, "GET", "Your endpoints"),
            ("/v1/endpoints/{name}", self.put, "PUT", "Register, change the URL, enable again"),
            ("/v1/endpoints/{name}", self.get, "GET", "One endpoint and its health"),
            ("/v1/endpoints/{name}", self.delete, "DELETE", "Forget an endpoint"),
            ("/v1/endpoints/{name}/test", self.test, "POST", "Send a signed test now"),
            ("/v1/endpoints/{name}/rotate", self.rotate, "POST", "A new secret; the old one signs too for 24 h"),
            ("/v1/notices", self.notices, "GET", "How your notices stand"),
            ("/v1/notices/replay", self.replay, "POST", "Send again what never arrived since an instant"),
        ):
            asked = _QUERIES.get(path)
            tags: list[str | Enum] = [path.split("/")[2]]
            router.add_api_route(path, call, methods=[method], summary=summary, tags=tags, openapi_extra=asked)
        return router

    async def list_all(self, request: Request) -> Response:
        """All endpoints of the caller."""
        client = self._keys.admit(request, *KINDS).name
        found = await ledger_endpoints.of_client(self._database, client, self._now())
        return _json({"items": [_shown(endpoint) for endpoint in found]})

    async def put(self, request: Request, name: str) -> Response:
        """Body `{"url": "https://…"}`. 201 with the secret, told this once; 200 when the endpoint was there."""
        client = self._keys.admit(request, *KINDS).name
        if not _NAME.fullmatch(name):
            raise Problem(422, "name_unfit", "Small letters, digits and hyphens, at most 32.", field="name")
        url = self._url(await read_json(request, MOST_BODY))
        secret = secret_of(secrets.token_bytes(32))
        done = await ledger_endpoints.put(self._database, client, name, url, secret, MOST_ENDPOINTS, self._now())
        if done == "no_room":
            raise Problem(409, "too_many_endpoints", f"At most {MOST_ENDPOINTS}.", field="name")
        log.info("endpoint.registered", client=client, name=name, done=done)
        shown = _shown(await self._mine(client, name))
        return _json(shown | {"secret": secret}, 201) if done == "made" else _json(shown)

    async def get(self, request: Request, name: str) -> Response:
        """The endpoint: its URL, whether it is called, since when it fails. Never its secret."""
        return _json(_shown(await self._mine(self._keys.admit(request, *KINDS).name, name)))

    async def delete(self, request: Request, name: str) -> Response:
        """204. What waited for it is gone; the feed still has it."""
        endpoint = await self._mine(self._keys.admit(request, *KINDS).name, name)
        async with self._database.transaction() as connection:
            found = await ledger_endpoints.remove(connection, endpoint.client, endpoint.name, self._now())
        if not found:
            raise _unknown()
        return Response(status_code=204)

    async def test(self, request: Request, name: str) -> Response:
        """Sends `{"event": "endpoint.test"}` at once and tells the outcome. Nothing is recorded."""
        endpoint = await self._mine(self._keys.admit(request, *KINDS).name, name)
        test_id, at = uuid4(), self._now()
        body = orjson.dumps({"notice_id": str(test_id), "dedup_key": str(test_id), "event": "endpoint.test", "at": at})
        headers = headers_of(test_id, at, body, endpoint.secrets)
        attempt = await self._callbacks.send(endpoint.url, body, headers)
        return _json({"notice_id": str(test_id), "outcome": attempt.outcome, "detail": attempt.detail})

    async def rotate(self, request: Request, name: str) -> Response:
        """A new secret, told this once. Both sign for 24 hours."""
        client = (await self._mine(self._keys.admit(request, *KINDS).name, name)).client
        secret = secret_of(secrets.token_bytes(32))
        if not await ledger_endpoints.rotate(self._database, client, name, secret, self._now()):
            raise _unknown()
        log.info("endpoint.rotated", client=client, name=name)
        return _json(_shown(await self._mine(client, name)) | {"secret": secret})

    async def notices(self, request: Request) -> Response:
        """The caller's notices, oldest first; `next` is the `after` of the following page, null at the end. `state`
        takes several between commas."""
        client = self._keys.admit(request, *KINDS).name
        most = LIMIT.of(request)
        found = await ledger_reads.notices(
            self._database, client, STATE.of(request), REPORT_ID.of(request), BEHIND.of(request), most
        )
        following = str(found[-1].place) if len(found) == most else None
        return _json({"items": [_standing(standing) for standing in found], "next": following})

    async def replay(self, request: Request) -> Response:
        """202 with how many callbacks are due again: those that never arrived, or with `what=all` every one."""
        client = self._keys.admit(request, *KINDS).name
        everything, since = WHAT.of(request) == "all", SINCE.of(request)
        again = await ledger_endpoints.replay(self._database, client, since, everything, self._now())
        log.info("notices.replayed", client=client, notices=again)
        return _json({"notices": again}, 202)

    async def _mine(self, client: str, name: str) -> Registered:
        # Compared here and not in SQL: a name from a path may hold NUL, which PostgreSQL does not take.
        found = await ledger_endpoints.of_client(self._database, client, self._now())
        for endpoint in found:
            if endpoint.name == name:
                return endpoint
        raise _unknown()

    def _url(self, body: Any) -> str:
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str):
            raise Problem(422, "url_missing", 'Send {"url": "https://…"}.', field="url")
        if unknown := sorted(body.keys() - {"url"}):
            raise Problem(422, "field_unknown", "Only url can be set.", field=unknown[0][:64])
        address = read_address(url, self._local_mode)
        if isinstance(address, Refused):
            raise Problem(422, address.reason, "https on port 443 or 8443 of a public host.", field="url")
        return address.url


def _unknown() -> Problem:
    return Problem(404, "endpoint_unknown", "You have no endpoint of this name.", field="name")


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


def _shown(endpoint: Registered) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "url": endpoint.url,
        "state": "disabled" if endpoint.disabled_at else "enabled",
        "made_at": endpoint.made_at,
        "delivered_at": endpoint.delivered_at,
        "failing_since": endpoint.failing_since,
        "disabled_at": endpoint.disabled_at,
        "disabled_why": endpoint.disabled_why,
        "secrets": len(endpoint.secrets),
    }


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        **orjson.loads(standing.item.as_json()),
        "channel": standing.channel,
        "state": standing.state,
        "attempts": standing.attempts,
        "due_at": standing.due_at,
        "outcome": standing.outcome,
        "detail": standing.detail,
    }
