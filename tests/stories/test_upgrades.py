"""Upgrades and the way back: what one release has begun, another one finishes."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.entries import Recorded
from bot.domain.journal import seal
from tests.stories import releases
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, World
from tests.support.nursery import ROOT
from workflows.records import row_of
from workflows.schema.migrate import REVISIONS, VERSION_TABLE
from workflows.schema.tables import entries

MOOD = {"app/mood.py": "def mood() -> str:\n    return 'good'\n"}
DUSK = {"app/dusk.py": "def dusk() -> str:\n    return 'red'\n"}
DAWN = {"app/dawn.py": "def dawn() -> str:\n    return 'grey'\n"}


@pytest.fixture
def world(new_world: NewWorld, database: str) -> Iterator[World]:
    """A world on each database, whose service does not run yet."""
    made = new_world(database)
    yield made
    for process in [*made.processes_of_supervisors(), *made.processes_of_agents()]:
        process.kill()


def changes_to(world: World, tree: Path, revision: str | None = None) -> None:
    """The service ends as at an upgrade, and the release in `tree` takes its place, on a schema of that name."""
    if world.service.process is not None:
        world.service.signal(signal.SIGTERM)
        assert world.service.process.wait(10) == 0
    if revision is not None:
        world.executes(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'")
    world.service.code = tree
    world.start_service()


@pytest.mark.slow
def test_what_an_older_release_began_this_one_finishes_and_back(world: World, tmp_path: Path) -> None:
    older = releases.older(tmp_path)
    changes_to(world, older)
    world.builder.writes(GOOD)
    waiting = world.opens_spec("Opened by the older release")
    world.waits_for_gate(waiting)
    world.builder.turns_over().writes(MOOD, holds=True)
    at_work = world.opens_spec("At work under the older release")
    world.waits_for_agent(times=2)

    changes_to(world, ROOT)
    world.approves(waiting)
    world.waits_for_entry(waiting, "run_finished")
    assert world.processes_of_agents(), "the agent was ended by the upgrade"
    world.builder.is_let_go()
    world.waits_for_gate(at_work)
    assert world.builder.times_paid == len(world.agent_calls()) == 2
    world.builder.holds_again()

    world.builder.turns_over().writes(DUSK)
    begun = world.opens_spec("Opened by this release")
    world.waits_for_gate(begun)
    world.builder.turns_over().writes(DAWN, holds=True)
    adopted = world.opens_spec("At work under this release")
    world.waits_for_agent(times=4)

    # What this release has added to the schema does not harm the older one. But it knows no schema other than its own.
    changes_to(world, older, releases.OLDER_REVISION)
    for issue in (at_work, begun):
        world.approves(issue)
        world.waits_for_entry(issue, "run_finished")
    world.builder.is_let_go()
    world.waits_for_gate(adopted)

    changes_to(world, ROOT, REVISIONS[-1])
    world.approves(adopted)
    world.waits_for_entry(adopted, "run_finished")
    assert world.builder.times_paid == len(world.agent_calls()) == 4
    for issue in (waiting, at_work, begun, adopted):
        assert world.pull_request(issue)["merged"]
        assert world.kinds(issue).count("attempt_started") == 1
    # Timers of gates that the older release has closed: found when they are due, and gone.
    world.executes("UPDATE timers SET due_at = '2026-01-01'")
    world.waits("them to be gone", lambda: world.query("SELECT count(*) FROM timers")[0][0] == 0)


@pytest.mark.slow
def test_an_entry_of_a_newer_release_parks_the_run_until_that_one_is_back(world: World, tmp_path: Path) -> None:
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_quiet()
    last = world.journal(issue)[-1]
    entry: Recorded = releases.MoonRose()  # type: ignore[assignment]  # to be read by a newer release
    added = seal(last.run_id, last.seq + 1, last.hash, "moon", datetime.now(UTC), entry)
    world.kill_service()
    with world.database.write() as connection:
        connection.execute(entries.insert().values(**row_of(added)))
    world.start_service()
    told = world.comments(number, "/approve")
    world.waits_for_reaction(told, "confused")
    (reply,) = world.waits("the reply", lambda: world.bot_comments(number, ":reply -->"))
    assert (
        "cannot read a journal entry `moon_rose` of version 1: run the release that wrote it, or a newer one" in reply
    )
    assert "approved" not in world.kinds(issue)

    changes_to(world, releases.newer(tmp_path))
    world.comments(number, "/approve")
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
