"""`python -m services.router` serves; `python -m services.router migrate` brings its schema up to date."""

import sys
from pathlib import Path

from chassis import logs, settings
from chassis.http import serve
from chassis.postgres.migrations import migrate
from services.router.app import run
from services.router.settings import RouterSettings


def main(arguments: list[str]) -> int:
    """Serves until told to stop, or migrates. Returns the exit status."""
    told = settings.read(RouterSettings, "ROUTER")
    logs.configure("router", told.log_level)
    if arguments == ["migrate"]:
        revision = migrate(told.database_url, "router", Path(__file__).parent / "migrations")
        logs.log.info("schema.migrated", revision=revision)
        return 0
    if arguments:
        sys.stderr.write("usage: python -m services.router [migrate]\n")
        return 2
    serve.main(lambda: run(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
