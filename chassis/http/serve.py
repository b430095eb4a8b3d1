"""How a process lives: HTTP and background parts in one loop, ready when its dependencies are, gone when told.

A part that dies of something unforeseen takes the process with it; whoever runs it starts it again. SIGTERM or
SIGINT: not ready at once, open requests get their answers, consumers finish their batch, then exit 0.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import partial, reduce
from operator import or_
from types import FrameType
from typing import Any, cast

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI
from faststream.specification.asyncapi import get_asyncapi_html
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http import health, metrics, problems
from chassis.http.direct import Direct
from chassis.http.measuring import Source, Sources
from chassis.http.watch import Limits, Watch
from chassis.http.wire import Connection
from chassis.logs import log

LIMITS = Limits()
Part = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def application(
    title: str, version: str, summary: str, checks: health.Health, sources: Sequence[Source] = ()
) -> FastAPI:
    """A bare HTTP application with problems, health and metrics (`sources` measured anew); OpenAPI at `/docs`."""
    app = FastAPI(
        title=title, version=version, summary=summary, docs_url="/docs", redoc_url=None, redirect_slashes=False
    )
    problems.install(app)
    health.install(app, checks)
    metrics.install(app, Sources(sources).measure)
    app.add_middleware(_Counted)
    _document_keys(app)
    return app


def add_routes(app: FastAPI, router: APIRouter) -> None:
    """Adds the calls of `router` as they are, so that they can be answered directly (`direct.py`)."""
    app.router.routes.extend(router.routes)


def _document_keys(app: FastAPI) -> None:
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        schema = generate()
        schema.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        return schema | {"security": [{"key": []}]}

    app.openapi = openapi  # type: ignore[method-assign]


def document_topics(
    app: FastAPI, broker: KafkaBroker, title: str, version: str, writes: str, kinds: Collection[type]
) -> None:
    """Adds the AsyncAPI page at `/docs/asyncapi`, without the button that would publish.

    It shows what `broker` subscribes to and the topic that the service writes, whose records are of `kinds`.
    """
    broker.publisher(writes, schema=reduce(or_, kinds), title=f"{writes}.out", description="Written here alone.")

    @app.get("/docs/asyncapi", include_in_schema=False)
    async def asyncapi(request: Request) -> Response:
        specification = AsyncAPI(broker, title=title, version=version).to_specification()
        return Response(get_asyncapi_html(specification, try_it_out_path=None), media_type="text/html")


def served(app: FastAPI) -> ASGIApp:
    """`app` as it answers on a port: with everything that holds for all calls. Make it when every route was added."""
    return Direct(app)


async def run(
    app: FastAPI, host: str, port: int, stopping: asyncio.Event, parts: Sequence[Part], limits: Limits = LIMITS
) -> None:
    """Serves `app` and runs `parts` until a signal; each part gets `stopping` and ends soon after it is set."""
    server = _Server(
        uvicorn.Config(
            served(app), host, port, loop="none",
            http=cast(Any, partial(Connection, Watch(limits))), ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, date_header=False, timeout_graceful_shutdown=10,
            backlog=4096, proxy_headers=False,
        ),
        stopping,
    )  # fmt: skip
    gc.collect()
    gc.freeze()  # what was loaded until now stays: no full collection need walk it, a tenth of a second each time
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part(stopping))
        try:
            await server.serve()
        finally:
            stopping.set()
    log.info("process.stopped")


class _Server(uvicorn.Server):
    """uvicorn's server, which tells the rest of the process at once that a signal came."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping, self._loop = stopping, asyncio.get_running_loop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            log.info("http.listening", host=self.config.host, port=self.config.port)

    def handle_exit(self, sig: int, _: FrameType | None) -> None:
        # Not uvicorn's own, which raises the signal again at its end and so kills the consumers' drain half-way.
        self._loop.call_soon_threadsafe(self._stopping.set)
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


class _Counted:
    """Counts answers by route and status; plain ASGI, because the framework's own middleware costs a task each."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route: Any = scope.get("route")
                path = route.path if route is not None else "none"
                metrics.REQUESTS.labels(scope["method"], path, str(message["status"])).inc()
            await send(message)

        await self._app(scope, receive, counting if scope["type"] == "http" else send)
