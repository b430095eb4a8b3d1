"""`python -m services.notifier` serves; `python -m services.notifier migrate` brings its schema up to date."""

from pathlib import Path

from chassis.boot import main
from services.notifier.app import serve
from services.notifier.settings import NotifierSettings

if __name__ == "__main__":
    main("notifier", NotifierSettings, serve, Path(__file__).parent)
