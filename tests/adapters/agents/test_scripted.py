"""The scripted agent: the first rule that fits is played by a real process; what no rule answers is an error."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.agents import agent
from bot.adapters.agents.contract import Ending, Launch
from bot.adapters.agents.script import read_script
from bot.domain.agents import AgentRequest, AgentResult, AgentStatus, Feedback, Finding
from bot.domain.errors import UserError
from bot.domain.refs import AttemptRef, IssueRef, RepoRef

FAILED = Feedback(
    source="check",
    name="tests",
    reason="1 of 3 failed",
    findings=(Finding(message="test_total_of_nothing: assert 1 == 0", path="tests/test_tally.py", line=4),),
)
REJECTED = Feedback(source="rejection", name="merge", reason="Please name it {title}, not sum")


class Stage:
    """A workspace, and the scripted agent on it."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.attempt_dir = folder / "attempt"
        for name in ("workspace", "attempt/home", "attempt/tmp", "attempt/out"):
            (folder / name).mkdir(parents=True)

    def launch(self, script: str, **asked: Any) -> Launch:
        request = AgentRequest.model_validate(
            {
                "attempt": AttemptRef(run_id="acme--tally--7", stage="build", number=1),
                "issue": IssueRef(repo=RepoRef(owner="acme", name="tally"), number=7),
                "title": "Add up",
                "role": "builder",
                "agent": "scripted",
                "prompt": "Build it.",
                "workspace": str(self.workspace),
                "settings": {"script": script},
                **asked,
            }
        )
        return agent("scripted").launch(request, self.attempt_dir)

    def plays(self, script: str, **asked: Any) -> AgentResult:
        launch = self.launch(script, **asked)
        ran = subprocess.run(
            launch.argv, env=launch.env, cwd=launch.cwd, input=launch.stdin.encode(), capture_output=True
        )
        (self.attempt_dir / "stdout").write_bytes(ran.stdout)
        (self.attempt_dir / "stderr").write_bytes(ran.stderr)
        return agent("scripted").result(self.attempt_dir, Ending(exit_code=ran.returncode))

    def has(self, path: str) -> str:
        return (self.workspace / path).read_text("utf-8")

    def put(self, path: str, text: str) -> None:
        (self.workspace / path).write_text(text, "utf-8")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path.resolve())


def rules(*lines: str) -> str:
    return "roles:\n  builder:\n" + "\n".join(f"    - {line}" for line in lines) + "\n"


REPAIRING = """
roles:
  builder:
    - when: {feedback_mentions: test_total_of_nothing}
      replaces: [{path: src/tally.py, old: "items[0]", new: "0"}]
      says: "Repaired: {reason}"
      costs: 0.02
    - when: {feedback_source: rejection}
      appends: {src/tally.py: "# renamed\\n"}
      deletes: [old.txt, never.txt]
      says: "{title}: {reason}"
    - when: {no_feedback: true}
      writes: {src/tally.py: "start = items[0]\\n"}
      says: "Built {title}"
      costs: 0.05
      tokens: {input: 1200, output: 300}
"""


def test_it_writes_what_the_script_says_and_reports_what_that_cost(stage: Stage) -> None:
    result = stage.plays(REPAIRING)
    assert stage.has("src/tally.py") == "start = items[0]\n"
    assert (result.status, result.summary, result.cost_usd) == (AgentStatus.OK, "Built Add up", 0.05)
    assert (result.input_tokens, result.output_tokens) == (1200, 300)


def test_it_repairs_only_when_it_is_told_what_failed(stage: Stage) -> None:
    stage.plays(REPAIRING)
    vague = stage.plays(REPAIRING, feedback=(FAILED.model_copy(update={"findings": ()}),))
    assert vague.status is AgentStatus.AGENT_ERROR
    assert stage.has("src/tally.py") == "start = items[0]\n"
    result = stage.plays(REPAIRING, feedback=(FAILED,))
    assert (result.status, result.summary) == (AgentStatus.OK, "Repaired: 1 of 3 failed")
    assert stage.has("src/tally.py") == "start = 0\n"


def test_a_rejection_is_answered_and_values_are_not_read_as_placeholders(stage: Stage) -> None:
    stage.plays(REPAIRING)
    stage.put("old.txt", "x")
    result = stage.plays(REPAIRING, feedback=(REJECTED,))
    assert result.summary == "Add up: Please name it {title}, not sum"
    assert stage.has("src/tally.py").endswith("# renamed\n")
    assert not (stage.workspace / "old.txt").exists()


