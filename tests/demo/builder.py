"""The demo's team played by hand: the real scripted agent on a copy of the sample project."""

import subprocess
import sys
from pathlib import Path

import yaml

from bot.adapters.agents.contract import Ending
from bot.adapters.agents.scripted import ScriptedAgent
from bot.adapters.templates import Templates
from bot.domain.agents import AgentRequest, AgentResult, Feedback
from bot.domain.checks import tests_check
from bot.domain.checks.base import Ran
from bot.domain.checks.work import Work
from bot.domain.commands_run import CommandResult
from bot.domain.pipeline import CODE
from bot.domain.refs import AttemptRef, IssueRef, RepoRef
from bot.domain.results import as_needed
from bot.entrypoints.demo.seed import load_story, project_files, team

FAILING_TEST = "test_an_average_of_half_a_cent_is_rounded_up"
HERE = "specs/1-summarise-a-ledger-with-summary"
SIX = Templates().pipelines()["six-agents"]


class Builder:
    """A copy of the sample project in `folder`, and the team that works on it."""

    def __init__(self, folder: Path, house_rules: str | None = None) -> None:
        self._folder = folder
        self._attempts = 0
        self.project = folder / "tally"
        story = load_story()
        spec = {f"{HERE}/spec.md": f"# {story.title}\n\n{story.body}"}
        for path, text in {**project_files(house_rules), **spec}.items():
            file = self.project / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def tries(self, *feedback: Feedback, stage: str = "builder") -> AgentResult:
        """One attempt at a stage with this feedback, and what the stage makes of its result."""
        self._attempts += 1
        attempt_dir = self._folder / f"attempt-{self._attempts}"
        for name in ("home", "tmp", "out"):
            (attempt_dir / name).mkdir(parents=True)
        story = load_story()
        issue = IssueRef(repo=RepoRef(owner="acme", name="tally"), number=1)
        place = SIX.stage(stage)
        request = AgentRequest(
            attempt=AttemptRef(run_id="acme--tally--1", stage=stage, number=self._attempts),
            issue=issue,
            title=story.title,
            role=place.role,
            agent="scripted",
            prompt=story.body,
            workspace=str(self.project),
            inputs=tuple(f"{HERE}/{name}" for name in place.inputs if name != CODE),
            outputs=tuple(f"{HERE}/{name}" for name in place.outputs),
            feedback=feedback,
            settings={"script": yaml.safe_dump(team())},
        )
        agent = ScriptedAgent()
        launch = agent.launch(request, attempt_dir)
        ran = subprocess.run(
            launch.argv, env=launch.env, cwd=launch.cwd, input=launch.stdin, text=True, capture_output=True
        )
        return as_needed(agent.result(attempt_dir, Ending(exit_code=ran.returncode)), place)

    def artifact(self, name: str) -> str:
        """What one of the stages wrote."""
        return (self.project / HERE / name).read_text("utf-8")

    def runs_tests(self) -> tuple[int, str]:
        """Exit code and report of the project's own tests."""
        ran = subprocess.run(
            [sys.executable, "-B", "-m", "unittest", "-v"], cwd=self.project, text=True, capture_output=True
        )
        return ran.returncode, ran.stdout + ran.stderr


def evidence(report: str) -> Feedback:
    """What the real check sends back for this report of failing tests."""
    result = CommandResult(argv=("python3",), exit_code=1, output=report)
    verdict = tests_check.judge(Ran(result, None, Work(folder="specs")), tests_check.TestsConfig())
    return Feedback(source="check", name=verdict.check, reason=verdict.summary, findings=verdict.findings)


def rejection() -> Feedback:
    """What the maintainer sends back from the merge gate."""
    return Feedback(source="rejection", name="merge", reason=load_story().rejection)


def objection(result: AgentResult, stage: str = "reviewer") -> Feedback:
    """What goes back to the builder when a stage asks for changes."""
    return Feedback(source="agent", name=stage, reason=result.summary, findings=result.findings)
