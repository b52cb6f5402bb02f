"""A small world for stories: localhub, the service, agents and people, each of them real.

Nothing sleeps for a fixed time: stories wait for what can be seen, and say what they waited for when it never comes.
"""

import base64
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import psutil
from sqlalchemy import text

from bot.domain.journal import Record
from tests.localhub.harness import APP_ID, PRIVATE_PEM, SECRET, Localhub, git
from tests.stories.service import Service
from tests.support import agent_program
from tests.support.ports import free_port
from workflows.database import Database
from workflows.journal import Journal
from workflows.wake import Waker

Found = TypeVar("Found")
Kind = TypeVar("Kind")
PATIENCE_SECONDS = 60.0
BOT = "issuewright[bot]"
OWNER, MAINTAINER, STRANGER = "acme", "maintainer", "visitor"

PROJECT = {
    "README.md": "# A small project\n",
    "app/__init__.py": "",
    "app/greeting.py": 'def greet() -> str:\n    return "hello"\n',
    "tests/__init__.py": "",
    "tests/test_greeting.py": (
        "import unittest\n\nfrom app.greeting import greet\n\n\n"
        "class Greeting(unittest.TestCase):\n"
        "    def test_it_greets(self) -> None:\n        self.assertEqual(greet(), 'hello')\n"
    ),
}
BROKEN = {"app/greeting.py": 'def greet() -> str:\n    return "good bye"\n'}
GOOD = {"app/health.py": "def health() -> str:\n    return 'fine'\n"}
REPAIRED = {"app/greeting.py": PROJECT["app/greeting.py"], "docs/why.md": "Repaired because of {feedback}\n"}


@dataclass(frozen=True)
class Issue:
    """An issue in the world."""

    number: int


class Agent:
    """What the agent of one role will do, and what was paid for it."""

    def __init__(self, folder: Path, role: str) -> None:
        self._folder = folder
        self._file = folder / f"{role}.json"
        self._role = role
        self._turns: list[dict[str, Any]] = []

    def writes(self, files: Mapping[str, str], *, holds: bool = False) -> "Agent":
        """One more attempt, in which it writes these files; one that `holds` waits until it is let go."""
        return self._plays({"writes": dict(files), "holds": holds})

    def says(self, files: Mapping[str, str], **fields: object) -> "Agent":
        """One more attempt, in which it writes these files and has these fields in its result."""
        return self._plays({"writes": dict(files), "says": fields})

    def fails(self, why: str) -> "Agent":
        """One more attempt, which fails."""
        return self._plays({"fails": why})

    def turns_over(self) -> "Agent":
        """What it was told so far does not hold for attempts that begin from now on."""
        self._turns.clear()
        return self

    def is_let_go(self) -> None:
        """Whatever holds goes on."""
        (self._folder / "go").touch()

    def holds_again(self) -> None:
        """Whatever holds from now on waits until it is let go again."""
        (self._folder / "go").unlink(missing_ok=True)

    @property
    def times_paid(self) -> int:
        """How often it was started."""
        file = self._folder / "paid.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return sum(json.loads(line)["role"] == self._role for line in lines)

    def _plays(self, turn: dict[str, Any]) -> "Agent":
        self._turns.append(turn)
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self._turns))
        draft.replace(self._file)
        return self


