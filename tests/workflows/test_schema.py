"""The tables in the code and those that the migrations make are the same; what is asked often is found by an index."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect
from sqlalchemy.engine import Engine

from bot.domain.refs import IssueRef, RepoRef
from workflows.database import Database
from workflows.journal import Journal
from workflows.runtime import connect_client
from workflows.schema.migrate import REVISIONS, VERSION_TABLE, current_revision, migrate
from workflows.schema.tables import metadata
from workflows.wake import Waker

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
TALLY = RepoRef(owner="acme", name="tally")


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'schema.db'}"
    opened = Database(url)
    migrate(opened)
    yield opened
    opened.close()


def test_migrations_make_what_the_code_says(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_the_revisions_are_those_of_alembic(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", "workflows.schema:.")
    newest_first = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(newest_first)) == REVISIONS
    assert current_revision(database) == REVISIONS[-1]


def test_a_service_whose_database_is_up_to_date_does_without_alembic() -> None:
    loaded = "import sys, bot.entrypoints.serve; sys.exit(any(name in sys.modules for name in ('alembic', 'rich')))"
    assert subprocess.run([sys.executable, "-c", loaded]).returncode == 0


def test_no_index_is_forgotten_or_made_in_vain(database: Database) -> None:
    found = inspect(database.engine)
    for table in metadata.sorted_tables:
        wanted = {str(index.name) for index in table.indexes}
        made = {str(index["name"]) for index in found.get_indexes(table.name) if "duplicates_constraint" not in index}
        assert wanted == made, table.name


def test_what_is_asked_often_reads_no_table_of_runs_from_end_to_end(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'plans.db'}")
    migrate(database)
    journal = Journal(database, Waker(connect_client(database)))
    asked: list[tuple[str, Any]] = []
    event.listen(Engine, "before_cursor_execute", note := _noting(asked))
    try:
        journal.open_run_of(IssueRef(repo=TALLY, number=7))
        journal.unsettled_runs()
        journal.first_open_since(TALLY)
        journal.runs_of(IssueRef(repo=TALLY, number=7))
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    plans = [_plan(database, statement, values) for statement, values in asked if statement.startswith("SELECT")]
    assert len(plans) == 4
    for plan in plans:
        # A scan of a partial index reads what is live, and nothing else.
        scans = [line for line in plan if line.startswith("SCAN")]
        partial = re.compile(r"USING (COVERING )?INDEX (live_|unfinished_|runs_to_be_shown)")
        assert all(partial.search(line) for line in scans), plan
    assert any("runs_of_pull_request" in line for line in plans[0])
    database.close()


def _noting(asked: list[tuple[str, Any]]):  # type: ignore[no-untyped-def]
    def note(connection: object, cursor: object, statement: str, values: object, *_: object) -> None:
        asked.append((statement, values))

    return note


def _plan(database: Database, statement: str, values: Any) -> list[str]:
    with database.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    return [row[3] for row in rows]
