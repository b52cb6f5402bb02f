"""What goes into a merge, and how much is asked of GitHub: artifacts that are kept, stripped or put aside, and the
number of requests."""

import pytest

from bot.domain.entries import AttemptFinished
from tests.localhub.harness import git
from tests.stories.conftest import NewWorld
from tests.stories.test_gates import BUILT, PLAN, REVIEW
from tests.stories.world import GOOD, MAINTAINER, REPAIRED, Issue, World

MOST_REQUESTS = 40
SIX = "pipeline: six-agents\n"


def planned(artifacts: str) -> str:
    return f"""
artifacts: {artifacts}
pipeline: planned
pipelines:
  planned:
    name: planned
    steps:
      - {{stage: planner, role: planner, inputs: [spec.md], outputs: [plan.md], writes: artifacts}}
      - {{stage: builder, role: builder, inputs: [plan.md], checks: [tests, size], rounds: 2}}
      - {{stage: docs, role: docs, inputs: [plan.md, code], outputs: [as-built.md], writes: artifacts}}
      - {{gate: merge, rejects_to: builder, shows: [plan.md]}}
"""


def folder_of(world: World, issue: Issue) -> str:
    return f"specs/{world.branch(issue).removeprefix('issuewright/')}"


@pytest.mark.parametrize("artifacts", ["keep", "strip", "ref"])
def test_what_becomes_of_the_artifacts(new_world: NewWorld, artifacts: str) -> None:
    """Rejected once: the builder finds the plan where it was, and nobody is paid again for what has not changed."""
    world = new_world(config=planned(artifacts))
    world.agent("planner").writes({PLAN: "# Plan\n"})
    # The second attempt breaks a test: the third goes on from what the second left.
    broken = {"app/greeting.py": "def greet() -> str:\n    return 'no'\n", "docs/why.md": "x\n"}
    world.builder.writes(GOOD).writes(broken).writes(REPAIRED)
    world.agent("docs").writes({BUILT: "As built\n"}).writes({BUILT: "As rebuilt\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    folder, head = folder_of(world, issue), world.pull_request(issue)["head"]["sha"]
    artifacts_there = [path for path in world.files_on(head) if path.startswith(folder)]
    assert bool(artifacts_there) is (artifacts == "keep")
    readable(world, number)
    world.comments(number, "/reject Tell how it feels")
    world.waits_for_gate(issue, round=2)
    assert paid(world) == {"planner": 1, "builder": 3, "docs": 2}
    ends = world.entries(issue, AttemptFinished)
    refusals = [verdict.check for end in ends for verdict in end.verdicts if verdict.refuses]
    assert refusals == ["tests"], "what we brought back is not the agent's doing"
    docs = next(end.commit for end in reversed(ends) if end.stage == "docs" and end.commit)
    assert {f"{folder}/{name}" for name in ("spec.md", "plan.md", "as-built.md")} <= {*world.files_on(docs)}
    world.approves(issue)
    world.waits_for_the_end(issue)
    merged = world.files_on("main")
    assert {"app/health.py", "docs/why.md"} <= {*merged}
    assert bool([path for path in merged if path.startswith("specs/")]) is (artifacts == "keep")
    refs = world.git("for-each-ref", "--format=%(refname)").split()
    kept = f"refs/issuewright/artifacts/{world.run_id(issue)}"
    assert (kept in refs) is (artifacts == "ref")
    if artifacts == "ref":
        assert world.git("show", f"{kept}:{folder}/as-built.md") == "As rebuilt\n"


def readable(world: World, number: int) -> None:
    """The gate's comment leads to files that are there."""
    (asked,) = world.bot_comments(number, ":gate:merge:1 -->")
    line = next(line for line in asked.splitlines() if "`plan.md`" in line)
    commit, _, path = line.partition("/blob/")[2].partition(")")[0].partition("/")
    assert world.git("show", f"{commit}:{path}") == "# Plan\n"


def test_a_push_onto_the_stripped_branch_does_not_lose_the_artifacts(new_world: NewWorld) -> None:
    world = new_world(config=planned("strip"))
    world.agent("planner").writes({PLAN: "# Plan\n"})
    world.builder.writes(GOOD).writes(REPAIRED)
    world.agent("docs").writes({BUILT: "As built\n"}).writes({BUILT: "As rebuilt\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.pushes(issue, "docs/by-hand.md", "By hand\n")
    world.waits_for_gate(issue, round=2)
    world.comments(number, "/reject Tell how it feels")
    world.waits_for_gate(issue, round=3)
    assert paid(world) == {"planner": 1, "builder": 2, "docs": 2}
    world.approves(issue)
    world.waits_for_the_end(issue)
    merged = world.files_on("main")
    assert "docs/by-hand.md" in merged
    assert not [path for path in merged if path.startswith("specs/")]


@pytest.mark.parametrize("artifacts", ["strip", pytest.param("ref", marks=pytest.mark.slow)])
def test_who_takes_our_last_commit_off_the_branch_is_asked_again(new_world: NewWorld, artifacts: str) -> None:
    """As often as it happens: the branch is back at a head whose artifacts have been taken away before."""
    world = new_world(config=planned(artifacts))
    world.agent("planner").writes({PLAN: "# Plan\n"})
    world.builder.writes(GOOD)
    world.agent("docs").writes({BUILT: "As built\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    for again in (1, 2):
        world.waits_for_gate(issue, round=again)
        takes_back(world, issue, f"back-{again}")
    world.waits_for_gate(issue, round=3)
    assert paid(world) == {"planner": 1, "builder": 1, "docs": 1}
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert not [path for path in world.files_on("main") if path.startswith("specs/")]


def takes_back(world: World, issue: Issue, name: str) -> None:
    """Somebody takes the newest commit off the branch."""
    clone, branch = world.directory / "people" / name, world.branch(issue)
    remote = world.hub.remote(world.hub.tokens[MAINTAINER])
    git(world.directory, "clone", "-q", "--branch", branch, remote, str(clone))
    git(clone, "reset", "-q", "--hard", "HEAD~1")
    git(clone, "push", "-q", "--force", "origin", branch)


def paid(world: World) -> dict[str, int]:
    return {role: world.agent(role).times_paid for role in ("planner", "builder", "docs")}


def test_six_agents_without_rejections_cost_at_most_forty_requests(new_world: NewWorld) -> None:
    """By localhub's own log, from the label to the last word; git's requests are not the API's."""
    world = new_world(config=SIX)
    world.agent("planner").writes({PLAN: "# Plan\n", "{folder}/tasks.md": "# Tasks\n"})
    world.builder.writes(GOOD)
    world.agent("reviewer").says({REVIEW: "# Review\n"}, opinion="pass")
    world.agent("tester").says({"{folder}/test-report.md": "# Report\n"}, opinion="pass")
    world.agent("deployer").says({"{folder}/deployment.md": "# Deployment\n"}, opinion="pass")
    world.agent("docs").writes({BUILT: "# As built\n"})
    world.start_service()
    world.waits_for_quiet()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue, gate="plan")
    world.approves(issue)
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.pull_request(issue)["merged"]
    ours = [
        r for r in world.hub.control("GET", "/requests") if r["kind"] != "git" and r["as"] in ("app", "installation")
    ]
    said = "\n".join(f"{r['method']} {r['path']} {r['status']}" for r in ours)
    assert len(ours) <= MOST_REQUESTS, f"{len(ours)} requests\n{said}"
    assert len(world.agent_calls()) == 6
