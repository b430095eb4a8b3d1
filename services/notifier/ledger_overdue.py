"""The oldest notice that could be sent and is not: what tells that nobody sends."""

from datetime import datetime

from chassis.postgres.pool import Database

OLDEST = """
select min(n.due_at) as due_at
from (select 'callback:' || client || '/' || name from notifier.endpoints
      where disabled_at is null and failing_since is null
      union all select 'sms' where $2) as l (lane)
cross join lateral (
   select n.due_at from notifier.notices n
   where n.lane = l.lane and n.state = 'due' and n.due_at <= $1
     and not exists (select 1 from notifier.notices p
                     where p.case_id = n.case_id and p.seq < n.seq and p.recipient = n.recipient
                       and p.channel = n.channel and p.state = 'due')
   order by n.due_at, n.seq limit 1) n"""


async def oldest(database: Database, texts: bool, at: datetime) -> datetime | None:
    """Since when the oldest notice has been due at `at`, whose turn it is, whose endpoint is not failing.

    Those of a failing endpoint wait for it, and a later one of a case waits for the one before. With `texts` there is
    a gateway for text messages. Raises `Unavailable`.
    """
    row = await database.fetchrow(OLDEST, at, texts)
    return row["due_at"] if row else None
