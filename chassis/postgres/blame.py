"""Whose fault an error of PostgreSQL is: the record's own, or the environment's, which waiting may cure."""

import asyncio

from asyncpg import exceptions as pg

RECORD_ERRORS = ("22", "23")
"""The classes of SQLSTATE that the values of a statement cause: data exceptions and violated constraints."""
STALE = ("0A000", "25", "26000")
"""Answers of a session that is of no use any more: it has become read-only, or its prepared statements are outdated."""
LASTING = ("42", "53100", "58")
"""A missing right, table or column, a full disk, a fault of the server: no query can tell that it is over."""

CLIENT_ERRORS = (
    pg.InternalClientError, pg.InterfaceError, ConnectionError, OSError, TimeoutError, asyncio.IncompleteReadError,
)  # fmt: skip


class Unavailable(Exception):
    """The database is away, busy, or in a state that no value of ours has caused. Nothing changed; try again later."""


DATABASE_ERRORS = (Unavailable, pg.PostgresError, OSError)
"""What a background part waits out, whoever caused it: it stays alive and tries again."""
ENVIRONMENT_ERRORS = (Unavailable, OSError)
"""What waiting cures, as the users of a `Database` see it: never the fault of a row."""


def is_transient(why: BaseException) -> bool:
    """Whether waiting can cure this error, because the environment caused it and not the values of the statement.

    That is every error of the server except classes 22 and 23: read-only, a missing right, table or column, a full
    disk, a time-out, a shutdown. A lost connection counts too; an address that cannot be understood does not.
    """
    if isinstance(why, pg.PostgresError):
        return not (why.sqlstate or "").startswith(RECORD_ERRORS)
    return isinstance(why, CLIENT_ERRORS) and not isinstance(why, ValueError)


def code_of(why: BaseException) -> str:
    """The SQLSTATE of an error, empty if the server did not send it."""
    return (why.sqlstate or "") if isinstance(why, pg.PostgresError) else ""


def is_stale(why: BaseException) -> bool:
    """Whether the session that raised this is of no use any more."""
    return code_of(why).startswith(STALE) or isinstance(why, pg.OutdatedSchemaCacheError)


def table_of(why: BaseException) -> str:
    """The table whose constraint was violated; empty if the error does not name one."""
    return (why.table_name or "") if isinstance(why, pg.PostgresError) else ""
