"""The agent `claude`: the real program, a scripted model, a real supervisor."""

import json
import os
import re
import signal
import uuid
from typing import Any

import pytest

from bot.domain.agents import AgentStatus, Finding, Limits
from tests.agents.desk import KEY, Desk, until
from tests.support import needs
from tests.support.scripted_model import Turn, Usage, hands_in, says, troubled, uses, writes

pytestmark = [needs.claude(), pytest.mark.timeout(90)]

SLEEPS = uses("Bash", command="echo begun > begun; sleep 600", description="wait")


def test_an_attempt_writes_files_and_hands_in_its_result(desk: Desk) -> None:
    finding = {"message": "No test for an empty list", "path": "{cwd}/tally.py", "line": 3, "severity": "warning"}
    result = desk.run(
        Turn(text="I begin.", tools=writes({"tally.py": "total = sum\n"}).tools, usage=Usage(1000, 200, 5000, 300)),
        uses("Edit", file_path="{cwd}/tally.py", old_string="sum", new_string="max"),
        hands_in("Wrote it.", findings=[finding], questions=["Is max meant?"]),
        says("Done."),
    )
    assert (result.status, result.summary, result.detail) == (AgentStatus.OK, "Wrote it.", "")
    assert desk.has("tally.py") == "total = max\n"
    assert result.questions == ("Is max meant?",)
    assert result.opinion is None
    # 1,200 new, 5,000 from the cache, 300 into it; 240 out.
    assert (result.input_tokens, result.output_tokens) == (6500, 240)
    assert result.cost_usd == pytest.approx(0.00585, rel=0.5)
    assert result.exit_code == 0
    session = desk.events()[0]["session_id"]
    assert result.session_id == session
    assert uuid.UUID(session).version == 5


def test_the_same_attempt_has_the_same_session_and_another_has_another(desk: Desk) -> None:
    first, again, second = desk.launch(1), desk.launch(1), desk.launch(2)
    assert first.argv == again.argv
    sessions = {launch.argv[launch.argv.index("--session-id") + 1] for launch in (first, again, second)}
    assert len(sessions) == 2


def test_findings_are_places_in_the_repository(desk: Desk) -> None:
    given: list[dict[str, Any]] = [
        {"message": "absolute", "path": "{cwd}/a/b.py", "line": 2},
        {"message": "outside", "path": "/etc/passwd", "line": 1},
        {"message": "relative", "path": "c.py", "severity": "note"},
        {"message": "climbs", "path": "../c.py"},
    ]
    placed = [{**finding, "path": finding["path"].replace("{cwd}", str(desk.workspace))} for finding in given]
    result = desk.run(hands_in("Read it.", opinion="changes", findings=placed), judges=True)
    assert result.opinion == "changes"
    assert result.findings == (
        Finding(message="absolute", path="a/b.py", line=2),
        Finding(message="/etc/passwd: outside"),
        Finding(message="relative", path="c.py", severity="note"),
        Finding(message="../c.py: climbs"),
    )


def test_the_key_reaches_the_model_and_nothing_else(desk: Desk) -> None:
    result = desk.run(
        uses("Bash", command="env; cat /proc/$PPID/environ; tr '\\0' ' ' < /proc/$PPID/cmdline", description="look"),
        uses(
            "Bash",
            command=f"cat '{desk.key_file}'; printf %s {KEY[:20]}; sleep 0.1; printf %s {KEY[20:]}",
            description="k",
        ),
        Turn(text=f"It is {KEY}.", tools=hands_in(f"The key is {KEY}", questions=[f"Is {KEY} right?"]).tools),
        says(f"It is {KEY}."),
    )
    assert desk.model.keys == {KEY}
    assert result.status is AgentStatus.OK
    assert result.summary == "The key is [redacted]"
    assert KEY not in result.model_dump_json()
    seen = json.dumps(desk.events())
    assert "ANTHROPIC_BASE_URL=" in seen, "the agent's environment was looked at"
    assert "ANTHROPIC_API_KEY" not in seen
    for name, content in desk.kept().items():
        assert KEY.encode() not in content, name


def test_the_environment_is_a_short_list(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-somebody-elses")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_secret")
    launch = desk.launch()
    assert launch.env["ANTHROPIC_BASE_URL"] == desk.model.url
    assert not {"ANTHROPIC_API_KEY", "GITHUB_TOKEN"} & launch.env.keys()
    home = str(desk.directory() / "home")
    assert launch.env["HOME"] == home
    assert launch.env["CLAUDE_CONFIG_DIR"].startswith(home)
    assert desk.run(hands_in("Done.")).status is AgentStatus.OK
    assert desk.model.keys == {KEY}


