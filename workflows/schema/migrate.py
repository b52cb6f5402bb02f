"""Bringing a database to this release's schema, by Alembic."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from workflows.database import Database

VERSION_TABLE = "issuewright_schema"


def migrate(database: Database) -> None:
    """Upgrade to the newest revision; harmless when it is there already, and when two processes do it at once."""
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


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", "workflows.schema:.")
    config.attributes["connection"] = connection
    return config
