"""The database server crashes again and again while an agent works: nothing is paid twice."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.world import GOOD, World
from tests.support.postgres import PostgresServer, start_server

pytestmark = pytest.mark.postgres
_CRASHES = 8
"""More often than an attempt's workflow is started again before the attempt is given up."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with start_server() as started:
        yield started


def test_the_database_crashes_while_the_agent_works(server: PostgresServer, tmp_path: Path) -> None:
    world = World(tmp_path / "world", server.create_database())
    try:
        world.start_service()
        world.builder.writes(GOOD, holds=True)
        issue = world.opens_spec("Add a health check")
        world.waits_for_agent()
        for number in range(_CRASHES):
            server.crash(signal.SIGKILL if number % 2 else signal.SIGQUIT)
            server.start_again()
            world.waits("the service to be ready again", world.service.is_ready)
            world.waits("the attempt to be watched", lambda: _is_watched(world))
        world.builder.is_let_go()
        world.waits_for_gate(issue)
        world.approves(issue)
        world.waits_for_the_end(issue)
        assert world.builder.times_paid == len(world.agent_calls()) == 1
    finally:
        world.close()


def _is_watched(world: World) -> bool:
    statement = "SELECT count(*) FROM dbos.workflow_status WHERE name = 'attempt' AND status IN ('PENDING', 'ENQUEUED')"
    return bool(world.query(statement)[0][0])
