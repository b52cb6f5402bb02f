"""A desk for an agent: a workspace, the operator's settings, a scripted model, and a real supervisor."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from bot.adapters.agents import agent
from bot.adapters.agents.contract import Launch, Running
from bot.adapters.supervisor.supervisors import Supervisors
from bot.domain.agents import AgentRequest, AgentResult, AgentSetting
from bot.domain.refs import AttemptRef, IssueRef, RepoRef
from tests.support.scripted_model import ScriptedModel, Turn

KEY = "sk-ant-api03-scripted-key-that-nobody-may-see"


def until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for a condition; its value. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return value


class Desk:
    """Attempts of the agent `claude`, one after the other."""

    def __init__(self, folder: Path, model: ScriptedModel) -> None:
        self.folder = folder
        self.model = model
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.git("init", "-q")
        self.git("commit", "-q", "--allow-empty", "-m", "Begin")
        self.key_file = folder / "claude key"
        self.key_file.write_text(f"{KEY}\n")
        self.supervisors = Supervisors(folder / "attempts", agent_calls_file=folder / "agent-calls.jsonl")
        self.settings: dict[str, AgentSetting] = {
            "unsafe_no_sandbox": True,
            "api_key_file": str(self.key_file),
            "base_url": model.url,
            "max_retries": 1,
        }

    def git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        subprocess.run(["git", *identity, *arguments], cwd=self.workspace, check=True, capture_output=True)

    def ref(self, number: int = 1) -> AttemptRef:
        return AttemptRef(run_id="acme--tally--7", stage="builder", number=number)

    def request(self, number: int = 1, **asked: Any) -> AgentRequest:
        given: dict[str, Any] = {
            "attempt": self.ref(number),
            "issue": IssueRef(repo=RepoRef(owner="acme", name="tally"), number=7),
            "title": "Add up",
            "role": "builder",
            "agent": "claude",
            "prompt": "You are the builder. Build it.",
            "workspace": str(self.workspace),
            "settings": self.settings,
        }
        return AgentRequest.model_validate({**given, **asked})

    def launch(self, number: int = 1, **asked: Any) -> Launch:
        """How the agent would be started."""
        return agent("claude").launch(self.request(number, **asked), self.directory(number))

    def plays(self, *turns: Turn) -> None:
        """What the model says from now on."""
        self.model.plays("builder", turns, opens="You are the builder")

    def start(self, number: int = 1, changes: dict[str, Any] | None = None, **asked: Any) -> None:
        launch = self.launch(number, **asked).model_copy(update=changes or {})
        self.supervisors.start(self.request(number, **asked), launch)

    def run(self, *turns: Turn, number: int = 1, **asked: Any) -> AgentResult:
        """A whole attempt against these turns."""
        self.plays(*turns)
        self.start(number, **asked)
        return self.wait(number)

    def wait(self, number: int = 1) -> AgentResult:
        return self.supervisors.wait(self.ref(number))

    def stop(self, reason: str, number: int = 1) -> AgentResult:
        self.supervisors.request_stop(self.ref(number), reason)
        return self.wait(number)

    def progress(self, number: int = 1) -> Any:
        """What is known of a running attempt; None once it has ended."""
        state = self.supervisors.poll(self.ref(number))
        return state.progress if isinstance(state, Running) else None

    def directory(self, number: int = 1) -> Path:
        return self.supervisors.directory(self.ref(number))

    def events(self, number: int = 1) -> list[dict[str, Any]]:
        """The lines that were kept of the agent's stream."""
        return [json.loads(line) for line in (self.directory(number) / "stdout").read_text().splitlines()]

    def kept(self, number: int = 1) -> dict[str, bytes]:
        """Every file of the attempt that outlives it."""
        self.supervisors.release(self.ref(number))
        return {path.name: path.read_bytes() for path in self.directory(number).iterdir() if path.is_file()}

    def has(self, path: str) -> str:
        return (self.workspace / path).read_text("utf-8")

    def pid(self, number: int = 1) -> int:
        """The pid of the agent's process; waits for it."""
        file = self.directory(number) / "agent.json"
        return int(json.loads(until(lambda: file.exists() and file.read_text()))["pid"])

    def left_over(self) -> Iterator[str]:
        """Processes that still belong to an attempt."""
        for process in psutil.process_iter(["pid", "environ", "cmdline"]):
            environment = process.info["environ"] or {}
            if process.pid != os.getpid() and str(self.folder / "attempts") in environment.get("HOME", ""):
                yield f"{process.pid}: {process.info['cmdline']}"
