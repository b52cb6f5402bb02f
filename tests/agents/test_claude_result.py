"""Result lines as other versions of the program, or rarer troubles, would write them."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.agents import agent
from bot.adapters.agents.contract import Ending, Reported, Tokens
from bot.domain.agents import AgentResult, AgentStatus
from tests.agents.test_claude_settings import request

FINE = {"type": "result", "subtype": "success", "is_error": False, "structured_output": {"summary": "Done"}}


def read(folder: Path, *lines: object, **ending: Any) -> AgentResult:
    """The result when these lines are all that was left behind."""
    (folder / "request.json").write_text(request({}).model_dump_json())
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "stdout").write_text("\n".join(texts) + "\n")
    return agent("claude").result(folder, Ending.model_validate({"exit_code": 0, **ending}))


def failed(**fields: Any) -> dict[str, Any]:
    return {"type": "result", "subtype": "success", "is_error": True, **fields}


FAILURES = {
    "budget, by subtype": (failed(subtype="error_max_budget_usd"), AgentStatus.BUDGET),
    "budget, by reason": (failed(terminal_reason="budget_exhausted"), AgentStatus.BUDGET),
    "result refused": (failed(subtype="error_max_structured_output_retries"), AgentStatus.BAD_OUTPUT),
    "too long, without a status": (failed(terminal_reason="prompt_too_long"), AgentStatus.AGENT_ERROR),
    "forbidden": (failed(api_error_status=403), AgentStatus.AGENT_ERROR),
    "a status of its own": (failed(api_error_status=418), AgentStatus.AGENT_ERROR),
    "a gateway": (failed(api_error_status=502), AgentStatus.OVERLOADED),
    "something new": (failed(subtype="error_of_tomorrow", errors=["the moon"]), AgentStatus.AGENT_ERROR),
}


@pytest.mark.parametrize("what", FAILURES)
def test_failures_by_what_they_say(tmp_path: Path, what: str) -> None:
    line, status = FAILURES[what]
    assert read(tmp_path, line, exit_code=1).status is status


def test_turns_are_told_by_either_name(tmp_path: Path) -> None:
    for line in (failed(subtype="error_max_turns"), failed(terminal_reason="max_turns")):
        assert "all its turns" in read(tmp_path, line, exit_code=1).detail


def test_its_last_words_are_passed_on(tmp_path: Path) -> None:
    assert "the moon; the sun" in read(tmp_path, failed(errors=["the moon", "the sun"])).detail


def test_the_last_result_line_counts(tmp_path: Path) -> None:
    other = {**FINE, "structured_output": {"summary": "Before"}}
    assert read(tmp_path, other, FINE, 'not JSON with "result" in it', '["result"]').summary == "Done"


@pytest.mark.parametrize(
    "odd",
    [
        {"modelUsage": []},
        {"modelUsage": {"m": 3}},
        {"modelUsage": {"m": {"inputTokens": "many", "outputTokens": -4}}},
        {"permission_denials": {"tool_name": "Bash"}},
        {"permission_denials": ["Bash"]},
        {"session_id": 7},
    ],
)
def test_odd_shapes_do_no_harm(tmp_path: Path, odd: dict[str, Any]) -> None:
    result = read(tmp_path, {**FINE, **odd})
    assert (result.status, result.input_tokens, result.output_tokens) == (AgentStatus.OK, 0, 0)


def test_many_refusals_are_cut(tmp_path: Path) -> None:
    denials = [{"tool_name": "Bash", "tool_input": {"command": f"run {n}"}} for n in range(9)]
    detail = read(tmp_path, {**FINE, "permission_denials": denials}).detail
    assert detail == "It was refused: Bash run 0, Bash run 1, Bash run 2, Bash run 3, Bash run 4 and 4 more."


def test_a_model_without_a_price_is_named(tmp_path: Path) -> None:
    reported = Reported(usage={"claude-of-tomorrow-9": Tokens(input=1000)}, input_tokens=1000)
    result = read(tmp_path, "", exit_code=None, signal=9, reported=reported.model_dump())
    assert (result.status, result.cost_usd, result.input_tokens) == (AgentStatus.INTERRUPTED, 0.0, 1000)
    assert "no price for claude-of-tomorrow-9" in result.detail


def test_nothing_at_all_is_an_error_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "stderr").write_text("error: unknown option '--x'\n")
    result = read(tmp_path, "", exit_code=1)
    assert result.status is AgentStatus.CLI_ERROR
    assert "unknown option" in result.detail
