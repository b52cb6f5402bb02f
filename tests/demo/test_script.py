"""The scripted builder writes real code, and mends only what it is told about."""

import re
from pathlib import Path

import pytest

from bot.domain.agents import AgentStatus, Feedback
from bot.entrypoints.demo.seed import load_story
from tests.demo.builder import FAILING_TEST, Builder, evidence, objection, rejection


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path)


def failures(report: str) -> list[str]:
    return re.findall(r"(?m)^(?:FAIL|ERROR): (\S+)", report)


def test_the_sample_project_passes_its_own_tests(builder: Builder) -> None:
    code, report = builder.runs_tests()
    assert code == 0
    assert "Ran 12 tests" in report


def test_the_first_attempt_fails_exactly_one_of_its_own_tests(builder: Builder) -> None:
    result = builder.tries()
    code, report = builder.runs_tests()
    assert result.status is AgentStatus.OK
    assert result.cost_usd == 0.05
    assert code != 0
    assert failures(report) == [FAILING_TEST]


def test_the_whole_story_ends_with_passing_tests(builder: Builder) -> None:
    builder.tries()
    _, report = builder.runs_tests()
    assert builder.tries(evidence(report)).status is AgentStatus.OK
    code, report = builder.runs_tests()
    assert (code, failures(report)) == (0, [])
    assert "test_an_empty_ledger_prints_zeros" not in report
    assert builder.tries(rejection()).status is AgentStatus.OK
    code, report = builder.runs_tests()
    assert (code, failures(report)) == (0, [])
    assert "test_an_empty_ledger_prints_zeros" in report


def test_a_rejection_is_answered_also_beside_older_feedback(builder: Builder) -> None:
    builder.tries()
    _, report = builder.runs_tests()
    builder.tries(evidence(report))
    builder.tries(evidence(report), rejection())
    assert "test_an_empty_ledger_prints_zeros" in builder.runs_tests()[1]


@pytest.mark.parametrize(
    "feedback",
    [
        (),
        (Feedback(source="check", name="tests", reason="1 of 15 tests failed"),),
        (Feedback(source="rejection", name="merge", reason="no"),),
        (Feedback(source="retry", name="retry", reason=FAILING_TEST),),
    ],
    ids=["none", "no-name", "no-reason", "wrong-source"],
)
def test_without_the_right_feedback_it_has_no_answer(builder: Builder, feedback: tuple[Feedback, ...]) -> None:
    builder.tries()
    assert builder.tries(*feedback).status is AgentStatus.AGENT_ERROR
    assert failures(builder.runs_tests()[1]) == [FAILING_TEST]


def test_the_rejection_is_of_a_real_bug(builder: Builder) -> None:
    builder.tries()
    builder.tries(evidence(builder.runs_tests()[1]))
    (builder.project / "tests" / "test_mine.py").write_text(
        "from tests.test_summary import SummaryTest as Base, summary_of\n"
        "class Mine(Base):\n"
        "    def test_mine(self):\n"
        "        self.assertIn('average  0.00', summary_of(''))\n"
    )
    assert failures(builder.runs_tests()[1]) == ["test_mine"]


def test_house_rules_let_it_go_straight_through(tmp_path: Path) -> None:
    builder = Builder(tmp_path, house_rules=load_story().house_rules)
    assert builder.tries().status is AgentStatus.OK
    code, report = builder.runs_tests()
    assert (code, failures(report)) == (0, [])
    assert "test_an_empty_ledger_prints_zeros" in report


def test_both_ways_lead_to_the_same_code(tmp_path: Path) -> None:
    straight = Builder(tmp_path / "straight", house_rules=load_story().house_rules)
    straight.tries(stage="planner")
    straight.tries()
    winding = Builder(tmp_path / "winding")
    winding.tries(stage="planner")
    winding.tries()
    winding.tries(evidence(winding.runs_tests()[1]))
    winding.tries(objection(winding.tries(stage="reviewer")))
    winding.tries(rejection())
    for path in ("tally/summary.py", "tally/cli.py", "tests/test_summary.py", "README.md", "CHANGELOG.md"):
        assert (straight.project / path).read_text() == (winding.project / path).read_text()
