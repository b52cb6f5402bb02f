"""Deployments: candidates before the merge, production after it, each command run once, each outcome told."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.domain.entries import AttemptStarted, DeploymentFinished, RunParked
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, REPAIRED, Issue, World

ALONE = """
pipeline: alone
pipelines:
  alone:
    name: alone
    steps:
      - {stage: builder, role: builder, checks: [tests], rounds: 3}
      - stage: deployer
        role: deployer
        inputs: [code]
        outputs: [deployment.md]
        writes: artifacts
        sends_back_to: builder
        ships: true
        rounds: 2
      - {gate: merge, rejects_to: builder}
"""
NOTE = "{folder}/deployment.md"
WORKFLOW = """
name: Deploy
run-name: Deploy ${{ inputs.release }} ${{ inputs.issuewright }}
on:
  workflow_dispatch:
    inputs:
      commit: {required: true}
      release: {required: true}
      issuewright: {required: true}
jobs: {}
"""


def python(script: str, *arguments: object) -> str:
    """A command, as it stands in the configuration."""
    return json.dumps([sys.executable, "-c", script, *map(str, arguments)])


def notes(file: Path) -> str:
    """A command that appends to a file which commit and release it was run for."""
    script = (
        "import os, sys; print(os.environ['ISSUEWRIGHT_COMMIT'], os.environ['ISSUEWRIGHT_RELEASE'],"
        " file=open(sys.argv[1], 'a'))"
    )
    return python(script, file)


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def deployments(world: World, issue: Issue) -> list[DeploymentFinished]:
    return world.entries(issue, DeploymentFinished)


def on_github(world: World) -> list[tuple[str, str, list[str]]]:
    """GitHub's own records: environment, commit, and the states of each, oldest first."""
    found = reversed(world.sees("/deployments?per_page=100"))
    return [(each["environment"], each["sha"], states(world, each)) for each in found]


def states(world: World, deployment: dict[str, Any]) -> list[str]:
    return [each["state"] for each in reversed(world.sees(f"/deployments/{deployment['id']}/statuses"))]


def rows(world: World) -> list[tuple[str, ...]]:
    return [
        tuple(row) for row in world.query("SELECT environment, status, release FROM deployments ORDER BY started_at")
    ]


def runs(world: World, builds: Sequence[dict[str, str]] = (GOOD,)) -> Issue:
    for files in builds:
        world.builder.writes(files)
    world.agent("deployer").says({NOTE: "# Deployment\n"}, opinion="pass").says({NOTE: "# 2\n"}, opinion="pass")
    world.start_service()
    return world.opens_spec("Add a health check")


def test_a_candidate_without_configuration_is_recorded_and_says_what_was_not_done(new_world: NewWorld) -> None:
    world = new_world(config=ALONE)
    issue = runs(world)
    number = world.waits_for_gate(issue)
    (shipped,) = deployments(world, issue)
    assert shipped.status == "success"
    for nothing in ("no build is configured", "no smoke test is configured", "deployed nowhere"):
        assert nothing in shipped.detail
    (asked,) = world.bot_comments(number, ":gate:merge:1 -->")
    assert "no build is configured" in asked
    assert rows(world) == [("candidate", "success", shipped.release)]
    assert on_github(world) == [("candidate", shipped.commit, ["success"])]


def test_a_github_without_deployments_is_no_obstacle(new_world: NewWorld) -> None:
    world = new_world(config=ALONE)
    fault = {"path_regex": "/deployments", "caller": "installation", "status": 404, "times": None}
    world.hub.control("POST", "/faults", fault)
    issue = runs(world)
    world.waits_for_gate(issue)
    assert [row[:2] for row in rows(world)] == [("candidate", "success")]
    assert on_github(world) == []


