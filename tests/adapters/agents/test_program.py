"""How the answer of any program is read: it is a stranger's, and everything that is wrong with it has a name."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.agents import AGENTS, agent
from bot.adapters.agents.contract import Ending, Reported
from bot.domain.agents import AgentStatus, Finding
from bot.domain.errors import UserError
from tests.support.agent_requests import agent_request


@pytest.fixture
def attempt_dir(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path


def read(attempt_dir: Path, *, file: str | None = None, stdout: str = "", stderr: str = "", **ending: Any) -> Any:
    if file is not None:
        (attempt_dir / "out" / "result.json").write_text(file)
    (attempt_dir / "stdout").write_text(stdout)
    (attempt_dir / "stderr").write_text(stderr)
    how = ending if ending.keys() & {"signal", "lost", "not_started", "exit_code"} else {"exit_code": 0, **ending}
    return agent("command").result(attempt_dir, Ending(**how))


def test_the_file_is_the_answer(attempt_dir: Path) -> None:
    answer = {"summary": "s", "detail": "d", "cost_usd": 0.5, "input_tokens": 1, "output_tokens": 2, "session_id": "x"}
    result = read(attempt_dir, file=json.dumps(answer), stdout='{"summary": "not this"}', seconds=3.5)
    assert (result.status, result.summary, result.detail) == (AgentStatus.OK, "s", "d")
    assert (result.cost_usd, result.input_tokens, result.output_tokens) == (0.5, 1, 2)
    assert (result.session_id, result.seconds, result.exit_code) == ("x", 3.5, 0)


def test_an_answer_may_judge_and_ask(attempt_dir: Path) -> None:
    finding = {"message": "off by one", "path": "./a.py", "line": 3, "severity": "warning"}
    answer = {"opinion": "changes", "findings": [finding, {"message": "no tests"}], "questions": ["Round up?"]}
    result = read(attempt_dir, file=json.dumps(answer))
    assert (result.status, result.opinion, result.questions) == (AgentStatus.OK, "changes", ("Round up?",))
    assert result.findings == (
        Finding(message="off by one", path="a.py", line=3, severity="warning"),
        Finding(message="no tests"),
    )


def test_else_the_last_object_on_stdout(attempt_dir: Path) -> None:
    stdout = '{"summary": "first"}\n{"summary": "last"}\n{"event": "progress", "message": "m"}\n{broken\n[1]\nbye\n'
    assert read(attempt_dir, stdout=stdout).summary == "last"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "JSON"),
        ("nonsense", "JSON"),
        ("[]", "JSON"),
        ('{"status": "lost"}', "status"),
        ('{"sumary": "typo"}', "sumary"),
        ('{"cost_usd": -1}', "cost_usd"),
        ('{"cost_usd": NaN}', "cost_usd"),
        ('{"input_tokens": "many"}', "input_tokens"),
        ('{"opinion": "maybe"}', "opinion"),
        ('{"findings": [{"path": "a.py"}]}', "findings.0.message"),
        ('{"findings": [{"message": "m", "path": "../a.py"}]}', "findings.0.path"),
        ('{"findings": [{"message": "m", "line": -1}]}', "findings.0.line"),
        ('{"questions": "none"}', "questions"),
        ("[" * 100_000, "JSON"),
        ('{"summary": "' + "x" * 2_000_000 + '"}', "larger than"),
    ],
)
def test_a_wrong_answer_is_bad_output_and_says_what_is_wrong(attempt_dir: Path, answer: str, words: str) -> None:
    result = read(attempt_dir, file=answer, stderr="a hint", reported=Reported(cost_usd=0.25))
    assert result.status is AgentStatus.BAD_OUTPUT
    assert words in result.detail
    assert result.detail.endswith("a hint")
    assert len(result.detail) < 2000
    assert result.cost_usd == 0.25


def test_no_answer_is_bad_output(attempt_dir: Path) -> None:
    result = read(attempt_dir, stdout="done!\n")
    assert result.status is AgentStatus.BAD_OUTPUT
    assert "gave no answer" in result.detail


@pytest.mark.parametrize("trick", ["pipe", "link"])
def test_a_pipe_or_a_link_is_no_answer(attempt_dir: Path, trick: str) -> None:
    answer = attempt_dir / "out" / "result.json"
    (attempt_dir / "secret.json").write_text('{"summary": "secret"}')
    if trick == "pipe":
        os.mkfifo(answer)
    else:
        answer.symlink_to(attempt_dir / "secret.json")
    assert read(attempt_dir).status is AgentStatus.BAD_OUTPUT


def test_a_failing_exit_is_the_programs_fault_unless_it_explains_itself(attempt_dir: Path) -> None:
    failed = read(attempt_dir, stderr="Traceback: no", exit_code=3)
    assert (failed.status, failed.exit_code) == (AgentStatus.CLI_ERROR, 3)
    assert "exit code 3" in failed.detail
    assert "Traceback: no" in failed.detail
    ok_but = read(attempt_dir, file='{"status": "ok", "cost_usd": 2}', exit_code=3)
    assert (ok_but.status, ok_but.cost_usd) == (AgentStatus.CLI_ERROR, 2)
    explained = read(attempt_dir, file='{"status": "agent_error", "detail": "no idea"}', exit_code=1)
    assert (explained.status, explained.detail) == (AgentStatus.AGENT_ERROR, "no idea")
    assert read(attempt_dir, signal=9).status is AgentStatus.CLI_ERROR


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ({"stopped": "enough"}, AgentStatus.INTERRUPTED),
        ({"timed_out": "idle"}, AgentStatus.TIMEOUT),
        ({"timed_out": "wall"}, AgentStatus.TIMEOUT),
        ({"lost": "gone"}, AgentStatus.LOST),
        ({"not_started": "no such file"}, AgentStatus.CLI_ERROR),
    ],
)
def test_an_end_from_outside_counts_more_than_the_answer(
    attempt_dir: Path, ending: dict[str, str], status: AgentStatus
) -> None:
    result = read(attempt_dir, file='{"status": "ok", "cost_usd": 1}', reported=Reported(cost_usd=3), **ending)
    assert (result.status, result.cost_usd) == (status, 3)
    assert result.detail


@pytest.mark.parametrize("argv", [None, "make all", (), ("",)])
def test_command_needs_a_list(tmp_path: Path, argv: Any) -> None:
    request = agent_request(workspace=str(tmp_path), settings={} if argv is None else {"argv": argv})
    with pytest.raises(UserError, match="`argv`"):
        agent("command").launch(request, tmp_path)


def test_agents_are_found_by_name() -> None:
    assert [known.name for known in AGENTS] == ["claude", "command", "scripted"]
    with pytest.raises(UserError, match="Known agents: `claude`, `command`, `scripted`"):
        agent("clod")
