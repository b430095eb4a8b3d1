"""Plays stand-ins as a process of their own: `python -m tests.standins platforms | apps --log FILE`.

Addresses and keys come from the environment as in `.run/env`. Every fact is a line of JSON in the log file. Ends on
SIGTERM.
"""

import argparse
import asyncio
import json
import os
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TextIO

import aiohttp

from tests.standins import app, platform

APPS = {"jinyang": "APP_KEY", "fenhe": "APP2_KEY"}
TOLD = ("case_id", "case_number", "report_id", "event", "generation", "notice_id", "seq", "state", "reason")


class Log:
    """One line for each fact, written at once."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def tell(self, who: str, kind: str, body: Any) -> None:
        facts = {name: body[name] for name in TOLD if name in body} if isinstance(body, dict) else {"text": str(body)}
        self._file.write(json.dumps({"at": time.time(), "who": who, "kind": kind, **facts}, ensure_ascii=False) + "\n")
        self._file.flush()


async def play(what: str, log: Log) -> None:
    """Plays until SIGTERM."""
    stopping = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stopping.set)
    async with AsyncExitStack() as stack:
        await (_platforms(stack, log) if what == "platforms" else _apps(stack, log))
        log.tell(what, "ready", {})
        await stopping.wait()


async def _platforms(stack: AsyncExitStack, log: Log) -> None:
    prefix = "PLATFORM_KEY_"
    keys = {name.removeprefix(prefix): key for name, key in os.environ.items() if name.startswith(prefix)}
    manner = platform.Manner(returned_share=float(os.environ.get("RETURNED_SHARE", "0.06")))
    urls = os.environ["ROUTER_URL"], os.environ["INTAKE_URL"]
    played = [platform.Platform(code, key, *urls, manner, log.tell) for code, key in sorted(keys.items())]
    await stack.enter_async_context(platform.at_work(played))


async def _apps(stack: AsyncExitStack, log: Log) -> None:
    http = await stack.enter_async_context(aiohttp.ClientSession())
    for name, variable in APPS.items():
        made = app.App(name, os.environ[variable], os.environ["NOTIFIER_URL"])
        made.tell = lambda kind, body, name=name: log.tell(name, kind, body)  # type: ignore[misc]
        url = await stack.enter_async_context(app.listening(made))
        await made.register(http, url)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("platforms", "apps"))
    parser.add_argument("--log", type=Path, required=True)
    arguments = parser.parse_args()
    with arguments.log.open("a", encoding="utf-8") as opened:
        asyncio.run(play(arguments.what, Log(opened)))
