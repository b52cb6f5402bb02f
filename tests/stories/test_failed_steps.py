"""A step of an attempt fails after the agent has answered: the attempt goes on from there, with what was paid for."""

import pytest

from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, Issue, World

NO_SECRETS = """#!/bin/sh
while read -r old new ref; do
  if git show "$new:key.txt" 2>/dev/null | grep -q secret; then echo "GH013: no secrets" >&2; exit 1; fi
done
"""


def answers_pushes(world: World, status: int, times: int = 2) -> None:
    """Have GitHub answer the next pushes with that status, after it has said that they may be made."""
    fault = {"path_regex": "git-receive-pack$", "caller": "installation", "status": status, "times": times}
    world.hub.control("POST", "/faults", fault)


def test_a_push_that_is_refused_once(new_world: NewWorld, database: str) -> None:
    """The agent's files are in its workspace alone: who begins the attempt anew has them no more."""
    world = new_world(database)
    answers_pushes(world, 400)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert world.query("SELECT restarts FROM attempts")[0][0] >= 1
    assert world.kinds(issue).count("attempt_started") == 1
    assert world.builder.times_paid == 1
    assert GOOD.keys() <= {file["filename"] for file in world.sees(f"/pulls/{issue.number + 1}/files")}


def has_asked_for_help(world: World) -> Issue:
    """A run whose agent has answered, in a repository that takes no pushes until its faults are removed."""
    answers_pushes(world, 400, times=1000)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits("the run to ask for help", lambda: "run_parked" in world.kinds(issue), seconds=120)
    return issue


@pytest.mark.slow
def test_an_answer_outlives_a_repository_that_takes_no_pushes(new_world: NewWorld, database: str) -> None:
    """A person is asked, and however long the help takes (or is not enough), what was paid for is there."""
    world = new_world(database)
    issue = has_asked_for_help(world)
    world.comments(issue, "/retry")
    world.waits("it to be tried, and to ask again", lambda: world.kinds(issue).count("run_parked") == 2)
    assert "attempt_finished" not in world.kinds(issue)
    world.hub.control("DELETE", "/faults")
    world.comments(issue, "/retry")
    world.waits_for_gate(issue)
    assert world.kinds(issue).count("attempt_started") == 1
    assert world.kinds(issue).count("run_parked") == 2
    assert world.builder.times_paid == 1


@pytest.mark.slow
def test_a_run_that_is_cancelled_waits_for_no_push(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    issue = has_asked_for_help(world)
    world.comments(issue, "/cancel")
    world.waits_for_the_end(issue)
    assert world.query("SELECT count(*) FROM reservations WHERE settled_usd IS NULL") == [(0,)]
    assert world.query("SELECT cost_usd FROM runs")[0][0] > 0


def test_a_push_that_comes_too_soon(new_world: NewWorld) -> None:
    """It may be pushed, as was said before anything was sent: a 403 after that asks for patience, and fails nothing."""
    world = new_world("sqlite")
    answers_pushes(world, 403)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert world.query("SELECT restarts FROM attempts") == [(0,)]


def test_a_push_that_a_rule_refuses_goes_back_to_whoever_wrote_it(new_world: NewWorld, database: str) -> None:
    """The server's words are the agent's feedback, and what it wrote is there for it to mend."""
    world = new_world(database)
    hook = world.directory / "localhub" / "repos" / "acme" / "tally.git" / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(NO_SECRETS)
    hook.chmod(0o755)
    world.builder.writes({**GOOD, "key.txt": "a secret\n"}).writes({"key.txt": "none\n", "why.md": "{feedback}\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert world.query("SELECT restarts FROM attempts") == [(0,), (0,)]
    assert "GH013: no secrets" in world.git("show", f"{world.branch(issue)}:why.md")
    assert world.git("show", f"{world.branch(issue)}:app/health.py") == GOOD["app/health.py"]
    assert world.builder.times_paid == 2


def test_an_agent_that_works_needs_nothing_to_go_on(new_world: NewWorld) -> None:
    """Whoever takes over from a worker that died may not be able to start an agent just now: this one is at work."""
    world = new_world("sqlite")
    world.builder.writes(GOOD, holds=True)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_agent()
    world.kill_service()
    settings = world.directory / "service.toml"
    as_they_were = settings.read_text()
    assert "argv = " in as_they_were
    settings.write_text("\n".join(line for line in as_they_were.splitlines() if not line.startswith("argv = ")))
    world.start_service()
    world.builder.is_let_go()
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 1


def test_what_may_not_be_committed_goes_back_to_whoever_left_it(new_world: NewWorld) -> None:
    world = new_world("sqlite")
    repository = {"docs/.git/HEAD": "ref: refs/heads/main\n", "docs/.git/objects/x": "", "docs/.git/refs/x": ""}
    world.builder.writes({**repository, "docs/own.md": "Mine\n"}).writes({**GOOD, "why.md": "{feedback}\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert world.builder.times_paid == 2
    told = world.git("show", f"{world.branch(issue)}:why.md")
    assert "check: 'docs' is a git repository of its own" in told
