"""Plots: what people and agents do in one run, however often the service dies meanwhile.

Together they pass every failpoint that there is (tests/stories/test_kill_points.py sees to that).
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.stories.world import BROKEN, GOOD, REPAIRED, STRANGER, Issue, World

Play = Callable[[World], Issue]


@dataclass(frozen=True)
class Plot:
    """A way through a run: what is set up, and what is played until the run is over."""

    play: Play
    config: str = ""


def _to_the_merge(world: World) -> Issue:
    """A question, a refusal and a rejection on the way to the merged pull request."""
    world.builder.writes(GOOD).writes(REPAIRED)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    _answered(world, world.comments(number, "/status"), "+1", ":reply -->", 1)
    _answered(world, world.comments(number, "/approve", by=STRANGER), "confused", ":reply -->", 2)
    _reacted(world, world.comments(number, "/reject Tell how it feels"))
    world.waits_for_gate(issue, round=2)
    world.approves(issue)
    world.waits_for_the_end(issue)
    return issue


def _failing_tests(world: World) -> Issue:
    """The first attempt breaks a test, the second repairs it; the gate reminds; a person rejects by a review."""
    world.builder.writes(BROKEN).writes(REPAIRED)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    world.waits("the reminder", lambda: world.bot_comments(number, ":reminder -->"))
    world.waits_for_entry(issue, "reminded")
    world.approves(issue)
    world.waits_for_the_end(issue)
    return issue


def _cancelled_at_work(world: World) -> Issue:
    """The first attempt is rejected, and the run is cancelled while the second is at work."""
    world.builder.writes(GOOD).writes(REPAIRED, holds=True)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    _reacted(world, world.comments(number, "/reject Tell how it feels"))
    world.waits_for_agent(times=2)
    _reacted(world, world.comments(issue, "/cancel not needed any more"))
    world.waits_for_the_end(issue)
    return issue


def _people_push(world: World) -> Issue:
    """A person pushes while the agent works, and again at the gate."""
    world.builder.writes(GOOD).writes(REPAIRED, holds=True)
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    _reacted(world, world.comments(number, "/reject Tell how it feels"))
    world.waits_for_agent(times=2)
    world.pushes(issue, "docs/by-hand.md", "Pushed while the agent works\n")
    world.waits_for_entry(issue, "head_moved")
    world.builder.is_let_go()
    world.waits_for_gate(issue, round=2)
    world.pushes(issue, "docs/by-hand.md", "Pushed at the gate\n")
    world.waits_for_gate(issue, round=3)
    world.approves(issue)
    world.waits_for_the_end(issue)
    return issue


def _gives_up(world: World) -> Issue:
    """The agent fails as often as it may; a person helps."""
    world.builder.fails("no idea").fails("still none").writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_entry(issue, "run_parked")
    world.waits_for_quiet()
    _reacted(world, world.comments(issue, "/retry\nLook at the greeting", by="acme"))
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    return issue


def _a_plan_first(world: World) -> Issue:
    """A plan, approved by a review that the code then makes outdated; a candidate, a merge, a deployment; artifacts
    that are kept in a ref of their own."""
    world.agent("planner").writes({"{folder}/plan.md": "# Plan\n"})
    world.builder.writes(GOOD)
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue, gate="plan")
    world.approves(issue)
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    return issue


def _answered(world: World, comment: int, reaction: str, marker: str, times: int) -> None:
    _reacted(world, comment, reaction)
    number = next(p["number"] for p in world.sees("/pulls?state=all"))
    world.waits(f"{times} replies", lambda: len(world.bot_comments(number, marker)) >= times)


def _reacted(world: World, comment: int, reaction: str = "+1") -> None:
    world.waits_for_reaction(comment, reaction)


_SHORT_ROUNDS = """
pipeline: short
pipelines:
  short:
    name: short
    steps:
      - {stage: builder, role: builder, checks: [tests], rounds: 2}
      - {gate: merge, rejects_to: builder}
"""

_PLANNED = """
pipeline: planned
artifacts: ref
deploy:
  build: ["true"]
  smoke: ["true"]
  preview: {command: ["true"], health: {command: ["true"]}}
  production: {name: production, command: ["true"], health: {command: ["true"]}}
pipelines:
  planned:
    name: planned
    steps:
      - {stage: planner, role: planner, inputs: [spec.md], outputs: [plan.md], writes: artifacts}
      - {gate: plan, rejects_to: planner, shows: [plan.md]}
      - {stage: builder, role: builder, inputs: [plan.md, code], checks: [tests], ships: true}
      - {gate: merge, rejects_to: builder}
"""

PLOTS = {
    "merge": Plot(_to_the_merge),
    "failing tests": Plot(_failing_tests, "gates:\n  merge:\n    remind_after_hours: 0.0002\n"),
    "cancel": Plot(_cancelled_at_work),
    "push": Plot(_people_push),
    "give up": Plot(_gives_up, _SHORT_ROUNDS),
    "plan": Plot(_a_plan_first, _PLANNED),
}
