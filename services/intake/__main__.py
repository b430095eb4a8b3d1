"""`python -m services.intake` serves; `python -m services.intake migrate` readies its schema first."""

import sys
from pathlib import Path

from chassis import logs, settings
from chassis.http.serve import main
from chassis.pack import PackError
from chassis.postgres.migrations import migrate
from services.intake.settings import IntakeSettings

told = settings.read(IntakeSettings, "INTAKE")
logs.configure("intake", told.log_level)
if sys.argv[1:] == ["migrate"]:
    logs.log.info("migrated", revision=migrate(told.database_url, "intake", Path(__file__).parent / "migrations"))
elif sys.argv[1:]:
    sys.exit("usage: python -m services.intake [migrate]")
else:
    from services.intake.app import serve_intake

    try:
        main(lambda: serve_intake(told))
    except PackError as why:
        sys.exit(f"city pack: {why}")
