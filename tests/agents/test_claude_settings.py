"""Settings of the agent `claude`: what may run, with what, and errors that say what to write instead."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.agents import agent, claude_settings
from bot.adapters.agents.claude_settings import find_binary, read_settings
from bot.domain.agents import AgentRequest, AgentSetting, Limits
from bot.domain.errors import UserError
from bot.entrypoints.demo import claude as demo_claude
from bot.entrypoints.demo.home import Home
from bot.entrypoints.settings import load
from tests.agents.desk import KEY
from tests.support.agent_requests import agent_request

Settings = dict[str, AgentSetting]


@pytest.fixture
def good(tmp_path: Path) -> Settings:
    """Settings with which an agent may be started."""
    key = tmp_path / "it's a key"
    key.write_text(KEY)
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    return {"unsafe_no_sandbox": True, "api_key_file": str(key), "binary": str(program)}


def request(settings: Settings, **asked: Any) -> AgentRequest:
    return agent_request(agent="claude", settings=settings, **asked)


def argv(settings: Settings, **asked: Any) -> tuple[str, ...]:
    return agent("claude").launch(request(settings, **asked), Path("/attempt")).argv


def after(arguments: tuple[str, ...], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


WRONG: dict[str, tuple[Settings, str]] = {
    "no word": ({"unsafe_no_sandbox": False}, "unsafe_no_sandbox = true"),
    "a word that is none": ({"unsafe_no_sandbox": "yes"}, "unsafe_no_sandbox"),
    "a key that is not there": ({"api_key_file": "/nowhere/key"}, "/nowhere/key, cannot be read: No such file"),
    "an unknown setting": ({"api_key": KEY}, "`api_key`"),
    "no turns": ({"max_turns": 0}, "`max_turns`"),
    "no address": ({"base_url": "api.anthropic.com"}, "begin with https://"),
    "an address with a password": ({"base_url": "https://me:secret@proxy.example"}, "no user name, password"),
    "an address with a query": ({"base_url": "https://proxy.example/?key=secret"}, "no user name, password or query"),
    "half an address": ({"base_url": "http://[::1"}, "no address"),
    "no such program": ({"binary": "/nowhere/claude"}, "/nowhere/claude is not a program"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_settings_say_what_to_write(good: Settings, what: str) -> None:
    changes, words = WRONG[what]
    with pytest.raises(UserError, match=r"agents\.settings\.claude|The key of the agent") as refused:
        argv({**good, **changes})
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)
    assert KEY not in str(refused.value)


def test_an_empty_key_is_no_key(good: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    with pytest.raises(UserError, match="is empty"):
        argv({**good, "api_key_file": str(tmp_path / "empty")})


def test_without_a_key_it_says_where_to_name_one(good: Settings) -> None:
    del good["api_key_file"]
    with pytest.raises(UserError, match="api_key_file = …"):
        argv(good)


def test_without_the_operators_word_it_refuses_before_anything_else() -> None:
    with pytest.raises(UserError, match="unsafe_no_sandbox = true"):
        read_settings({})


def test_the_model_is_the_roles_or_the_operators(good: Settings) -> None:
    assert after(argv(good), "--model") == "sonnet"
    assert after(argv({**good, "model": "haiku"}), "--model") == "haiku"
    assert after(argv({**good, "model": "haiku"}, model="opus"), "--model") == "opus"


def test_the_cap_is_passed_on(good: Settings) -> None:
    assert "--max-budget-usd" not in argv(good)
    assert float(after(argv(good, limits=Limits(max_usd=1.25)), "--max-budget-usd")) == 1.25
    assert after(argv({**good, "max_turns": 7}), "--max-turns") == "7"


def test_rules_follow_from_the_role_or_are_the_operators(good: Settings) -> None:
    rules = [argument for argument in argv(good) if argument.startswith("--allowedTools=")]
    assert "--allowedTools=Edit(./**)" in rules
    reviewing = argv(good, writes="artifacts", outputs=["specs/7/review.md"])
    assert "--allowedTools=Edit(./specs/7/review.md)" in reviewing
    assert "--allowedTools=Edit(./**)" not in reviewing
    own = argv({**good, "allowed_tools": ("Read", "Bash(git *)")})
    assert [a for a in own if a.startswith("--allowedTools=")] == ["--allowedTools=Read", "--allowedTools=Bash(git *)"]


def test_nothing_of_the_repository_is_loaded(good: Settings) -> None:
    assert after(argv(good), "--setting-sources") == ""
    assert {"--strict-mcp-config", "--disable-slash-commands"} <= {*argv(good)}
    assert after(argv(good), "--permission-mode") == "dontAsk"


def test_no_argument_holds_the_key(good: Settings) -> None:
    launch = agent("claude").launch(request(good), Path("/attempt"))
    assert KEY not in launch.model_dump_json()
    helper = json.loads(after(launch.argv, "--settings"))["apiKeyHelper"]
    assert shlex.split(helper) == ["cat", "--", good["api_key_file"]]
    assert launch.secret_files == (good["api_key_file"],)


def test_a_program_is_looked_for_where_it_may_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(claude_settings, "_bundled", lambda: "/bundled/claude")
    assert find_binary(None) == "/bundled/claude"
    program = tmp_path / "claude"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    assert find_binary(None) == str(program)
    program.unlink()
    monkeypatch.setattr(claude_settings, "_bundled", lambda: None)
    with pytest.raises(UserError, match="npm install -g @anthropic-ai/claude-code"):
        find_binary(None)


def test_files_are_named_relative_to_the_services_directory(tmp_path: Path) -> None:
    (tmp_path / "service.toml").write_text(
        'app_id = 1\nprivate_key_file = "app.pem"\nwebhook_secret = "s"\nrepositories = ["acme/tally"]\n'
        "[agents.settings.claude]\n"
        'unsafe_no_sandbox = true\napi_key_file = "keys/claude"\nbinary = "claude"\nmax_turns = 50\n'
    )
    settings = load(tmp_path).agents.settings["claude"]
    assert settings["api_key_file"] == str(tmp_path / "keys/claude")
    assert settings["binary"] == "claude"
    assert settings["unsafe_no_sandbox"] is True
    assert settings["max_turns"] == 50


def test_the_demo_writes_the_callers_key_for_this_user_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    found = demo_claude.settings(home, {"ANTHROPIC_API_KEY": f" {KEY}\n", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"})
    key = tmp_path / str(found["api_key_file"])
    assert key.read_text() == f"{KEY}\n"
    assert key.stat().st_mode & 0o777 == 0o600
    assert found["base_url"] == "http://127.0.0.1:1"
    assert "base_url" not in demo_claude.settings(home, {"ANTHROPIC_API_KEY": KEY})


def test_the_demo_wants_word_and_key_first() -> None:
    with pytest.raises(UserError, match="--unsafe-no-sandbox"):
        demo_claude.check(unsafe_no_sandbox=False, environment={"ANTHROPIC_API_KEY": KEY})
    with pytest.raises(UserError, match="ANTHROPIC_API_KEY"):
        demo_claude.check(unsafe_no_sandbox=True, environment={"ANTHROPIC_API_KEY": " "})
