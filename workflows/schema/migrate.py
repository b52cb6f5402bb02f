"""Bringing a database to this release's schema, by Alembic.

Revisions add: tables, columns that may be empty, indexes. So an older release works on a newer schema, and leaves it as
it is. One that takes something away has an id that begins with `breaking`; older releases refuse that.
"""

import logging

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.domain.errors import UserError
from workflows.database import Database

VERSION_TABLE = "issuewright_schema"
_BREAKING = "breaking"
log = logging.getLogger("issuewright.schema")


def migrate(database: Database) -> None:
    """Upgrade to the newest revision; harmless when it is there already, and when two processes do it at once. A
    database that a newer release has added to is taken as it is; raises UserError for one that it took from."""
    current = current_revision(database)
    if is_added_to(current):
        log.warning("the database is at revision %s, of a newer release: working on it as it is", current)
        return
    if current is not None and current not in revisions():
        raise UserError(f"the database is at revision {current}, of a newer release: use that release, or a newer one")
    database.in_transaction(lambda connection: command.upgrade(_config(connection), "head"))


def current_revision(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return context.get_current_revision()


def newest_revision() -> str | None:
    """The revision that this release needs."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def revisions() -> set[str]:
    """All revisions that this release knows."""
    return {script.revision for script in ScriptDirectory.from_config(_config(None)).walk_revisions()}


def is_added_to(revision: str | None) -> bool:
    """Whether the revision is a newer release's that this one can work with."""
    return revision is not None and revision not in revisions() and not revision.startswith(_BREAKING)


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", "workflows.schema:.")
    config.attributes["connection"] = connection
    return config
