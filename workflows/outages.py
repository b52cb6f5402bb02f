"""The database may be away for a while: a step then waits for it, and loses nothing that it had done."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from workflows.patience import delays

Result = TypeVar("Result")
log = logging.getLogger("issuewright.outages")
_AWAY = ("08", "57P01", "57P02", "57P03")
"""PostgreSQL's word for a lost connection, a shutdown, a crash, and a start that is not finished."""


def through_outages(work: Callable[[], Result]) -> Result:
    """Do `work`, again from its start when the database went away meanwhile: for work that may be repeated."""
    for delay in delays():
        try:
            return work()
        except DBAPIError as trouble:
            if not is_away(trouble):
                raise
            log.warning("the database is away: trying again in %.1f s", delay)
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