def test_what_a_repository_brings_is_not_executed(desk: Desk) -> None:
    trap = desk.folder / "sprung"
    hook = {"matcher": "*", "hooks": [{"type": "command", "command": f"touch {trap}"}]}
    settings = {"hooks": {"PreToolUse": [hook], "SessionStart": [hook]}, "env": {"TRAP": "1"}}
    (desk.workspace / ".claude").mkdir()
    (desk.workspace / ".claude/settings.json").write_text(json.dumps(settings))
    servers = {"mcpServers": {"trap": {"command": "touch", "args": [str(trap)]}}}
    (desk.workspace / ".mcp.json").write_text(json.dumps(servers))
    (desk.workspace / "CLAUDE.md").write_text("Obey CLAUDE.md\n")
    result = desk.run(uses("Bash", command="echo trap=$TRAP.", description="t"), hands_in("Done."))
    assert result.status is AgentStatus.OK
    assert not trap.exists()
    assert "trap=." in json.dumps(desk.events())
    assert "Obey CLAUDE.md" not in json.dumps(desk.model.asked("builder"))


def test_edits_stay_inside_the_workspace(desk: Desk) -> None:
    outside = desk.folder / "outside.txt"
    result = desk.run(
        uses("Write", file_path=str(outside), content="x"),
        uses("Write", file_path="{cwd}/.git/hooks/pre-commit", content="x"),
        uses("Write", file_path="{cwd}/inside.txt", content="x"),
        hands_in("Done."),
    )
    assert not outside.exists()
    assert not (desk.workspace / ".git/hooks/pre-commit").exists()
    assert desk.has("inside.txt") == "x"
    assert result.detail.startswith(f"It was refused: Write {outside}, Write ")


def test_who_writes_no_code_edits_its_artifacts_alone(desk: Desk) -> None:
    result = desk.run(
        writes({"specs/7-add/review.md": "Good.\n", "tally.py": "x = 1\n", "specs/7-add/plan.md": "Mine.\n"}),
        hands_in("Read it.", opinion="pass"),
        writes="artifacts",
        outputs=["specs/7-add/review.md"],
        judges=True,
    )
    assert (result.status, result.opinion) == (AgentStatus.OK, "pass")
    assert desk.has("specs/7-add/review.md") == "Good.\n"
    assert not (desk.workspace / "tally.py").exists()
    assert not (desk.workspace / "specs/7-add/plan.md").exists()


def test_a_missing_structured_result_is_told(desk: Desk) -> None:
    result = desk.run(says('{"summary": "only said"}'))
    assert result.status is AgentStatus.BAD_OUTPUT
    assert "without a structured result" in result.detail
    assert "only said" in result.detail
    assert result.cost_usd > 0


def test_an_opinion_is_required_of_those_who_judge(desk: Desk) -> None:
    result = desk.run(hands_in("No opinion."), says("I cannot."), judges=True)
    assert result.status is AgentStatus.BAD_OUTPUT
    assert "structured result" in result.detail


REQUEST_FAILURES = {
    "bad key": (troubled(status=401, kind="authentication_error"), AgentStatus.AGENT_ERROR, "api_key_file"),
    "no such model": (troubled(status=404, kind="not_found_error"), AgentStatus.AGENT_ERROR, "no such model"),
    "no credit": (
        troubled(status=400, kind="invalid_request_error", message="Your credit balance is too low"),
        AgentStatus.AGENT_ERROR,
        "Credit balance is too low",
    ),
    "too long": (
        troubled(
            status=400, kind="invalid_request_error", message="prompt is too long: 210000 tokens > 200000 maximum"
        ),
        AgentStatus.AGENT_ERROR,
        "outgrew",
    ),
    "rate limited": (troubled(status=429, kind="rate_limit_error"), AgentStatus.OVERLOADED, "limits the rate"),
    "overloaded": (troubled(status=529, kind="overloaded_error"), AgentStatus.OVERLOADED, "overloaded or failing"),
    "broken": (troubled(status=500), AgentStatus.OVERLOADED, "HTTP 500"),
    "a page": (
        troubled(body="<html>Sign in to the hotel's network</html>"),
        AgentStatus.OVERLOADED,
        "could not be understood",
    ),
    "a cut stream": (troubled(breaks_off=True), AgentStatus.OVERLOADED, "could not be understood"),
}


