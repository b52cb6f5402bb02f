"""What an attempt left behind must be the work of its stage."""

import pytest

from bot.domain.agents import Feedback
from bot.domain.pipeline import Gate, Pipeline, Stage
from bot.domain.work import objection
from tests.domain.samples import run_of

PLANNER = Stage(stage="planner", role="planner", outputs=("plan.md", "tasks.md"), writes="artifacts")
BUILDER = Stage(stage="builder", role="builder")
TESTER = Stage(stage="tester", role="tester", outputs=("test-report.md",), sends_back_to="builder")
PLAN = Pipeline(name="three", steps=(PLANNER, BUILDER, TESTER, Gate(gate="merge", rejects_to="builder")))
HERE = "specs/7-add-a-health-check"
CHECK = Feedback(source="check", name="tests", reason="1 failed")
ANSWER = Feedback(source="agent", name="result", reason="`opinion` is missing")


def refused(
    stage: Stage, changed: tuple[str, ...], present: tuple[str, ...] = (), feedback: tuple[Feedback, ...] = ()
) -> tuple[str, list[str | None]] | None:
    verdict = objection(run_of(plan=PLAN), stage, feedback, changed=changed, present=present)
    return None if verdict is None else (verdict.check, [finding.path for finding in verdict.findings])


def test_a_stage_does_its_own_work() -> None:
    assert refused(PLANNER, (f"{HERE}/plan.md", f"{HERE}/tasks.md"), ("plan.md", "tasks.md")) is None
    assert refused(PLANNER, (f"{HERE}/notes.md", f"{HERE}/plan.md"), ("plan.md", "tasks.md")) is None
    assert refused(BUILDER, ("app.py",)) is None
    assert refused(TESTER, ("tests/test_app.py", f"{HERE}/test-report.md"), ("test-report.md",)) is None


@pytest.mark.parametrize("path", ["app.py", "specs/other/plan.md", f"{HERE}-2/plan.md", "specs"])
def test_a_stage_for_artifacts_writes_nothing_else(path: str) -> None:
    assert refused(PLANNER, (f"{HERE}/plan.md", path), ("plan.md", "tasks.md")) == ("changes", [path])


@pytest.mark.parametrize(
    ("stage", "path"),
    [
        (BUILDER, f"{HERE}/spec.md"),
        (PLANNER, f"{HERE}/spec.md"),
        (BUILDER, f"{HERE}/plan.md"),
        (TESTER, f"{HERE}/plan.md"),
        (BUILDER, f"{HERE}/test-report.md"),
    ],
)
def test_nobody_changes_what_others_answer_for(stage: Stage, path: str) -> None:
    assert refused(stage, ("app.py", path) if stage is not PLANNER else (path,), stage.outputs) == ("changes", [path])


def test_every_artifact_must_be_there() -> None:
    assert refused(PLANNER, (f"{HERE}/plan.md",), ("plan.md",)) == ("outputs", [f"{HERE}/tasks.md"])
    assert refused(TESTER, ("tests/test_app.py",)) == ("outputs", [f"{HERE}/test-report.md"])


def test_nothing_changed_is_no_work_unless_the_stage_looked_again() -> None:
    assert refused(BUILDER, ()) == ("changes", [])
    assert objection(run_of(plan=PLAN), BUILDER, (), changed=(), present=(), was_left_behind=True) is None
    assert refused(TESTER, (), ("test-report.md",)) is None
    assert refused(TESTER, (), ("test-report.md",), (CHECK,)) == ("changes", [])
    assert refused(TESTER, (), ("test-report.md",), (ANSWER,)) is None
    assert refused(TESTER, (), ("test-report.md",), (ANSWER, CHECK)) == ("changes", [])
