"""How old the outbox is: asked of the table itself, whoever relays it, or nobody."""

from chassis.http.metrics import OUTBOX_AGE, OUTBOX_WAITING
from chassis.postgres.pool import Database


class OutboxAge:
    """A source of metrics: the outbox of one schema."""

    name = "outbox"

    def __init__(self, database: Database, schema: str) -> None:
        self._database, self._schema = database, schema
        self._sql = f"""select count(*) as rows,
                           coalesce(extract(epoch from clock_timestamp() - min(written_at)), 0)::float8 as age
                        from {schema}.outbox"""  # noqa: S608

    async def measure(self) -> None:
        """Age of the oldest row, 0 without one, and how many there are."""
        row = await self._database.fetchrow(self._sql)
        if row is not None:
            OUTBOX_AGE.labels(self._schema).set(max(0.0, row["age"]))
            OUTBOX_WAITING.labels(self._schema).set(row["rows"])

    def lose(self) -> None:
        """Without the table nothing is known of it."""
        OUTBOX_AGE.remove(self._schema)
        OUTBOX_WAITING.remove(self._schema)
