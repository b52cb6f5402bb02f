"""What an agent may say of the work, and what a stage must be told."""

from typing import Any

import pytest
from pydantic import ValidationError

from bot.domain.agents import AgentResult, AgentStatus, Finding
from bot.domain.pipeline import Stage
from bot.domain.results import Report, as_needed

BUILDER = Stage(stage="builder", role="builder")
REVIEWER = Stage(stage="reviewer", role="reviewer", sends_back_to="builder")


def result(**parts: Any) -> AgentResult:
    return AgentResult.model_validate({"status": AgentStatus.OK, "cost_usd": 0.5, **parts})


@pytest.mark.parametrize(
    ("stage", "given"),
    [
        (BUILDER, result()),
        (BUILDER, result(opinion="changes", findings=(Finding(message="m"),))),
        (REVIEWER, result(opinion="pass")),
        (REVIEWER, result(opinion="pass", findings=(Finding(message="m", severity="note"),))),
        (REVIEWER, result(opinion="changes", findings=(Finding(message="m"),))),
        (REVIEWER, result(status=AgentStatus.TIMEOUT, detail="too late")),
    ],
    ids=["no judge", "not asked", "pass", "pass with notes", "changes", "failed anyway"],
)
def test_a_stage_takes_what_it_can_use(stage: Stage, given: AgentResult) -> None:
    assert as_needed(given, stage) == given


@pytest.mark.parametrize(
    ("stage", "given", "named"),
    [
        (REVIEWER, result(), "`opinion`"),
        (REVIEWER, result(findings=(Finding(message="m"),)), "`opinion`"),
        (REVIEWER, result(opinion="changes"), "`findings`"),
        (BUILDER, result(opinion="changes"), "`findings`"),
    ],
)
def test_what_it_cannot_use_is_bad_output_that_names_the_field(stage: Stage, given: AgentResult, named: str) -> None:
    judged = as_needed(given, stage)
    assert judged.status is AgentStatus.BAD_OUTPUT
    assert named in judged.detail
    assert judged.cost_usd == 0.5


def test_findings_are_bounded_and_placed() -> None:
    report = Report.model_validate(
        {"findings": [{"message": "x" * 5000, "path": "./a/b.py", "line": 3}, {"message": "m", "path": "", "line": 2}]}
    )
    first, second = (each.as_finding() for each in report.findings)
    assert (first.path, first.line, first.severity) == ("a/b.py", 3, "error")
    assert len(first.message) == 4000
    assert (second.path, second.line) == (None, None)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"opinion": "maybe"}, ("opinion",)),
        ({"opinion": True}, ("opinion",)),
        ({"findings": "none"}, ("findings",)),
        ({"findings": [{}]}, ("findings", 0, "message")),
        ({"findings": [{"message": " \n"}]}, ("findings", 0, "message")),
        ({"findings": [{"message": "m", "file": "a.py"}]}, ("findings", 0, "file")),
        ({"findings": [{"message": "m", "path": "/etc/passwd"}]}, ("findings", 0, "path")),
        ({"findings": [{"message": "m", "path": "a/../../b"}]}, ("findings", 0, "path")),
        ({"findings": [{"message": "m", "path": "a\nb"}]}, ("findings", 0, "path")),
        ({"findings": [{"message": "m", "path": "a", "line": 0}]}, ("findings", 0, "line")),
        ({"findings": [{"message": "m", "severity": "fatal"}]}, ("findings", 0, "severity")),
        ({"findings": [{"message": "m"}] * 101}, ("findings",)),
        ({"questions": [""]}, ("questions", 0)),
        ({"questions": ["q"] * 21}, ("questions",)),
    ],
)
def test_a_wrong_shape_is_refused_at_its_place(wrong: dict[str, Any], place: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        Report.model_validate(wrong)
    assert [error["loc"] for error in refused.value.errors()] == [place]