class World:
    """Everything that a story needs. `database_url` None: SQLite in the service's own directory. `agent` is the
    program that plays all roles."""

    def __init__(
        self,
        directory: Path,
        database_url: str | None = None,
        *,
        config: str = "",
        settings: str = "",
        agent: str = agent_program.__file__,
    ) -> None:
        self.directory = directory
        for folder in ("logs", "agents", "people"):
            (directory / folder).mkdir(parents=True)
        self.hub = Localhub(directory / "localhub")
        self.service = Service(directory, free_port())
        self._agents: dict[str, Agent] = {}
        self.database = Database(database_url or f"sqlite:///{directory / 'data' / 'issuewright.db'}")
        self._populate(config)
        self._write_settings(database_url, settings, agent)
        self.builder = self.agent("builder")

    def close(self) -> None:
        self.builder.is_let_go()
        self.service.close()
        self.hub.close()
        self.database.close()

    def agent(self, role: str) -> Agent:
        """The agent of a role."""
        return self._agents.setdefault(role, Agent(self.directory / "agents", role))

    # -- the service ------------------------------------------------------------------------------------------

    def start_service(self) -> None:
        self.service.spawn()
        self.waits("the service to be ready", self.service.is_ready)

    def kill_service(self) -> None:
        self.service.kill()

    # -- people -----------------------------------------------------------------------------------------------

    def opens_spec(self, title: str, body: str = "As the title says.", by: str = OWNER) -> Issue:
        """Somebody opens an issue and labels it."""
        issue = Issue(self.hub.by(by, "POST", "/issues", {"title": title, "body": body})["number"])
        self.labels(issue, by=by)
        return issue

    def comes_to_its_gate(self) -> Issue:
        """A first run, which has nothing left to do but to wait for people."""
        self.builder.writes(GOOD)
        self.start_service()
        issue = self.opens_spec("Add a health check")
        self.waits_for_gate(issue)
        self.waits_for_quiet()
        return issue

    def labels(self, issue: Issue, label: str = "spec", by: str = OWNER) -> None:
        self.hub.by(by, "POST", f"/issues/{issue.number}/labels", {"labels": [label]})

    def comments(self, where: Issue | int, body: str, by: str = MAINTAINER) -> int:
        """Somebody comments on an issue, or on the pull request of that number; the comment's id."""
        number = where.number if isinstance(where, Issue) else where
        return int(self.hub.by(by, "POST", f"/issues/{number}/comments", {"body": body})["id"])

    def approves(self, issue: Issue, by: str = MAINTAINER) -> None:
        """Somebody approves the pull request's head in a review."""
        self.reviews(issue, "APPROVE", "", by)

    def reviews(self, issue: Issue, event: str, body: str, by: str = MAINTAINER) -> int:
        """Somebody reviews the pull request's head; the review's id."""
        pull = self.pull_request(issue)
        review = {"event": event, "body": body, "commit_id": pull["head"]["sha"]}
        return int(self.hub.by(by, "POST", f"/pulls/{pull['number']}/reviews", review)["id"])

    def pushes(self, issue: Issue, path: str, content: str, by: str = MAINTAINER) -> str:
        """Somebody pushes a commit with one file on top of the pull request's branch; the commit."""
        return self.pushes_to(self.branch(issue), path, content, by)

    def pushes_to(self, branch: str, path: str, content: str, by: str = MAINTAINER) -> str:
        """The same on top of any branch."""
        clone = self.directory / "people" / str(len(list((self.directory / "people").iterdir())))
        git(self.directory, "clone", "-q", "--branch", branch, self.hub.remote(self.hub.tokens[by]), str(clone))
        file = clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        git(clone, "add", path)
        git(clone, "commit", "-q", "-m", f"By hand: {path}")
        git(clone, "push", "-q", "origin", branch)
        return git(clone, "rev-parse", "HEAD").stdout.strip()

    # -- looking ----------------------------------------------------------------------------------------------

    def sees(self, path: str) -> Any:
        """What a person reads at a path of the repository's API."""
        return self.hub.by(MAINTAINER, "GET", path)

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """All of a list, page by page; `path` has a query."""
        for number in count(1):
            page = self.sees(f"{path}&per_page=100&page={number}")
            yield from page
            if len(page) < 100:
                return

    def issue(self, issue: Issue) -> dict[str, Any]:
        found: dict[str, Any] = self.sees(f"/issues/{issue.number}")
        return found

    def branch(self, issue: Issue) -> str:
        """The run's branch, from its pull request."""
        return str(self.pull_request(issue)["head"]["ref"])

    def find_pull_request(self, issue: Issue) -> dict[str, Any] | None:
        """The newest pull request for the issue; None when there is none."""
        found = self.pages("/pulls?state=all&sort=created&direction=desc")
        return next((p for p in found if p["head"]["ref"].startswith(f"issuewright/{issue.number}-")), None)

    def pull_request(self, issue: Issue) -> dict[str, Any]:
        """The newest pull request for the issue, in full."""
        found = self.find_pull_request(issue)
        assert found is not None, f"no pull request for #{issue.number}"
        full: dict[str, Any] = self.sees(f"/pulls/{found['number']}")
        return full

    def conversation(self, number: int) -> list[dict[str, Any]]:
        """All comments on an issue or pull request."""
        found: list[dict[str, Any]] = self.sees(f"/issues/{number}/comments?per_page=100")
        return found

    def bot_comments(self, number: int, containing: str = "") -> list[str]:
        """What the bot wrote there."""
        return [c["body"] for c in self.conversation(number) if c["user"]["login"] == BOT and containing in c["body"]]

    def reactions(self, comment_id: int) -> list[str]:
        """The reactions of a comment."""
        return [each["content"] for each in self.sees(f"/issues/comments/{comment_id}/reactions")]

    def check_runs(self, sha: str) -> list[dict[str, Any]]:
        """The check runs on a commit."""
        found: list[dict[str, Any]] = self.sees(f"/commits/{sha}/check-runs?filter=all")["check_runs"]
        return found

    def run_id(self, issue: Issue, ordinal: int = 1) -> str:
        return f"acme--tally--{issue.number}" + ("" if ordinal == 1 else f"-{ordinal}")

    def journal(self, issue: Issue, ordinal: int = 1) -> list[Record]:
        """The run's records; none before it began."""
        if self.database.is_sqlite and not Path(self.database.engine.url.database or "").exists():
            return []
        waker: Waker = None  # type: ignore[assignment]  # only for reading
        return Journal(self.database, waker).records(self.run_id(issue, ordinal))

    def entries(self, issue: Issue, kind: type[Kind]) -> list[Kind]:
        """The entries of one kind in the run's journal."""
        return [record.entry for record in self.journal(issue) if isinstance(record.entry, kind)]

    def files_on(self, ref: str) -> list[str]:
        """The paths of all files of a commit, branch or ref of the repository."""
        return self.git("ls-tree", "-r", "--name-only", ref).split()

    def git(self, *arguments: str) -> str:
        """What git says in the repository as GitHub has it."""
        return git(self.directory / "localhub" / "repos" / "acme" / "tally.git", *arguments).stdout

    def kinds(self, issue: Issue, ordinal: int = 1) -> list[str]:
        return [record.kind for record in self.journal(issue, ordinal)]

    def paid(self) -> list[str]:
        """The agents that were started, as they themselves have noted it: `role number`."""
        file = self.directory / "agents" / "paid.jsonl"
        calls = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [f"{call['role']} {call['number']}" for call in calls]

    def agent_calls(self) -> list[str]:
        """The attempts whose agents were started, as the service's own file has them."""
        file = self.directory / "agent-calls.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [str(json.loads(line)["attempt"]) for line in lines]

    def file_on_main(self, path: str) -> str:
        """A file's text on the default branch."""
        return base64.b64decode(self.sees(f"/contents/{path}?ref=main")["content"]).decode()

    def requests(self, method: str, path: str) -> list[dict[str, Any]]:
        """The bot's requests to paths that match, as localhub has logged them."""
        log: list[dict[str, Any]] = self.hub.control("GET", "/requests")
        return [
            each
            for each in log
            if each["as"] == "installation" and each["method"] == method and re.search(path, each["path"])
        ]

    @staticmethod
    def seconds_between(first: str, second: str) -> float:
        """The time between two lines of localhub's log."""
        return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()

    def processes_of_agents(self) -> list[psutil.Process]:
        """The agents that run."""
        return _processes(str(self.directory / "agents"))

    def processes_of_supervisors(self) -> list[psutil.Process]:
        """The supervisors that run."""
        return _processes(str(self.directory / "data" / "attempts"))

    def query(self, statement: str, **values: object) -> list[Any]:
        """Rows of the service's database."""
        with self.database.read() as connection:
            return list(connection.execute(text(statement), values))

    def queues(self) -> set[str]:
        """The queues that the service's workflows are, or were, in."""
        schema = "" if self.database.is_sqlite else "dbos."
        return {row[0] for row in self.query(f"SELECT DISTINCT queue_name FROM {schema}workflow_status")}

    def executes(self, statement: str) -> None:
        """Somebody meddles with the service's database."""
        with self.database.write() as connection:
            connection.execute(text(statement))

    # -- waiting ----------------------------------------------------------------------------------------------

    def waits(self, what: str, look: Callable[[], Found | None], seconds: float = PATIENCE_SECONDS) -> Found:
        """What `look` answers once it is truthy. A service that died at a failpoint is started again meanwhile."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            self._keep_going()
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}\n{self._account()}"
            time.sleep(0.03)

    def waits_without_a_service(self, what: str, look: Callable[[], Found | None]) -> Found:
        """The same while the service is dead, and stays so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            assert time.monotonic() < deadline, f"waited for {what}\n{self._account()}"
            time.sleep(0.03)
        return found

    def waits_for_pull_request(self, issue: Issue) -> int:
        found = self.waits(f"the pull request of #{issue.number}", lambda: self.find_pull_request(issue))
        return int(found["number"])

    def waits_for_gate(self, issue: Issue, round: int = 1, gate: str = "merge") -> int:
        """Until the gate is open; the pull request's number."""
        number = self.waits_for_pull_request(issue)
        mark = f":gate:{gate}:{round} -->"
        self.waits(f"round {round} of gate {gate}", lambda: self.bot_comments(number, mark))
        cause = f"gate:{gate}:{round}:opened"
        self.waits("that to be recorded", lambda: cause in [record.cause for record in self.journal(issue)])
        return number

    def waits_for_entry(self, issue: Issue, kind: str, times: int = 1, ordinal: int = 1) -> None:
        what = f"{times} x {kind} in the journal"
        self.waits(what, lambda: self.kinds(issue, ordinal).count(kind) >= times)

    def waits_for_agent(self, times: int = 1) -> None:
        self.waits(f"{times} start(s) of the builder", lambda: self.builder.times_paid >= times)

    def waits_for_reaction(self, comment_id: int, content: str) -> None:
        self.waits(f"{content} on comment {comment_id}", lambda: content in self.reactions(comment_id))

    def waits_for_quiet(self) -> None:
        """Until no workflow is under way or due, and every run is shown as it stands."""
        self.waits("the service to have nothing left to do", self.is_quiet)

    def waits_for_the_end(self, issue: Issue, ordinal: int = 1) -> None:
        """Until the run is over, and shown so."""
        self.waits_for_entry(issue, "run_finished", ordinal=ordinal)
        self.waits_for_quiet()

    def is_quiet(self) -> bool:
        """Whether no workflow is under way or due, and every run is shown as it stands."""
        schema = "" if self.database.is_sqlite else "dbos."
        busy = f"SELECT count(*) FROM {schema}workflow_status WHERE status IN ('PENDING', 'ENQUEUED')"
        waiting = "SELECT count(*) FROM runs WHERE publisher IS NOT NULL"
        unread = "SELECT count(*) FROM deliveries WHERE status = 'received'"
        undelivered = [d for d in self.hub.control("GET", "/deliveries") if d["state"] == "pending"]
        return not undelivered and all(self.query(each)[0][0] == 0 for each in (busy, waiting, unread))

    def _keep_going(self) -> None:
        code = self.service.exit_code()
        if code is None:
            return
        assert self.service.death() is not None, f"the service ended by itself with {code}\n{self._account()}"
        self.service.spawn()

    def _account(self) -> str:
        log = self.service.log
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else "(none)"
        try:
            rows = self.query("SELECT run_id, seq, kind, cause FROM entries ORDER BY run_id, seq")
            journal = "\n".join(" ".join(map(str, row)) for row in rows)
        except Exception as trouble:
            journal = f"(not readable: {trouble})"
        return f"--- journal\n{journal}\n--- died at {self.service.deaths}\n--- the end of service.log\n{tail}"

    # -- set-up -----------------------------------------------------------------------------------------------

    def _populate(self, config: str) -> None:
        hub = self.hub
        for login in (OWNER, MAINTAINER, STRANGER):
            hub.user(login)
        command = json.dumps([sys.executable, "-B", "-m", "unittest", "-v"])
        pipeline = "" if "pipeline: " in config else "pipeline: quick\n"
        settings = f"version: 1\n{pipeline}checks:\n  tests:\n    command: {command}\n{config}"
        files = {**PROJECT, ".github/issuewright.yml": settings}
        hub.control("POST", "/repositories", {"owner": OWNER, "name": "tally", "files": files})
        role = {"login": MAINTAINER, "role_name": "write"}
        hub.control("POST", "/repositories/acme/tally/collaborators", role)
        hub.install_app(f"http://{self.service.host}:{self.service.port}/webhook", ["acme/tally"])

    def _write_settings(self, database_url: str | None, settings: str, agent: str) -> None:
        key = self.directory / "app.pem"
        key.touch(mode=0o600)
        key.write_text(PRIVATE_PEM)
        argv = [sys.executable, "-B", agent, str(self.directory / "agents")]
        lines = [
            f"github_api_url = {json.dumps(self.hub.api)}",
            f"app_id = {APP_ID}",
            'private_key_file = "app.pem"',
            f"webhook_secret = {json.dumps(SECRET)}",
            f'listen = "127.0.0.1:{self.service.port}"',
            'repositories = ["acme/tally"]',
            'agent_calls_file = "agent-calls.jsonl"',
            *([f"database_url = {json.dumps(database_url)}"] if database_url else []),
            *([] if "reconcile_seconds" in settings else ["reconcile_seconds = 3600"]),
            *settings.splitlines(),
            "[agents]",
            'default = "command"',
            "[agents.settings.command]",
            f"argv = {json.dumps(argv)}",
        ]
        (self.directory / "service.toml").write_text("\n".join(lines) + "\n")


def _processes(argument: str) -> list[psutil.Process]:
    """Every process of this machine that has an argument which begins so."""
    everyone = psutil.process_iter(["cmdline"])
    return [p for p in everyone if any(each.startswith(argument) for each in p.info["cmdline"] or [])]
