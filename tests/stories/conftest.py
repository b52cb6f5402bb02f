"""Worlds for stories: on SQLite and on PostgreSQL, each with a fresh database."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stories.undisturbed import Undisturbed
from tests.stories.world import World

BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
"""For parametrising stories that run on both databases."""

_ON_BOTH_AT_ONCE = "test_the_way_of_an_issue.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same story on the second database is told in CI's slow part, but for the one that tells the whole way."""
    for item in items:
        if item.path.parent == Path(__file__).parent and "postgres" in item.name and item.path.name != _ON_BOTH_AT_ONCE:
            item.add_marker(pytest.mark.slow)


NewWorld = Callable[..., World]


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database that the story runs on."""
    return str(request.param)


@pytest.fixture
def new_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewWorld]:
    """Makes worlds, whose service is not running yet: `new_world("sqlite", config=…, settings=…)`."""
    with ExitStack() as stack:

        def make(database: str = "sqlite", **options: str) -> World:
            url = None
            if database == "postgres":
                url = stack.enter_context(request.getfixturevalue("postgres_server").fresh_database())
            world = World(tmp_path / f"world-{len(list(tmp_path.iterdir()))}", url, **options)
            stack.callback(world.close)
            return world

        yield make


@pytest.fixture
def world(new_world: NewWorld, database: str) -> World:
    """A world with a running service, on each database."""
    made = new_world(database)
    made.start_service()
    return made


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Undisturbed:
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "undisturbed"
    folder.mkdir(exist_ok=True)
    return Undisturbed(folder)
