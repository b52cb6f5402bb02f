"""Somebody sets the clock of the service's machine: gates remind and expire when it is time, and no sooner."""

import pytest

from tests.stories import machines
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, World
from tests.support import needs

pytestmark = [pytest.mark.slow, needs.program("cc", "gcc libc6-dev")]

PATIENT = "gates:\n  merge:\n    remind_after_hours: 24\n    expire_after_hours: 48\n    on_expiry: cancel\n"
HASTY = "gates:\n  merge:\n    remind_after_hours: 0.004\n"
MOOD = {"app/mood.py": "def mood() -> str:\n    return 'good'\n"}


def timers_done(world: World) -> int:
    schema = "" if world.database.is_sqlite else "dbos."
    done = f"SELECT count(*) FROM {schema}workflow_status WHERE workflow_uuid LIKE 'timer:%' AND status = 'SUCCESS'"
    return int(world.query(done)[0][0])


def test_a_clock_put_forward_and_back_expires_nothing_and_people_go_on(new_world: NewWorld, database: str) -> None:
    world = new_world(database, config=PATIENT)
    machines.with_a_clock(world)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    machines.sets_clock(world, hours=100)
    world.waits("both timers to come, too early", lambda: timers_done(world) == 2)
    assert "timer_fired" not in world.kinds(issue)

    # It is wrong from the start of a service, too: what people say now is not from before the run, or the gate.
    world.kill_service()
    world.start_service()
    world.comments(number, "/approve")
    world.waits_for_entry(issue, "run_finished")
    assert world.pull_request(issue)["merged"]
    world.builder.turns_over().writes(MOOD)
    second = world.opens_spec("Add a mood")
    number = world.waits_for_gate(second)
    # Put forward while the service is stopped: the timers come before anything else does.
    world.kill_service()
    machines.sets_clock(world, hours=200)
    world.start_service()
    world.waits("both timers to come, too early", lambda: timers_done(world) == 4)
    assert "timer_fired" not in world.kinds(second)
    machines.sets_clock(world, hours=0)
    world.comments(number, "/approve")
    world.waits_for_entry(second, "run_finished")
    assert world.pull_request(second)["merged"]
    assert not world.bot_comments(number, ":reminder -->")


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_gate_reminds_in_time_although_the_clock_was_put_back(new_world: NewWorld, database: str) -> None:
    """Its own wake-up is days away now: the timer's row is found."""
    world = new_world(database, config=HASTY)
    machines.with_a_clock(world, hours=100)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    machines.sets_clock(world, hours=0)
    world.waits_for_entry(issue, "reminded")
    assert timers_done(world) == 1
    assert len(world.bot_comments(number, ":reminder -->")) == 1
    world.approves(issue)
    world.waits_for_the_end(issue)
