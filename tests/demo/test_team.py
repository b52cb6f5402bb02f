"""The demo's six agents, played by hand: what each writes is true of the project as it is then."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.agents import AgentStatus, Feedback
from bot.entrypoints.demo.seed import load_story
from tests.demo.builder import HERE, SIX, Builder, evidence, objection, rejection

STAGES = [stage.name for stage in SIX.stages]


@pytest.fixture
def team(tmp_path: Path) -> Builder:
    return Builder(tmp_path)


def built(team: Builder) -> None:
    """Up to the first version that its own tests accept."""
    team.tries(stage="planner")
    team.tries()
    team.tries(evidence(team.runs_tests()[1]))


def counted(report: str) -> int:
    found = re.search(r"(?m)^Ran (\d+) tests?\b", report)
    return int(found[1]) if found else 0


def leaves_its_artifacts(team: Builder, stage: str) -> bool:
    return all(team.artifact(name).strip() for name in SIX.stage(stage).outputs)


def test_the_way_with_every_detour(team: Builder) -> None:
    built(team)
    assert leaves_its_artifacts(team, "planner")
    first = team.tries(stage="reviewer")
    assert (first.opinion, len(first.findings)) == ("changes", 1)
    assert team.tries(objection(first)).status is AgentStatus.OK
    assert team.tries(stage="reviewer").opinion == "pass"
    for stage in ("tester", "deployer", "docs"):
        result = team.tries(stage=stage)
        assert result.status is AgentStatus.OK, result.detail
        assert leaves_its_artifacts(team, stage)
    code, report = team.runs_tests()
    assert code == 0
    assert f"{counted(report)} ran, 0 failed" in team.artifact("test-report.md")
    team.tries(rejection())
    for stage in ("reviewer", "tester", "deployer", "docs"):
        assert team.tries(stage=stage).status is AgentStatus.OK
    code, report = team.runs_tests()
    assert code == 0
    assert f"{counted(report)} ran, 0 failed" in team.artifact("test-report.md")
    assert "an empty ledger" in (team.project / "CHANGELOG.md").read_text()


def test_house_rules_lead_straight_through(tmp_path: Path) -> None:
    team = Builder(tmp_path, house_rules=load_story().house_rules)
    for stage in STAGES:
        result = team.tries(stage=stage)
        assert result.status is AgentStatus.OK, result.detail
        assert result.opinion in (None, "pass")
        assert leaves_its_artifacts(team, stage)
    code, report = team.runs_tests()
    assert code == 0
    assert f"{counted(report)} ran, 0 failed" in team.artifact("test-report.md")


def test_the_reviewers_finding_is_real_and_at_its_line(team: Builder) -> None:
    built(team)
    (finding,) = team.tries(stage="reviewer").findings
    assert finding.path is not None
    assert finding.line is not None
    line = (team.project / finding.path).read_text().splitlines()[finding.line - 1]
    assert "--summary" in line
    tally = [sys.executable, "-B", "-m", "tally", "--summary", "ledger.txt"]
    plain, by_month = (
        subprocess.run([*tally, *more], cwd=team.project, capture_output=True, text=True)
        for more in ([], ["--by", "month"])
    )
    assert (by_month.returncode, by_month.stdout) == (0, plain.stdout)
    team.tries(objection(team.tries(stage="reviewer")))
    assert subprocess.run([*tally, "--by", "month"], cwd=team.project, capture_output=True).returncode == 2


def test_nobody_mends_without_being_told(team: Builder) -> None:
    built(team)
    assert team.tries().status is AgentStatus.AGENT_ERROR
    wrong = Feedback(source="agent", name="reviewer", reason="it could be nicer")
    assert team.tries(wrong).status is AgentStatus.AGENT_ERROR
    assert team.tries(stage="reviewer").opinion == "changes"


def test_a_planner_without_a_spec_has_no_plan(team: Builder) -> None:
    (team.project / HERE / "spec.md").write_text("# Something else\n")
    assert team.tries(stage="planner").status is AgentStatus.AGENT_ERROR


def test_a_refused_plan_names_the_reason(team: Builder) -> None:
    team.tries(stage="planner")
    before = team.artifact("plan.md")
    result = team.tries(Feedback(source="rejection", name="plan", reason="Print five figures"), stage="planner")
    assert "Print five figures" in result.summary
    assert team.artifact("plan.md") != before


def test_what_they_write_about_it_is_what_it_prints(team: Builder) -> None:
    built(team)
    team.tries(stage="deployer")
    readme = (team.project / "README.md").read_text()
    (team.project / "example.txt").write_text(readme.partition("    # March\n")[2].partition("\n\n")[0])
    printed = prints(team, "--summary", "example.txt")
    assert "\n".join(f"    {line}" for line in printed) in readme
    notes = team.artifact("deployment.md")
    assert f"the first `{prints(team, '--summary', 'ledger.txt')[0]}`" in notes
    assert f"a last line `{prints(team, 'ledger.txt')[-1]}`" in notes


def prints(team: Builder, *arguments: str) -> list[str]:
    tally = [sys.executable, "-B", "-m", "tally", *arguments]
    return subprocess.run(tally, cwd=team.project, capture_output=True, text=True, check=True).stdout.splitlines()
