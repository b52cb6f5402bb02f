"""Agents without a worker stop themselves where another machine may take their work over; agents that nobody will hear
are stopped."""

import json
import time
from pathlib import Path

import pytest

from bot.adapters.supervisor.beat import BEAT
from bot.domain.agents import AgentStatus
from bot.domain.entries import AttemptFinished
from bot.domain.events import MoveMade
from bot.domain.facts import Facts
from bot.domain.forge import Actor
from tests.stories.conftest import NewWorld
from tests.stories.service import PATIENCE
from tests.stories.world import GOOD, Issue, World
from workflows.clock import now
from workflows.journal import Journal
from workflows.runtime import connect_client
from workflows.wake import Waker

NOBODY = Actor(id=0, login="nobody")


def attempt_directory(world: World, issue: Issue) -> Path:
    return world.directory / "data" / "attempts" / f"{world.run_id(issue)}.builder.1"


def test_an_orphan_stops_and_its_attempt_is_tried_again(new_world: NewWorld, database: str) -> None:
    world = new_world(database, settings="lease_seconds = 4")
    world.service.environment[PATIENCE] = "3"
    world.start_service()
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.kill_service()
    assert world.processes_of_agents()
    result = attempt_directory(world, issue) / "result.json"
    world.waits_without_a_service("the agent to be stopped", result.exists)
    world.waits_without_a_service("nothing to be left", lambda: not world.processes_of_supervisors())
    assert json.loads(result.read_text())["stopped"] == "no worker of this machine has been seen for 3 seconds"
    world.start_service()
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    first, second = world.entries(issue, AttemptFinished)
    assert (first.status, first.cost_usd) == (AgentStatus.INTERRUPTED, 0.25)
    assert (second.status, second.cost_usd) == (AgentStatus.OK, 0.25)
    assert world.builder.times_paid == 2


@pytest.mark.parametrize("database", ["sqlite"])
def test_on_sqlite_agents_wait_for_the_service_however_long(new_world: NewWorld, database: str) -> None:
    world = new_world(database)
    world.service.environment.clear()
    world.start_service()
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    launch = json.loads((attempt_directory(world, issue) / "launch.json").read_text())
    assert launch["worker_patience_seconds"] is None


@pytest.mark.postgres
def test_the_only_machines_agents_work_on_however_long_its_worker_is_away(new_world: NewWorld) -> None:
    """Nobody else could have taken the attempt over: it is not paid again."""
    world = new_world("postgres", settings="lease_seconds = 2")
    world.service.environment.clear()
    world.start_service()
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    directory = attempt_directory(world, issue)
    patience = json.loads((directory / "launch.json").read_text())["worker_patience_seconds"]
    assert patience < 2
    world.kill_service()
    beat = directory.parent / BEAT
    world.waits_without_a_service("a long silence", lambda: time.time() - beat.stat().st_mtime > 3 * patience)
    assert world.processes_of_agents()
    world.start_service()
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    assert [a.status for a in world.entries(issue, AttemptFinished)] == [AgentStatus.OK]
    assert world.builder.times_paid == 1


def test_an_agent_whose_attempt_is_over_is_stopped(world: World) -> None:
    """Somebody else has ended the attempt while this machine was away."""
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.kill_service()
    ended = AttemptFinished(stage="builder", number=1, status=AgentStatus.LOST, detail="ended elsewhere")
    outcome = MoveMade(entry=ended, cause="attempt:builder:1:finished")
    journal = Journal(world.database, Waker(connect_client(world.database)))
    journal.decide(outcome, Facts(now=now(), bot=NOBODY), of=world.run_id(issue))
    world.start_service()
    stop = attempt_directory(world, issue) / "stop.json"
    world.waits("the first agent to be told to stop", stop.exists)
    assert json.loads(stop.read_text())["reason"] == "its attempt is over"
    world.waits_for_agent(times=2)
    world.waits("one agent to be left", lambda: len(world.processes_of_supervisors()) == 1)
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 2


def test_an_agent_whose_attempt_another_machine_executes_is_stopped(world: World) -> None:
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.kill_service()
    schema = "" if world.database.is_sqlite else "dbos."
    world.executes(
        "INSERT INTO workers (executor_id, host, boot_id, pid, pid_started_at, started_at, heartbeat_at) "
        "VALUES ('theirs', 'far-away', 'another', 1, 1.0, '2026-01-01', 99999999999.0)"
    )
    theirs = f"UPDATE {schema}workflow_status SET executor_id = 'theirs'"
    world.executes(f"{theirs} WHERE workflow_uuid LIKE 'attempt:%' AND status = 'PENDING'")
    world.start_service()
    world.waits("the agent to be stopped", lambda: not world.processes_of_supervisors())
    stop = json.loads((attempt_directory(world, issue) / "stop.json").read_text())
    assert stop["reason"] == "its attempt was taken over by far-away"
    # That machine dies, too: what is here is what is known of the attempt.
    world.executes("UPDATE workers SET heartbeat_at = 1.0 WHERE executor_id = 'theirs'")
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    assert [a.status for a in world.entries(issue, AttemptFinished)] == [AgentStatus.INTERRUPTED, AgentStatus.OK]