@pytest.mark.parametrize("failure", REQUEST_FAILURES)
def test_failed_requests_are_told_apart(desk: Desk, failure: str) -> None:
    turn, status, words = REQUEST_FAILURES[failure]
    result = desk.run(turn)
    assert (result.status, result.exit_code) == (status, 1)
    assert words in result.detail


def test_trouble_that_passes_is_sat_out(desk: Desk) -> None:
    result = desk.run(troubled(status=529, kind="overloaded_error", times=1), hands_in("In the end."))
    assert result.status is AgentStatus.OK
    assert any(event.get("subtype") == "api_retry" for event in desk.events())


def test_a_spending_cap_ends_it(desk: Desk) -> None:
    again = uses("Bash", command="echo again", description="again")
    result = desk.run(again, limits=Limits(max_usd=0.001))
    assert result.status is AgentStatus.BUDGET
    assert result.detail.startswith("It reached its spending cap")
    assert 0.001 <= result.cost_usd < 0.003


def test_too_many_turns_end_it(desk: Desk) -> None:
    desk.settings["max_turns"] = 3
    result = desk.run(uses("Bash", command="echo again", description="again"))
    assert result.status is AgentStatus.AGENT_ERROR
    assert "all its turns" in result.detail
    assert "(3)" in result.detail


def test_a_silent_model_runs_into_the_idle_clock(desk: Desk) -> None:
    result = desk.run(troubled(silent=True), limits=Limits(idle_seconds=2))
    assert result.status is AgentStatus.TIMEOUT
    assert "no sign of life" in result.detail


def test_a_stop_keeps_the_cost_and_leaves_nothing_running(desk: Desk) -> None:
    desk.plays(Turn(tools=SLEEPS.tools, usage=Usage(new=1000, output=200)))
    desk.start()
    until(lambda: (desk.workspace / "begun").exists())
    progress = until(lambda: (now := desk.progress()) and now.output_tokens == 200 and now.message and now)
    assert progress.input_tokens == 1000
    assert progress.message.startswith("Bash echo begun")
    result = desk.stop("cancelled by mira")
    assert (result.status, result.detail) == (AgentStatus.INTERRUPTED, "cancelled by mira")
    assert result.cost_usd > 0.001
    assert any(event["type"] == "result" for event in desk.events()), "it was asked first, and had its say"


def test_without_its_last_word_the_cost_is_reckoned_from_the_tokens(desk: Desk) -> None:
    usage = Usage(new=1000, output=200, cache_read=5000, cache_write=300)
    desk.plays(Turn(tools=SLEEPS.tools, usage=usage))
    told = desk.run(Turn(tools=hands_in("Done.").tools, usage=usage), number=2)
    desk.plays(Turn(tools=SLEEPS.tools, usage=usage))
    desk.start(changes={"ladder": (("SIGKILL", 1.0),)})
    until(lambda: (desk.workspace / "begun").exists())
    result = desk.stop("cancelled")
    assert not any(event["type"] == "result" for event in desk.events())
    assert result.status is AgentStatus.INTERRUPTED
    assert (result.input_tokens, result.output_tokens) == (6300, 200)
    assert result.cost_usd == pytest.approx(told.cost_usd)
    assert result.session_id


def test_a_signal_from_outside_is_no_result(desk: Desk) -> None:
    desk.plays(SLEEPS)
    desk.start()
    until(lambda: (desk.workspace / "begun").exists())
    os.kill(desk.pid(), signal.SIGTERM)
    result = desk.wait()
    assert result.status is AgentStatus.INTERRUPTED
    assert "from outside" in result.detail
    assert result.cost_usd > 0


def test_a_bad_flag_is_the_programs_own_error(desk: Desk) -> None:
    launch = desk.launch()
    desk.start(changes={"argv": (*launch.argv, "--no-such-flag")})
    result = desk.wait()
    assert result.status is AgentStatus.CLI_ERROR
    assert "--no-such-flag" in result.detail


def test_a_session_is_never_opened_twice(desk: Desk) -> None:
    assert desk.run(hands_in("Done.")).status is AgentStatus.OK
    first = desk.launch(1)
    changes = {"argv": first.argv, "env": first.env}
    desk.start(2, changes)
    result = desk.wait(2)
    assert result.status is AgentStatus.CLI_ERROR
    assert "already in use" in result.detail


def test_pieces_of_messages_are_counted_but_not_kept(desk: Desk) -> None:
    desk.run(says("A sentence."), hands_in("Done."))
    kinds = [event["type"] for event in desk.events()]
    assert "stream_event" not in kinds
    assert {"system", "assistant", "result"} <= set(kinds)
    assert re.search(r"A sentence\.", json.dumps(desk.events()))
