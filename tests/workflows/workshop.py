"""A machine on which attempts are executed: books, a git server, worktrees and supervisors, each of them real."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from bot.adapters.supervisor.supervisors import Supervisors
from bot.adapters.templates import Templates
from bot.adapters.workspaces import Workspaces
from bot.domain.entries import AttemptStarted, StopRequested
from bot.domain.refs import AttemptRef
from bot.domain.run import Attempt, Run
from bot.domain.trees import Identity
from tests.adapters.workspaces.git_server import GitServer
from tests.domain.samples import BOT
from tests.support import agent_program
from tests.workflows.books import RUN, Books
from workflows.claims import Claims
from workflows.effects import Effects
from workflows.runtime import connect_client
from workflows.services import AgentDefaults, Services
from workflows.wake import Waker

FIRST = AttemptRef(run_id=RUN, stage="builder", number=1)
PROJECT = "acme/tally"


class Workshop:
    """One run whose first attempt is under way, on a machine that has done nothing for it yet. `base` is the commit
    that the attempt starts from, `branch` the run's branch."""

    def __init__(self, books: Books, server: GitServer, directory: Path) -> None:
        self.books, self.server = books, server
        self.base = server.create(PROJECT, {"README.md": "# Tally\n"})
        self._agents = directory / "agents"
        self._agents.mkdir()
        (self._agents / "builder.json").write_text(json.dumps([{"writes": {"app.py": "print(1)\n"}}]))
        self.workspaces = Workspaces(
            directory / "machine",
            remote_url=lambda repo: f"{server.url}/{repo}.git",
            token=lambda repo: server.token,
            author=Identity(name="Issuewright", email="issuewright@example.com"),
        )
        self.supervisors = Supervisors(directory / "attempts", worker_patience_seconds=60.0)
        self.effects = Effects(books.database)
        self.claims = Claims(books.database, "this machine")
        argv = (sys.executable, "-B", agent_program.__file__, str(self._agents))
        parts = {
            "database": books.database,
            "journal": books.journal,
            "effects": self.effects,
            "claims": self.claims,
            "waker": Waker(connect_client(books.database)),
            "workspaces": self.workspaces,
            "supervisors": self.supervisors,
            "templates": Templates(),
            "agents": AgentDefaults("command", {"command": {"argv": argv}}),
            "github": SimpleNamespace(bot=lambda: BOT),
        }
        self.services = cast(Services, SimpleNamespace(**parts))
        books.starts(self.base)
        self.branch = self.run.started.branch
        books.records(AttemptStarted(stage="builder", number=1, start_commit=self.base))

    @property
    def run(self) -> Run:
        return self.books.run()

    @property
    def tried(self) -> Attempt:
        found = self.run.attempt("builder", 1)
        assert found is not None
        return found

    @property
    def times_paid(self) -> int:
        """How often an agent was started."""
        file = self._agents / "paid.jsonl"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def is_to_stop(self) -> None:
        """Somebody does not want the attempt any more."""
        self.books.records(StopRequested(stage="builder", number=1, reason="the run was cancelled"))

    def commits(self, text: str, parent: str) -> str:
        """A commit on the run's branch, as GitHub has it."""
        return self.server.commit(PROJECT, self.branch, {"app.py": text}, parent=parent)