@pytest.mark.parametrize("is_cut_off", [False, True], ids=["gone", "not built to the end"])
def test_a_machine_that_is_lost_says_nothing_against_a_release(
    new_world: NewWorld, tmp_path: Path, is_cut_off: bool
) -> None:
    """Whoever goes on without its files makes them again, ships nothing twice, and does not bring the last good version
    back."""
    log, asked, healthy = tmp_path / "log", tmp_path / "asked", tmp_path / "healthy"
    health = """
import pathlib, sys, time
pathlib.Path(sys.argv[1]).touch()
while not pathlib.Path(sys.argv[2]).exists():
    time.sleep(0.1)
assert pathlib.Path('app.built').exists()
"""
    config = f"""
deploy:
  build: {python("import pathlib; pathlib.Path('app.built').touch()")}
  production:
    name: production
    command: {notes(log)}
    health: {{command: {python(health, asked, healthy)}, tries: 1}}
"""
    world = new_world(config=config)
    issue = runs(world)
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits("production to be asked", asked.exists)
    world.kill_service()
    (place,) = (each for each in (world.directory / "data" / "worktrees").glob("acme*") if each.is_dir())
    shutil.rmtree(place)
    if is_cut_off:
        # This machine was lost before its build was through, and is back; another one had gone on with the build.
        place.mkdir()
        (world.directory / "data" / "commands" / place.name / "built").unlink()
    healthy.touch()
    world.start_service()
    world.waits_for_the_end(issue)
    (shipped,) = deployments(world, issue)
    assert (shipped.status, len(lines(log))) == ("success", 1), shipped.detail


