"""`python -m services.notifier` serves; `python -m services.notifier migrate` readies the schema and ends."""

import sys

from chassis.http.serve import main
from chassis.logs import configure
from chassis.postgres.migrations import migrate
from chassis.settings import read
from services.notifier.app import MIGRATIONS, serve
from services.notifier.settings import NotifierSettings

settings = read(NotifierSettings, "NOTIFIER")
configure("notifier", settings.log_level)
if sys.argv[1:] == ["migrate"]:
    migrate(settings.database_url, "notifier", MIGRATIONS)
else:
    main(lambda: serve(settings))
