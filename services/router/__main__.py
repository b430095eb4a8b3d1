"""`python -m services.router` serves; `python -m services.router migrate` brings its schema up to date."""

from pathlib import Path

from chassis.boot import main
from services.router.app import run
from services.router.settings import RouterSettings

if __name__ == "__main__":
    main("router", RouterSettings, run, Path(__file__).parent)
