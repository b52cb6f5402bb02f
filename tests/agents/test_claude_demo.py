"""The whole demo with Claude Code itself: real localhub, real service, real program; only the model is scripted."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.entrypoints.demo.home import Home
from tests.agents.desk import KEY
from tests.agents.team import Team
from tests.support import needs
from tests.support.scripted_model import ScriptedModel

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [needs.claude(), pytest.mark.timeout(300)]


def demo(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`issuewright demo` to its end."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("ANTHROPIC_")}
    return subprocess.run(
        [sys.executable, "-m", "bot.entrypoints.cli", "demo", "--dir", str(folder / "demo"), *options],
        cwd=ROOT,
        env={**inherited, "XDG_CACHE_HOME": str(folder / "cache"), "ISSUEWRIGHT_DEMO_TIMEOUT": "120", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def played(folder: Path, *options: str) -> tuple[dict[str, Any], ScriptedModel]:
    """The outcome of a whole demo with `claude`, and the model that spoke in it."""
    home = Home(folder / "demo")
    with ScriptedModel(folder / "model.jsonl") as model:
        model.improvises(Team(home))
        options = ("--agent", "claude", "--unsafe-no-sandbox", "--auto", "--exit", "--json", *options)
        ran = demo(folder, *options, ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=model.url)
    log = home.logs / "service.log"
    assert ran.returncode == 0, f"{ran.stderr}\n{log.read_text()[-6000:] if log.exists() else ''}"
    outcome: dict[str, Any] = json.loads(ran.stdout)
    return outcome, model


def answers(home: Home) -> dict[str, dict[str, Any]]:
    """The results of all attempts, by their keys."""
    return {file.parent.name: json.loads(file.read_text()) for file in home.attempts.glob("*/answer.json")}


def files_with(secret: str, folder: Path) -> set[str]:
    """The files below a folder that hold this text."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)) for path in files if secret.encode() in path.read_bytes()}


@pytest.mark.slow
def test_a_spec_becomes_a_merged_pull_request(tmp_path: Path) -> None:
    outcome, model = played(tmp_path, "--pipeline", "quick")
    home = Home(tmp_path / "demo")
    assert outcome["merged"]
    # Once as the spec says, once for the failing test, once for what the maintainer refused.
    (builder,) = outcome["stages"]
    assert (builder["attempts"], outcome["agent_calls"]) == (3, 3)
    results = answers(home)
    assert [result["status"] for result in results.values()] == ["ok", "ok", "ok"]
    assert len({result["session_id"] for result in results.values()}) == 3
    assert all(result["cost_usd"] > 0 and result["input_tokens"] > 0 for result in results.values())
    assert builder["cost_usd"] == pytest.approx(sum(result["cost_usd"] for result in results.values()), abs=1e-3)
    assert model.keys == {KEY}


def test_six_agents_on_one_spec(tmp_path: Path) -> None:
    outcome, model = played(tmp_path, "--pipeline", "six-agents")
    home = Home(tmp_path / "demo")
    assert outcome["merged"]
    stages = {stage["stage"]: stage for stage in outcome["stages"]}
    assert set(stages) == {"planner", "builder", "reviewer", "tester", "deployer", "docs"}
    results = answers(home)
    assert len(results) == outcome["agent_calls"] == sum(stage["attempts"] for stage in stages.values())
    assert {result["status"] for result in results.values()} == {"ok"}
    opinions = {key: result["opinion"] for key, result in results.items()}
    assert {opinion for key, opinion in opinions.items() if ".reviewer." in key or ".tester." in key} <= {
        "pass",
        "changes",
    }
    assert not any(opinion for key, opinion in opinions.items() if ".planner." in key or ".builder." in key)
    for name, stage in stages.items():
        spent = sum(result["cost_usd"] for key, result in results.items() if f".{name}." in key)
        assert stage["cost_usd"] == pytest.approx(spent, abs=1e-3) and spent > 0
    assert len({result["session_id"] for result in results.values()}) == len(results)
    assert len(model.keys) == 1


def test_the_key_stays_in_its_file(tmp_path: Path) -> None:
    outcome, _ = played(tmp_path, "--pipeline", "quick", "--no-rejections")
    assert outcome["merged"]
    assert files_with(KEY, tmp_path) == {"demo/claude.key"}
    assert (tmp_path / "demo/claude.key").stat().st_mode & 0o777 == 0o600


def test_without_the_callers_word_nothing_is_started(tmp_path: Path) -> None:
    ran = demo(tmp_path, "--agent", "claude", "--auto", "--exit", ANTHROPIC_API_KEY=KEY)
    assert ran.returncode == 1
    assert "--unsafe-no-sandbox" in ran.stderr
    assert not (tmp_path / "demo").exists()


def test_without_a_key_nothing_is_started(tmp_path: Path) -> None:
    ran = demo(tmp_path, "--agent", "claude", "--unsafe-no-sandbox", "--auto", "--exit")
    assert ran.returncode == 1
    assert "ANTHROPIC_API_KEY" in ran.stderr
    assert not (tmp_path / "demo").exists()
