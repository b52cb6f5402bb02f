"""Books on each database, and in a process that could work."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dbos import DBOS

from tests.workflows.books import Books
from workflows.wake import APPLICATION, VERSION

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """An empty database with this release's schema."""
    postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'data' / 'issuewright.db'}"
    opened = Books(url, tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def launched(books: Books) -> Iterator[Books]:
    """Books in a process that could work, but listens to no queue."""
    DBOS(
        config={
            "name": APPLICATION,
            "system_database_url": books.database.dbos_url,
            "executor_id": "test",
            "application_version": VERSION,
            "log_level": "ERROR",
        }
    )
    DBOS.listen_queues([])
    DBOS.launch()
    yield books
    DBOS.destroy()
