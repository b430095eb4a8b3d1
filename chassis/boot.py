"""How a service's process begins: settings, logs, then its loop; what is wrong with either is said in one line."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from chassis import logs, settings
from chassis.pack import PackError
from chassis.postgres.migrations import migrate


def main(
    service: str,
    model: type[settings.S],
    serve: Callable[[settings.S], Coroutine[Any, Any, None]],
    package: Path,
) -> None:
    """Serves until told to stop, or, asked to `migrate`, brings the schema `service` to the newest of `package`.

    Unfit settings, an unfit pack and unknown arguments end the process with status 1 and say why on standard error.
    """
    told = settings.read(model, service.upper())
    logs.configure(service, told.log_level)
    if sys.argv[1:] == ["migrate"]:
        logs.log.info("schema.migrated", revision=migrate(told.database_url, service, package / "migrations"))
    elif sys.argv[1:]:
        sys.exit(f"usage: python -m services.{service} [migrate]")
    else:
        try:
            uvloop.run(serve(told))
        except PackError as why:
            sys.exit(f"pack: {why}")
