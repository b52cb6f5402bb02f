"""A step of an attempt fails after the agent has answered: the attempt goes on from there, with what was paid for."""

from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD


def test_a_push_that_is_refused_once(new_world: NewWorld, database: str) -> None:
    """The agent's files are in its workspace alone: who begins the attempt anew has them no more."""
    world = new_world(database)
    fault = {"path_regex": "git-receive-pack$", "caller": "installation", "status": 400, "times": 2}
    world.hub.control("POST", "/faults", fault)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert world.query("SELECT restarts FROM attempts")[0][0] >= 1
    assert world.kinds(issue).count("attempt_started") == 1
    assert world.builder.times_paid == 1
    assert GOOD.keys() <= {file["filename"] for file in world.sees(f"/pulls/{issue.number + 1}/files")}


def test_a_push_that_comes_too_soon(new_world: NewWorld) -> None:
    """It may be pushed, as was said before anything was sent: a 403 after that asks for patience, and fails nothing."""
    world = new_world("sqlite")
    limit = {"path_regex": "git-receive-pack$", "caller": "installation", "status": 403, "times": 2}
    world.hub.control("POST", "/faults", limit)
    world.start_service()
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert world.query("SELECT restarts FROM attempts") == [(0,)]


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
