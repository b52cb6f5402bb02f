"""The service dies, is stopped or is started twice: nothing is lost, nothing is paid again."""

import signal
import subprocess
import sys
import time

import psutil

from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, REPAIRED, World
from tests.support.nursery import ROOT


def test_killed_while_the_agent_works(world: World) -> None:
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.kill_service()
    world.start_service()
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    assert world.builder.times_paid == len(world.agent_calls()) == 1
    assert world.queues() <= {"inbox", "runs", "agents"}, "a workflow that was taken over left its queue"


def test_files_that_are_left_over_are_not_an_agents_work(new_world: NewWorld) -> None:
    """On another machine of the same layout there may be those of an execution that came no further."""
    world = new_world("sqlite")
    world.builder.writes(GOOD).writes(GOOD)
    world.service.dies_at("step.snapshot.before")
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_without_a_service("its death", lambda: world.service.exit_code() is not None)
    attempts = world.directory / "data" / "attempts"
    (attempts / f"{world.run_id(issue)}.builder.1").rename(world.directory / "elsewhere")
    world.start_service()
    world.waits_for_gate(issue)
    statuses = [row[0] for row in world.query("SELECT status FROM attempts ORDER BY number")]
    assert statuses == ["lost", "ok"]


def test_the_agent_ends_while_the_service_is_dead(world: World) -> None:
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.kill_service()
    world.builder.is_let_go()
    result = world.directory / "data" / "attempts" / f"{world.run_id(issue)}.builder.1" / "result.json"
    world.waits_without_a_service("the agent's result", result.exists)
    world.start_service()
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


def test_killed_while_a_gate_waits_and_approved_while_dead(world: World) -> None:
    """The approval's delivery finds nobody: the reconciler reads it."""
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.waits_for_quiet()
    world.kill_service()
    world.approves(issue)
    world.start_service()
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]


def test_labelled_while_dead(world: World) -> None:
    world.builder.writes(GOOD)
    world.kill_service()
    issue = world.opens_spec("Add a health check")
    world.start_service()
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


def test_commanded_while_dead(world: World) -> None:
    world.builder.writes(GOOD).writes(REPAIRED)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_quiet()
    world.kill_service()
    question, rejection = world.comments(number, "/status"), world.comments(number, "/reject Tell how it feels")
    world.start_service()
    world.waits_for_reaction(question, "+1")
    world.waits_for_reaction(rejection, "+1")
    world.waits_for_gate(issue, round=2)
    assert len(world.bot_comments(number, ":reply -->")) == 1


def test_dying_between_what_the_reconciler_decided_and_the_answer(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits_for_quiet()
    world.kill_service()
    question = world.comments(number, "/status")
    world.service.dies_at("inbox.decided")
    world.service.spawn()
    world.waits_for_reaction(question, "+1")
    world.waits("an answer", lambda: world.bot_comments(number, ":reply -->"))
    world.waits_for_quiet()
    assert world.service.deaths == ["inbox.decided"]
    assert len(world.bot_comments(number, ":reply -->")) == 1


def test_killed_again_and_again_at_the_worst_moment(world: World) -> None:
    """Incarnation after incarnation dies over the same comment; the last one finds it there."""
    world.builder.writes(GOOD)
    world.service.dies_at("effect.gate-comment.after-call")
    issue = world.opens_spec("Add a health check")
    for point in ("effect.gate-comment.after-call", "step.make.before", "step.make.before"):
        world.waits_without_a_service("the next death", lambda: world.service.exit_code() is not None)
        assert world.service.death() == point
        world.service.dies_at("step.make.before")
        world.service.spawn()
    number = world.waits_for_gate(issue)
    assert len(world.bot_comments(number, ":gate:merge:1 -->")) == 1


def test_sigterm_while_the_agent_works_detaches_and_a_restart_adopts(world: World) -> None:
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    begin = time.monotonic()
    world.service.signal(signal.SIGTERM)
    assert world.service.process is not None
    assert world.service.process.wait(10) == 0
    assert time.monotonic() - begin < 5
    assert not (world.directory / "service.pid").exists()
    assert world.query("SELECT count(*) FROM workers WHERE declared_dead_at IS NULL")[0][0] == 0
    assert world.processes_of_agents(), "the agent was stopped with the service"
    world.start_service()
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


def test_the_whole_process_tree_of_the_service_is_killed(world: World) -> None:
    """Agents live in sessions of their own, so a kill of the service's descendants does not reach them all; whatever
    it does reach is settled, and the run goes on."""
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    assert world.service.process is not None
    service = psutil.Process(world.service.process.pid)
    for process in [*service.children(recursive=True), service]:
        process.kill()
    world.service.process.wait()
    world.start_service()
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


def test_agent_and_supervisor_are_killed_with_the_service(world: World) -> None:
    """Everything of ours on the machine dies at once: the attempt is lost, visibly, and the next one is paid."""
    world.builder.writes(GOOD, holds=True)
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.kill_service()
    for process in [*world.processes_of_supervisors(), *world.processes_of_agents()]:
        process.kill()
    world.builder.is_let_go()
    world.start_service()
    number = world.waits_for_gate(issue)
    assert world.kinds(issue).count("attempt_finished") == 2
    assert world.builder.times_paid == 2
    assert world.bot_comments(number, "lost")


def test_a_second_service_on_one_directory_refuses_and_says_why(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    world.start_service()
    second = subprocess.run(
        [sys.executable, "-m", "bot.entrypoints.cli", "serve", "--dir", str(world.directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 2
    assert "Is the service running already?" in second.stderr
    assert "Traceback" not in second.stderr
    assert world.service.is_ready()


def test_a_merge_that_nobody_could_note_is_noted_when_github_tells_of_it(world: World) -> None:
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.service.dies_at("effect.merge.after-call")
    world.approves(issue)
    world.waits_without_a_service("the death", world.service.death)
    world.service.fails_at("step.make.before")  # so that whoever merged cannot be the first to know
    world.start_service()
    world.waits_for_entry(issue, "pull_request_merged")
    world.service.is_mended("step.make.before")
    world.waits_for_the_end(issue)
    merge = world.pull_request(issue)["merge_commit_sha"]
    assert world.query("SELECT remote_id FROM effects WHERE kind = 'merge'") == [(merge,)]
    assert not world.query("SELECT key FROM effects WHERE done_at IS NULL")
