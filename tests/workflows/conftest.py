"""Books on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflows.books import Books

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def books(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Books]:
    """An empty database with this release's schema."""
    postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'data' / 'issuewright.db'}"
    opened = Books(url, tmp_path / "data")
    yield opened
    opened.close()