def test_a_candidate_is_built_tried_deployed_and_verified(new_world: NewWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"
    smoke = python("import pathlib; assert pathlib.Path('app.built').read_text() == 'built'")
    config = f"""
deploy:
  build: {python("import pathlib; pathlib.Path('app.built').write_text('built')")}
  smoke: {smoke}
  preview:
    name: staging
    command: {notes(log)}
    url: https://staging.example.com
    health: {{command: {python("import sys; sys.exit(len(open(sys.argv[1]).readlines()) != 1)", log)}, wait_seconds: 0}}
"""
    world = new_world(config=ALONE + config)
    issue = runs(world)
    world.waits_for_gate(issue)
    (shipped,) = deployments(world, issue)
    assert shipped.detail == "build: ok; smoke test: ok; deployed to staging; health check: ok"
    assert lines(log) == [f"{shipped.commit} {shipped.release}"]
    assert on_github(world) == [("staging", shipped.commit, ["success"])]
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert len(lines(log)) == 1, "the docs and the merge ship nothing again"


def test_a_candidate_that_is_not_healthy_goes_back_with_the_evidence(new_world: NewWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import sys; n = len(open(sys.argv[1]).readlines()); print('answered 502'); sys.exit(n < 2)"
    config = f"""
deploy:
  preview:
    command: {notes(log)}
    health: {{command: {python(script, log)}, tries: 2, wait_seconds: 0}}
"""
    world = new_world(config=ALONE + config)
    issue = runs(world, [GOOD, REPAIRED])
    world.waits_for_gate(issue)
    first, second = deployments(world, issue)
    assert (first.status, second.status) == ("failure", "success")
    assert "is not healthy after 2 tries" in first.detail
    assert "answered 502" in first.findings[0].message
    mended = next(start for start in world.entries(issue, AttemptStarted) if start.feedback)
    assert (mended.stage, mended.feedback[0].name) == ("builder", "deployment")
    assert "answered 502" in mended.feedback[0].findings[0].message
    assert [state for _, _, state in on_github(world)] == [["failure"], ["success"]]
    assert world.builder.times_paid == 2


def test_candidates_that_are_never_healthy_end_with_a_person(new_world: NewWorld) -> None:
    config = f"deploy:\n  smoke: {python('print(1 / 0)')}\n"
    world = new_world(config=ALONE + config)
    several = [{"app/health.py": f"def health() -> int:\n    return {n}\n"} for n in range(6)]
    issue = runs(world, several)
    world.waits_for_entry(issue, "run_parked")
    (parked,) = world.entries(issue, RunParked)
    assert parked.reason == "deployer sent the work back 2 times in a row"
    assert [shipped.status for shipped in deployments(world, issue)] == ["failure", "failure"]
    assert world.builder.times_paid == 2
    said = "smoke test failed"
    world.waits("the status to say why", lambda: world.bot_comments(issue.number, said))
    world.waits_for_reaction(world.comments(issue, "/retry builder"), "+1")
    world.waits("another round", lambda: world.builder.times_paid == 3)


def test_killed_while_it_is_deployed_the_command_runs_once(new_world: NewWorld, database: str, tmp_path: Path) -> None:
    log, go = tmp_path / "log", tmp_path / "go"
    script = (
        "import pathlib, sys, time\n"
        "print('deployed', file=open(sys.argv[1], 'a'))\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.02)\n"
    )
    config = f"deploy:\n  preview:\n    command: {python(script, log, go)}\n"
    world = new_world(database, config=ALONE + config)
    issue = runs(world)
    world.waits("the deployment", lambda: lines(log))
    world.kill_service()
    world.start_service()
    world.waits("the deployment to be taken up", lambda: "step.ship.before" in world.service.points_reached()[-9:])
    go.touch()
    world.waits_for_gate(issue)
    assert lines(log) == ["deployed"]
    assert [shipped.status for shipped in deployments(world, issue)] == ["success"]


def production(log: Path, healthy: str) -> str:
    return f"""
deploy:
  production:
    name: production
    command: {notes(log)}
    health: {{command: {healthy}, tries: 1, wait_seconds: 0}}
"""


def test_what_was_merged_is_brought_to_production(new_world: NewWorld, tmp_path: Path) -> None:
    log = tmp_path / "log"
    world = new_world(config=production(log, '["true"]'))
    world.builder.writes(GOOD)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    merged = world.pull_request(issue)["merge_commit_sha"]
    (shipped,) = deployments(world, issue)
    assert (shipped.environment, shipped.commit, shipped.status) == ("production", merged, "success")
    assert lines(log) == [f"{merged} {shipped.release}"]
    assert on_github(world) == [("production", merged, ["success"])]
    assert world.bot_comments(issue.number, "**Production**")
    assert world.issue(issue)["state"] == "closed"


def test_what_does_not_work_in_production_is_rolled_back_and_said_so(new_world: NewWorld, tmp_path: Path) -> None:
    """Healthy as long as what was deployed last is not the second spec's."""
    log = tmp_path / "log"
    script = "import sys; sys.exit('2.' in open(sys.argv[1]).readlines()[-1].split()[1][:2])"
    world = new_world(config=production(log, python(script, log)))
    world.builder.writes(GOOD)
    world.start_service()
    good, bad = world.opens_spec("Add a health check"), world.opens_spec("Add a greeting")
    assert (good.number, bad.number) == (1, 2)
    world.waits_for_gate(good)
    world.approves(good)
    world.waits_for_the_end(good)
    number = world.waits_for_gate(bad)
    world.pushes(bad, "docs/by-hand.md", "By hand\n")
    world.waits_for_gate(bad, round=2)
    world.approves(bad)
    world.waits_for_the_end(bad)
    (worked,), (failed,) = deployments(world, good), deployments(world, bad)
    assert failed.status == "rolled_back"
    assert [line.split() for line in lines(log)] == [
        [worked.commit, worked.release],
        [failed.commit, failed.release],
        [worked.commit, worked.release],
    ]
    (told,) = world.bot_comments(number, "was rolled back")
    assert "the last good version was brought back" in told
    assert world.bot_comments(bad.number, "was rolled back")
    assert [state for _, _, state in on_github(world)][-1] == ["failure"]


def test_a_first_deployment_that_does_not_work_has_nothing_to_go_back_to(new_world: NewWorld, tmp_path: Path) -> None:
    world = new_world(config=production(tmp_path / "log", '["false"]'))
    world.builder.writes(GOOD)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert [shipped.status for shipped in deployments(world, issue)] == ["failure"]
    assert world.bot_comments(number, "does not work in production")
    assert len(lines(tmp_path / "log")) == 1


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_a_dispatched_workflow_is_waited_for(new_world: NewWorld, conclusion: str) -> None:
    config = "deploy:\n  preview:\n    workflow: deploy.yml\n"
    world = new_world(config=ALONE + config)
    world.pushes_to("main", ".github/workflows/deploy.yml", WORKFLOW)
    issue = runs(world, [GOOD, REPAIRED])
    control = "/repositories/acme/tally/workflow-runs"
    (dispatched,) = world.waits("the dispatch", lambda: world.hub.control("GET", control))
    assert world.run_id(issue) in dispatched["display_title"]
    world.kill_service()
    world.start_service()
    assert deployments(world, issue) == []
    world.hub.control("POST", f"{control}/{dispatched['id']}", {"conclusion": conclusion})
    world.waits_for_entry(issue, "deployment_finished")
    (shipped,) = deployments(world, issue)
    assert shipped.status == conclusion
    assert len(world.hub.control("GET", control)) == 1, "dispatched once"


@pytest.mark.slow
def test_killed_just_after_the_dispatch_the_workflow_runs_once(new_world: NewWorld) -> None:
    world = new_world(config=ALONE + "deploy:\n  preview:\n    workflow: deploy.yml\n")
    world.pushes_to("main", ".github/workflows/deploy.yml", WORKFLOW)
    world.service.dies_at("effect.dispatch.after-call")
    issue = runs(world)
    done = "SELECT remote_id FROM effects WHERE kind = 'dispatch' AND done_at IS NOT NULL"
    [(number,)] = world.waits("the dispatch to be noted", lambda: world.query(done))
    assert world.service.deaths == ["effect.dispatch.after-call"]
    control = "/repositories/acme/tally/workflow-runs"
    assert [str(each["id"]) for each in world.hub.control("GET", control)] == [number]
    world.hub.control("POST", f"{control}/{number}", {"conclusion": "success"})
    world.waits_for_gate(issue)
    assert [shipped.status for shipped in deployments(world, issue)] == ["success"]


def of_an_older_server(new_world: NewWorld, workflow: str = WORKFLOW) -> tuple[World, Issue]:
    """A run whose candidate goes out by a CI workflow, on a GitHub that does not tell which run it has started."""
    world = new_world(config=ALONE + "deploy:\n  preview:\n    workflow: deploy.yml\n")
    fault = {"method": "POST", "path_regex": "/dispatches$", "caller": "installation", "status": 400, "times": 1}
    world.hub.control("POST", "/faults", {**fault, "message": "return_run_details is not a permitted key."})
    world.pushes_to("main", ".github/workflows/deploy.yml", workflow)
    return world, runs(world)


def test_a_dispatch_of_which_nothing_is_told_is_found_by_its_key(new_world: NewWorld) -> None:
    world, issue = of_an_older_server(new_world)
    control = "/repositories/acme/tally/workflow-runs"
    (dispatched,) = world.waits("the dispatch", lambda: world.hub.control("GET", control))
    world.kill_service()
    world.start_service()
    world.hub.control("POST", f"{control}/{dispatched['id']}", {"conclusion": "success"})
    world.waits_for_entry(issue, "deployment_finished")
    assert [shipped.status for shipped in deployments(world, issue)] == ["success"]
    assert len(world.hub.control("GET", control)) == 1, "dispatched once"


@pytest.mark.slow
def test_a_dispatch_that_cannot_be_found_is_not_repeated(new_world: NewWorld) -> None:
    world, issue = of_an_older_server(new_world, WORKFLOW.replace(" ${{ inputs.issuewright }}", ""))
    world.waits("the deployment to end", lambda: deployments(world, issue), seconds=150)
    (shipped,) = deployments(world, issue)
    assert "put `${{ inputs.issuewright }}` into its `run-name`" in shipped.detail
    assert len(world.hub.control("GET", "/repositories/acme/tally/workflow-runs")) == 1, "dispatched once"
