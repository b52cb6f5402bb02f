"""Agents that judge others' work: what they must say, what becomes of it, and who is paid again for it."""

import pytest

from bot.domain.agents import AgentStatus
from bot.domain.entries import AttemptFinished, AttemptStarted, RunParked
from tests.stories.conftest import NewWorld
from tests.stories.world import GOOD, Issue, World

REVIEWED = """
pipeline: reviewed
pipelines:
  reviewed:
    name: reviewed
    steps:
      - {stage: builder, role: builder, checks: [tests]}
      - stage: reviewer
        role: reviewer
        outputs: [review.md]
        writes: artifacts
        sends_back_to: builder
      - {stage: docs, role: docs, inputs: [code], outputs: [as-built.md], writes: artifacts}
      - {gate: merge, rejects_to: builder, shows: [review.md]}
"""
REVIEW = {"{folder}/review.md": "# Review\n"}
MENDED = {"app/health.py": "def health() -> str:\n    return 'well'\n"}
FINDING = {"message": "say `well`", "path": "app/health.py", "line": 2}


def ends(world: World, issue: Issue, stage: str) -> list[AttemptFinished]:
    entries = (record.entry for record in world.journal(issue))
    return [entry for entry in entries if isinstance(entry, AttemptFinished) and entry.stage == stage]


def starts(world: World, issue: Issue, stage: str) -> list[AttemptStarted]:
    entries = (record.entry for record in world.journal(issue))
    return [entry for entry in entries if isinstance(entry, AttemptStarted) and entry.stage == stage]


def test_a_result_without_an_opinion_has_one_round_to_be_repaired(new_world: NewWorld) -> None:
    world = new_world(config=REVIEWED)
    world.builder.writes(GOOD)
    world.agent("reviewer").writes(REVIEW).says({}, opinion="pass")
    world.agent("docs").writes({"{folder}/as-built.md": "As built.\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    first, second = ends(world, issue, "reviewer")
    assert first.status is AgentStatus.BAD_OUTPUT
    assert "`opinion`" in first.detail
    (feedback,) = starts(world, issue, "reviewer")[1].feedback
    assert (feedback.source, feedback.name, feedback.reason) == ("agent", "result", first.detail)
    # The review itself was not written again: it was kept for the attempt that only had to answer.
    assert (second.status, second.opinion) == (AgentStatus.OK, "pass")
    assert "review.md" in second.contents
    assert world.builder.times_paid == 1
    assert world.bot_comments(number, "gave no valid result")


def test_two_results_that_nobody_can_use_are_a_persons_business(new_world: NewWorld) -> None:
    world = new_world(config=REVIEWED)
    world.builder.writes(GOOD)
    world.agent("reviewer").says(REVIEW, opinion="changes")
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_entry(issue, "run_parked")
    (parked,) = (r.entry for r in world.journal(issue) if isinstance(r.entry, RunParked))
    assert "gave no valid result twice" in parked.reason
    assert "`findings`" in parked.reason
    assert world.agent("reviewer").times_paid == 2


def test_findings_go_to_the_builder_and_only_those_look_again_whose_input_changed(new_world: NewWorld) -> None:
    world = new_world(config=REVIEWED)
    world.builder.writes(GOOD).writes(MENDED)
    world.agent("reviewer").says(REVIEW, opinion="changes", findings=[FINDING]).says({}, opinion="pass")
    world.agent("docs").writes({"{folder}/as-built.md": "As built.\n"})
    world.start_service()
    issue = world.opens_spec("Add a health check")
    number = world.waits_for_gate(issue)
    (feedback,) = starts(world, issue, "builder")[1].feedback
    assert (feedback.source, feedback.name) == ("agent", "reviewer")
    assert [finding.message for finding in feedback.findings] == ["say `well`"]
    # The reviewer's second look left its review as it was: the head that it looked at stands.
    again = ends(world, issue, "reviewer")[1]
    assert again.commit == ends(world, issue, "builder")[1].commit
    assert (world.builder.times_paid, world.agent("reviewer").times_paid, world.agent("docs").times_paid) == (2, 2, 1)
    (comment,) = world.bot_comments(number, ":stage:reviewer")
    assert f"/acme/tally/blob/{ends(world, issue, 'reviewer')[0].commit}/app/health.py#L2" in comment


def test_a_stage_without_its_artifact_is_told_and_tries_again(new_world: NewWorld) -> None:
    world = new_world(config=REVIEWED)
    world.builder.writes(GOOD)
    world.agent("reviewer").says({"{folder}/notes.md": "x\n"}, opinion="pass").says(REVIEW, opinion="pass")
    world.agent("docs").writes({"app/health.py": "broken(\n", "{folder}/as-built.md": "x\n"}).writes(
        {"app/health.py": GOOD["app/health.py"]}
    )
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    assert [v.check for end in ends(world, issue, "reviewer") for v in end.verdicts if v.refuses] == ["outputs"]
    refused = [verdict for end in ends(world, issue, "docs") for verdict in end.verdicts if verdict.refuses]
    assert [verdict.check for verdict in refused] == ["changes"]
    assert [finding.path for finding in refused[0].findings] == ["app/health.py"]


TWO = """
pipeline: two
pipelines:
  two:
    name: two
    steps:
      - {stage: builder, role: builder, checks: [tests]}
      - {stage: reviewer, role: reviewer, outputs: [review.md], writes: artifacts, sends_back_to: builder}
      - {gate: merge, rejects_to: builder, shows: [review.md]}
"""


@pytest.mark.parametrize(
    "lost",
    [
        None,
        *(pytest.param(each, marks=pytest.mark.slow) for each in [("POST", "/check-runs$"), ("PATCH", "/check-runs/")]),
    ],
)
def test_a_finding_is_shown_once_at_its_line(new_world: NewWorld, lost: tuple[str, str] | None) -> None:
    """GitHub adds the annotations of an update to those that a check run has."""
    world = new_world(config=TWO)
    world.builder.writes(GOOD)
    world.agent("reviewer").says(REVIEW, opinion="pass", findings=[FINDING])
    if lost is not None:
        fault = {"method": lost[0], "path_regex": lost[1], "caller": "installation", "when": "after", "kind": "drop"}
        world.hub.control("POST", "/faults", fault)
    world.start_service()
    issue = world.opens_spec("Add a health check")
    world.waits_for_gate(issue)
    world.approves(issue)
    world.waits_for_the_end(issue)
    assert world.hub.control("GET", "/faults") == []
    (check,) = world.check_runs(world.pull_request(issue)["head"]["sha"])
    assert check["conclusion"] == "success"
    (annotation,) = world.sees(f"/check-runs/{check['id']}/annotations")
    assert (annotation["path"], annotation["start_line"]) == (FINDING["path"], FINDING["line"])
