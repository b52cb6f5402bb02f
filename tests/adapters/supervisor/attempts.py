"""Attempts for the tests: real supervisors below a temporary directory, and programs to play the agent."""

import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from bot.adapters.agents.contract import Launch
from bot.adapters.agents.program import program_launch
from bot.adapters.supervisor import files, process_tree
from bot.adapters.supervisor.supervisors import Supervisors
from bot.domain.agents import AgentRequest, AgentResult
from bot.domain.refs import AttemptRef, IssueRef, RepoRef

QUICK_LADDER = (("SIGINT", 0.3), ("SIGTERM", 0.3))


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for a condition; its value. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
    return value


class _Prepared(Exception):
    pass


class Attempts:
    """A worker's view of a few attempts, and what can be seen of them from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.calls_file = folder / "agent-calls.jsonl"
        self.supervisors = Supervisors(folder / "attempts", agent_calls_file=self.calls_file)

    def ref(self, number: int = 1) -> AttemptRef:
        return AttemptRef(run_id="acme--tally--7", stage="build", number=number)

    def request(self, number: int = 1) -> AgentRequest:
        issue = IssueRef(repo=RepoRef(owner="acme", name="tally"), number=7)
        return AgentRequest(
            attempt=self.ref(number),
            issue=issue,
            title="Add up",
            role="builder",
            agent="command",
            prompt="Build it.",
            workspace=str(self.workspace),
        )

    def launch(self, program: str, number: int = 1, **changes: Any) -> Launch:
        """A Python program as the agent; it finds `say(cost)` and `note(name, text)` defined."""
        text = PRELUDE + textwrap.dedent(program)
        argv = (sys.executable, "-I", "-c", text)
        launch = program_launch(self.request(number), self.directory(number), argv)
        return launch.model_copy(update={"ladder": QUICK_LADDER, **changes})

    def start(self, program: str, number: int = 1, **changes: Any) -> None:
        self.supervisors.start(self.request(number), self.launch(program, number, **changes))

    def prepares(self, program: str) -> None:
        """Everything that start() does before it spawns a supervisor."""

        def before_spawn(step: str) -> None:
            if step == "launch":
                raise _Prepared

        root = self.folder / "attempts"
        supervisors = Supervisors(root, agent_calls_file=self.calls_file, on_step=before_spawn)
        with suppress(_Prepared):
            supervisors.start(self.request(), self.launch(program))

    def run(self, program: str, **changes: Any) -> AgentResult:
        self.start(program, **changes)
        return self.wait()

    def wait(self, number: int = 1, **how: Any) -> AgentResult:
        return self.supervisors.wait(self.ref(number), **how)

    def directory(self, number: int = 1) -> Path:
        return self.supervisors.directory(self.ref(number))

    def calls(self) -> list[dict[str, Any]]:
        """The lines that were written at agent starts."""
        text = self.calls_file.read_text() if self.calls_file.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def noted(self, name: str) -> str:
        """What the agent wrote down in its workspace; waits for it."""
        path = self.workspace / name
        until(lambda: path.exists() and path.read_text().endswith("\n"))
        return path.read_text().strip()

    def starts(self) -> int:
        """How often the agent's program began, by its own count."""
        path = self.workspace / "starts"
        return path.read_text().count("\n") if path.exists() else 0

    def pid_of(self, who: str, number: int = 1) -> int:
        """The pid in supervisor.json or agent.json; waits for it."""
        return int(until(lambda: files.read_json(self.directory(number) / who))["pid"])

    def kill_all(self, number: int = 1) -> None:
        """Supervisor and agent die at once."""
        for who in (files.SUPERVISOR, files.AGENT):
            with suppress(ProcessLookupError):
                os.kill(self.pid_of(who, number), signal.SIGKILL)

    def left_over(self) -> set[int]:
        """Every process that still belongs to any attempt."""
        supervisors = {
            process.pid
            for process in psutil.process_iter()
            if _is_supervisor_below(process, self.folder) and process.pid != os.getpid()
        }
        return supervisors | process_tree.leftovers(None, f"{self.folder}/")


def _is_supervisor_below(process: psutil.Process, folder: Path) -> bool:
    try:
        return "bot.adapters.supervisor" in process.cmdline() and str(folder) in " ".join(process.cmdline())
    except psutil.Error:
        return False


def gone(pid: int) -> bool:
    process = process_tree.look_up(pid)
    return process is None or process.dead


PRELUDE = """
import json, os, signal, subprocess, sys, time

def note(name, text=""):
    with open(name, "a") as file:
        file.write(f"{text}\\n")

def say(cost, message="at it"):
    print(json.dumps({"event": "progress", "message": message, "cost_usd": cost}), flush=True)

def answer(**fields):
    with open(os.environ["ISSUEWRIGHT_RESULT"], "w") as file:
        json.dump(fields, file)

def deaf():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)

def sleep():
    while True:
        time.sleep(60)

note("starts", os.getpid())
"""
