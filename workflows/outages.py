"""The database may be away for a while, or a disk full: a step then waits, and loses nothing that it had done."""

import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from dbos import _sys_db as dbos_database
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from workflows.patience import delays

Result = TypeVar("Result")
log = logging.getLogger("issuewright.outages")
_AWAY = ("08", "57P01", "57P02", "57P03")
"""PostgreSQL's word for a lost connection, a shutdown, a crash, and a start that is not finished."""
_DISK_FULL = "53100"
_JUDGE = "retriable_sqlite_exception"
"""DBOS's own function that says which errors of SQLite are waited out. It has no setting for that."""


def through_outages(work: Callable[[], Result]) -> Result:
    """Do `work`, again from its start when the database went away or a disk was full: for work that may be repeated."""
    for delay in delays():
        try:
            return work()
        except (DBAPIError, OSError) as trouble:
            if is_away(trouble):
                log.warning("the database is away: trying again in %.1f s", delay)
            elif is_full(trouble):
                log.warning("no space is left, so this waits for some, trying again in %.1f s: %s", delay, trouble)
            else:
                raise
            time.sleep(delay)
    return work()


def is_away(error: BaseException) -> bool:
    """Whether the error says that the database could not be asked, and not that it refused."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    code = getattr(error.orig, "sqlstate", None)
    if code is not None:
        return str(code).startswith(_AWAY)
    # Without a code no server has spoken: no connection, or one that broke. SQLite is never away.
    return error.connection_invalidated or type(error.orig).__module__.startswith("psycopg")


def is_full(error: BaseException) -> bool:
    """Whether the error says that a disk (the database's, or one of this machine) has no space left."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _DISK_FULL


def have_dbos_wait_for_space() -> None:
    """On PostgreSQL DBOS waits until what it records has space. On SQLite it would give the workflow up, and then could
    not even record that: the workflow would be neither alive nor dead."""
    as_shipped: Callable[[Exception], bool] = getattr(dbos_database, _JUDGE)

    def is_waited_out(error: Exception) -> bool:
        if is_full(error):
            log.warning("no space is left for what a workflow has to record: it waits for some")
            return True
        return as_shipped(error)

    setattr(dbos_database, _JUDGE, is_waited_out)
