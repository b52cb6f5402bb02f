"""Bringing a database to this release's schema, by Alembic.

Revisions add: tables, columns that may be empty, indexes. So an older release works on a newer schema, and leaves it as
it is. One that takes something away has an id that begins with `breaking`; older releases refuse that.
"""

import logging

from sqlalchemy import Connection, inspect, text

from bot.domain.errors import UserError
from workflows.database import Database

VERSION_TABLE = "issuewright_schema"
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""All revisions that this release knows, the oldest first: the files in `versions/`."""
_BREAKING = "breaking"
log = logging.getLogger("issuewright.schema")


def migrate(database: Database) -> None:
    """Upgrade to the newest revision; harmless when it is there already, and when two processes do it at once. A
    database that a newer release has added to is taken as it is; raises UserError for one that it took from."""
    current = current_revision(database)
    if current == REVISIONS[-1]:
        return
    if is_added_to(current):
        log.warning("the database is at revision %s, of a newer release: working on it as it is", current)
        return
    if current is not None and current not in REVISIONS:
        raise UserError(f"the database is at revision {current}, of a newer release: use that release, or a newer one")
    database.in_transaction(_upgrade)


def current_revision(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.read() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def is_added_to(revision: str | None) -> bool:
    """Whether the revision is a newer release's that this one can work with."""
    return revision is not None and revision not in REVISIONS and not revision.startswith(_BREAKING)


def _upgrade(connection: Connection) -> None:
    # Alembic is a tenth of what a process of the service loads, and hardly any has to upgrade anything.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "workflows.schema:.")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
