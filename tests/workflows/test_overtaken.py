"""Who was overtaken starts no agent, has none go on, and ships nothing: another execution does that by now."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.adapters.agents.command import CommandAgent
from bot.adapters.agents.contract import Ending, Launch
from bot.adapters.supervisor.supervisors import Supervisors
from bot.adapters.templates import Templates
from bot.adapters.workspaces import Workspaces
from bot.domain.agents import AgentRequest, AgentResult
from bot.domain.config import RepoConfig
from bot.domain.entries import AttemptStarted, DeploymentStarted
from bot.domain.refs import AttemptRef
from bot.domain.trees import Identity, Workspace
from tests.domain.samples import REPO
from tests.workflows.books import RUN, Books
from workflows.attempt_keys import deployment_ref
from workflows.attempt_steps import run_agent
from workflows.claims import Claim, Claims, Superseded
from workflows.deployment_files import was_built
from workflows.services import AgentDefaults, Services
from workflows.shipping import ship

pytestmark = pytest.mark.parametrize("books", ["sqlite"], indirect=True)
ATTEMPT = AttemptRef(run_id=RUN, stage="builder", number=1)
# Whoever begins it notes that. The machine takes its first life, and its supervisor's.
PROGRAM = """
import os, signal
with open("begun", "a+") as file:
    file.write("!")
    first = file.tell() == 1
if first:
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
"""
ARGV = (sys.executable, "-I", "-c", PROGRAM)


class Watched(Supervisors):
    """Something happens at the very end of each life of an agent."""

    at_its_end: Callable[[], object] = staticmethod(lambda: None)

    def wait(self, *arguments: Any, **named: Any) -> AgentResult:
        result = super().wait(*arguments, **named)
        self.at_its_end()
        return result


class Machine:
    """A machine with real supervisors, and a workspace on it."""

    def __init__(self, books: Books, directory: Path) -> None:
        self.books = books
        self.claims = Claims(books.database, "one")
        self.supervisors = Watched(directory / "attempts")
        self.workspaces = Workspaces(
            directory / "data",
            remote_url=lambda repo: "http://127.0.0.1:9/nowhere",
            token=lambda repo: "",
            author=Identity(name="t", email="t@t.invalid"),
        )
        parts = {
            "database": books.database,
            "supervisors": self.supervisors,
            "operations": self.supervisors,
            "workspaces": self.workspaces,
            "templates": Templates(),
            "agents": AgentDefaults("command", {"command": {"argv": ARGV}}),
            "commands_directory": directory / "commands",
        }
        self.services = cast(Services, SimpleNamespace(**parts))

    def claim(self) -> Claim:
        return self.claims.take("work")

    def is_overtaken(self) -> None:
        Claims(self.books.database, "another").take("work")

    def workspace(self, ref: AttemptRef) -> Workspace:
        place = self.workspaces.place(ref)
        place.mkdir(parents=True)
        return Workspace(attempt=ref, repo=REPO, path=str(place), start="b" * 40)

    def runs_the_agent(self, workspace: Workspace, claim: Claim) -> AgentResult:
        run = self.books.run()
        tried = run.attempt("builder", 1)
        assert tried is not None
        return run_agent(self.services, run, tried, ATTEMPT, workspace, claim)


@pytest.fixture
def machine(books: Books, tmp_path: Path) -> Machine:
    return Machine(books, tmp_path)


def begun(workspace: Workspace) -> int:
    """How often the program was begun there."""
    file = Path(workspace.path) / "begun"
    return len(file.read_text()) if file.exists() else 0


def test_no_agent_is_started(machine: Machine) -> None:
    machine.books.starts()
    machine.books.records(AttemptStarted(stage="builder", number=1, start_commit="b" * 40))
    claim, workspace = machine.claim(), machine.workspace(ATTEMPT)
    machine.is_overtaken()
    with pytest.raises(Superseded):
        machine.runs_the_agent(workspace, claim)
    assert not machine.supervisors.knows(ATTEMPT)
    assert begun(workspace) == 0


def test_no_agent_goes_on(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_before(self: CommandAgent, request: AgentRequest, attempt_dir: Path, ending: Ending) -> Launch:
        return self.launch(request, attempt_dir)

    monkeypatch.setattr(CommandAgent, "go_on", as_before)
    machine.books.starts()
    machine.books.records(AttemptStarted(stage="builder", number=1, start_commit="b" * 40))
    claim, workspace = machine.claim(), machine.workspace(ATTEMPT)
    machine.supervisors.at_its_end = machine.is_overtaken
    with pytest.raises(Superseded):
        machine.runs_the_agent(workspace, claim)
    assert begun(workspace) == 1


def test_nothing_is_shipped(machine: Machine) -> None:
    preview = {"name": "preview", "command": ARGV}
    machine.books.starts(config=RepoConfig.model_validate({"pipeline": "quick", "deploy": {"preview": preview}}))
    machine.books.records(DeploymentStarted(environment="candidate", number=1, commit="b" * 40))
    ref = deployment_ref(RUN, "candidate", 1)
    claim, workspace = machine.claim(), machine.workspace(ref)
    was_built(machine.services, workspace)
    machine.is_overtaken()
    with pytest.raises(Superseded):
        ship(machine.services, machine.books.run(), workspace, claim)
    assert not machine.supervisors.knows(ref)
    assert begun(workspace) == 0
