"""The disk is full for a while: what was answered 2xx is kept, nobody is paid twice, and it goes on by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.world import GOOD, World
from tests.support.small_disk import SmallDisk, small_disk

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", megabytes=16) as mounted:
        yield mounted


@pytest.fixture
def world(tmp_path: Path, disk: SmallDisk) -> Iterator[World]:
    """Database and mirrors are on the small disk, worktrees are not: what an agent cannot write is its own failure."""
    made = World(tmp_path / "world", f"sqlite:///{disk.path / 'issuewright.db'}", settings="reconcile_seconds = 1")
    (disk.path / "mirrors").mkdir()
    (made.directory / "data").mkdir(exist_ok=True)
    (made.directory / "data" / "mirrors").symlink_to(disk.path / "mirrors")
    made.start_service()
    yield made
    disk.empty()
    made.close()


def test_the_disk_is_full_while_an_agent_works(world: World, disk: SmallDisk) -> None:
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    disk.fill()
    comment = world.comments(issue, "/status")
    world.waits("a delivery to be refused", lambda: 503 in answers(world))
    world.builder.is_let_go()
    world.waits("the attempt to wait for space", lambda: "no space is left" in world.service.log.read_text())
    disk.empty()
    world.waits_for_gate(issue)
    world.waits_for_reaction(comment, "+1")
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.builder.times_paid == len(world.agent_calls()) == 1
    assert "run_parked" not in world.kinds(issue)


def answers(world: World) -> set[int]:
    """What the edge has answered so far."""
    return {attempt["status"] for each in world.hub.control("GET", "/deliveries") for attempt in each["attempts"]}