def test_a_question_without_an_answer_is_an_error_that_repeats_the_question(stage: Stage) -> None:
    result = stage.plays(REPAIRING, feedback=(Feedback(source="retry", name="ada", reason="again"),))
    assert result.status is AgentStatus.AGENT_ERROR
    for part in ("The script has no answer", "role builder", "stage build", "'Add up'", "ada: again", "3 rules"):
        assert part in result.detail
    assert stage.plays(REPAIRING, role="planner").status is AgentStatus.AGENT_ERROR


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        ("{}", True),
        ("{stage: build}", True),
        ("{stage: plan}", False),
        ("{attempt: 1}", True),
        ("{attempt: 2}", False),
        ("{no_feedback: true}", False),
        ("{no_feedback: false}", True),
        ("{feedback_source: check}", True),
        ("{feedback_source: agent}", False),
        ("{feedback_mentions: TEST_TOTAL_OF}", True),
        ("{feedback_mentions: tests/test_tally.py}", True),
        ("{feedback_mentions: /assert \\d == 0/}", True),
        ("{feedback_mentions: /assert \\d == 9/}", False),
        ("{feedback_source: rejection, feedback_mentions: test_total}", False),
        ("{feedback_source: check, feedback_mentions: test_total}", True),
        ("{workspace_contains: {a.txt: hello}}", True),
        ("{workspace_contains: {a.txt: ''}}", True),
        ("{workspace_contains: {a.txt: bye}}", False),
        ("{workspace_contains: {b.txt: ''}}", False),
        ("{stage: build, attempt: 2}", False),
    ],
)
def test_conditions(stage: Stage, when: str, fits: bool) -> None:
    stage.put("a.txt", "hello world")
    result = stage.plays(rules(f"when: {when}"), feedback=(FAILED, REJECTED))
    assert (result.status is AgentStatus.OK) is fits


def test_the_first_rule_that_fits_is_played(stage: Stage) -> None:
    assert stage.plays(rules("says: one", "says: two")).summary == "one"


def test_a_replacement_without_its_text_is_an_error_with_its_cost(stage: Stage) -> None:
    script = rules("{replaces: [{path: a.txt, old: bye, new: x}], costs: 0.1}")
    assert "there is no such file" in stage.plays(script).detail
    stage.put("a.txt", "hello")
    result = stage.plays(script)
    assert (result.status, result.cost_usd) == (AgentStatus.AGENT_ERROR, 0.1)
    assert "does not contain 'bye'" in result.detail


def test_paths_follow_the_requested_outputs(stage: Stage) -> None:
    script = rules("writes: {'{output}': plan, '{folder}/tasks.md': tasks}")
    stage.plays(script, outputs=("specs/7-add-up/plan.md",))
    assert stage.has("specs/7-add-up/plan.md") == "plan"
    assert stage.has("specs/7-add-up/tasks.md") == "tasks"
    assert "has no meaning" in stage.plays(script).detail


