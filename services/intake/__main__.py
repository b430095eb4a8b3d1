"""`python -m services.intake` serves; `python -m services.intake migrate` brings its schema up to date."""

from pathlib import Path

from chassis.boot import main
from services.intake.app import serve_intake
from services.intake.settings import IntakeSettings

if __name__ == "__main__":
    main("intake", IntakeSettings, serve_intake, Path(__file__).parent)
