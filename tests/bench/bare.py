"""The bare app: Starlette, same server, same producer settings, publishes the bytes it is given and answers 202."""

import os

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.kafka.producer import broker_of


async def serve() -> None:
    """Serves on BARE_PORT until it is stopped. The record's headers and key travel in the request's headers."""
    broker = broker_of(os.environ["KAFKA_BOOTSTRAP"], "bare")
    await broker.start()

    async def publish(request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name.startswith("ce_")}
        key = request.headers["key"].encode()
        await broker.publish(await request.body(), "bench", key=key, headers=headers)
        return Response(b"{}", 202)

    app = Starlette(routes=[Route("/publish", publish, methods=["POST"])])
    port = int(os.environ["BARE_PORT"])
    config = uvicorn.Config(app, "127.0.0.1", port, loop="none", http="httptools", log_config=None, access_log=False)
    await uvicorn.Server(config).serve()
    await broker.stop()


if __name__ == "__main__":
    uvloop.run(serve())