def test_a_symbolic_link_out_of_the_workspace_is_not_followed(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (stage.workspace / "link").symlink_to(tmp_path / "outside")
    assert "outside the workspace" in stage.plays(rules("writes: {link/a.txt: x}")).detail
    assert list((tmp_path / "outside").iterdir()) == []


def test_failing_and_exiting_on_purpose(stage: Stage) -> None:
    failed = stage.plays(rules("{fails: 'cannot do {title}', costs: 0.3}"))
    assert (failed.status, failed.detail, failed.cost_usd) == (AgentStatus.AGENT_ERROR, "cannot do Add up", 0.3)
    (stage.attempt_dir / "out" / "result.json").unlink()
    exited = stage.plays(rules("{exits: 7, costs: 0.3}"))
    assert (exited.status, exited.exit_code) == (AgentStatus.CLI_ERROR, 7)
    (stage.attempt_dir / "out").chmod(0o700)
    assert stage.plays(rules("exits: 0")).status is AgentStatus.BAD_OUTPUT


def playing(stage: Stage, script: str) -> subprocess.Popen[bytes]:
    """The player, once it has shown its first line of progress."""
    launch = stage.launch(script)
    process = subprocess.Popen(
        launch.argv, env=launch.env, cwd=launch.cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin as stdin:
        stdin.write(launch.stdin.encode())
    assert b'"progress"' in process.stdout.readline()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_player_still_reports_its_cost(stage: Stage, number: signal.Signals) -> None:
    with playing(stage, rules("{hangs: true, costs: 0.4, says: half}")) as process:
        process.send_signal(number)
        assert process.wait(20) == 128 + number
    result = agent("scripted").result(stage.attempt_dir, Ending(exit_code=130, stopped="enough"))
    assert (result.status, result.cost_usd, result.summary) == (AgentStatus.INTERRUPTED, 0.4, "half")


def test_a_player_may_ignore_signals(stage: Stage) -> None:
    with playing(stage, rules("{thinks: 1.0, ignores_signals: true, says: done}")) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        progress = process.stdout.read()
        assert process.wait(20) == 0
    assert progress.count(b"thinking") >= 3
    assert agent("scripted").result(stage.attempt_dir, Ending(exit_code=0)).summary == "done"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("roles: [\n", "is not YAML"),
        ("builder: []\n\n", "roles"),
        (rules("wirtes: {a: b}"), "roles.builder.0.wirtes"),
        (rules("writes: {../a: b}"), "not a path inside the workspace"),
        (rules("writes: {/a: b}"), "not a path inside the workspace"),
        (rules("writes: {.git/config: b}"), "not a path inside the workspace"),
        (rules("when: {feedback_mentions: /(/}"), "not a regular expression"),
        (rules("when: {feedback_source: weather}"), "feedback_source"),
        (rules("costs: -1"), "roles.builder.0.costs"),
        ("- a\n- b\n", "top level"),
        ("/no/such/file.yml", "cannot be read"),
    ],
)
def test_a_wrong_script_is_refused_with_its_place(stage: Stage, script: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        stage.launch(script)


@pytest.mark.parametrize("settings", [{}, {"script": " "}, {"script": ("a", "b")}])
def test_a_missing_script_is_told(stage: Stage, settings: dict[str, object]) -> None:
    with pytest.raises(UserError, match="needs its setting `script`"):
        stage.launch("", settings=settings)


def test_a_script_may_be_a_file(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "script.yml").write_text(REPAIRING)
    assert stage.plays(str(tmp_path / "script.yml")).summary == "Built Add up"
    assert list(read_script(REPAIRING).roles) == ["builder"]


def test_the_player_starts_quickly_and_needs_nothing_of_the_package(stage: Stage) -> None:
    begin = time.monotonic()
    stage.plays(rules("says: hello"))
    assert time.monotonic() - begin < 10
    assert "-I" in stage.launch(rules("says: hello")).argv
    assert not any(name.startswith("PYTHON") for name in stage.launch(rules("says: hello")).env)
    assert os.environ.get("HOME") != stage.launch(rules("says: hello")).env["HOME"]


JUDGING = """
roles:
  reviewer:
    - when: {workspace_contains: {"{folder}/plan.md": "mended"}}
      opinion: pass
    - when: {workspace_contains: {"{folder}/plan.md": ""}}
      writes: {"{output}": "Changes\\n"}
      opinion: changes
      finds:
        - {message: "{title} is wrong", path: "{folder}/plan.md", line: 2}
        - {message: "no tests", severity: warning}
      asks: ["Is {title} all?"]
"""
REVIEW = {"role": "reviewer", "inputs": ("specs/7-add/plan.md", "x"), "outputs": ("specs/7-add/review.md",)}


def test_it_judges_finds_and_asks(stage: Stage) -> None:
    (stage.workspace / "specs" / "7-add").mkdir(parents=True)
    stage.put("specs/7-add/plan.md", "a plan")
    result = stage.plays(JUDGING, **REVIEW)
    assert (result.opinion, result.questions) == ("changes", ("Is Add up all?",))
    first, second = result.findings
    assert (first.message, first.path, first.line) == ("Add up is wrong", "specs/7-add/plan.md", 2)
    assert (second.path, second.severity) == (None, "warning")
    assert stage.has("specs/7-add/review.md") == "Changes\n"


def test_the_folder_is_known_by_what_is_read_too(stage: Stage) -> None:
    (stage.workspace / "specs" / "7-add").mkdir(parents=True)
    stage.put("specs/7-add/plan.md", "mended")
    assert stage.plays(JUDGING, **{**REVIEW, "outputs": ()}).opinion == "pass"


def test_a_condition_on_a_folder_that_there_is_not_does_not_hold(stage: Stage) -> None:
    result = stage.plays(JUDGING, role="reviewer")
    assert result.status is AgentStatus.AGENT_ERROR
    assert "None of its 2 rules for this role fits" in result.detail


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ("opinion: maybe", "opinion"),
        ("finds: [{path: a.py}]", "finds.0.message"),
        ("finds: [{message: m, path: ../a.py}]", "finds.0.path"),
        ("asks: why", "asks"),
    ],
)
def test_a_wrong_judgement_in_a_script_is_named(rule: str, place: str) -> None:
    with pytest.raises(UserError, match=re.escape(place)):
        read_script(rules(rule))
