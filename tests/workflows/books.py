"""A real database with a real journal in it, and commits in a real mirror: something to look at, and to tamper with."""

import subprocess
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text

from bot.domain.agents import AgentResult, AgentStatus
from bot.domain.decisions import Accepted, Decision, Start
from bot.domain.entries import AttemptFinished, AttemptStarted, Recorded, RunParked
from bot.domain.events import IssueLabelled, MoveMade
from bot.domain.rendering.commits import handoff_message
from bot.domain.run import Run
from bot.domain.verdicts import Verdict
from tests.domain.samples import ISSUE, facts, start_facts
from workflows.claims import Claims
from workflows.database import Database
from workflows.effects import Effects
from workflows.journal import Journal
from workflows.runtime import connect_client, prepare_system_tables
from workflows.schema.migrate import migrate
from workflows.wake import Waker

RUN = "acme--tally--7"


class Books:
    """One run's journal and what belongs to it. `mirrors` is a directory of mirrors."""

    def __init__(self, url: str, directory: Path) -> None:
        self.database = Database(url)
        migrate(self.database)
        prepare_system_tables(self.database)
        self.journal = Journal(self.database, Waker(connect_client(self.database)))
        self.mirrors = directory / "mirrors"
        self.mirror = self.mirrors / "acme--tally.git"
        self._moves = 0

    def close(self) -> None:
        self.database.close()

    # -- what happens -----------------------------------------------------------------------------------------

    def starts(self, base: str = "b" * 40, **changes: object) -> None:
        """The run; `changes` of the facts that it starts from."""
        start = start_facts(base_sha=base, **changes)
        decision = self.journal.decide(IssueLabelled(issue=ISSUE, label="spec"), facts(start=start), of=ISSUE)
        assert isinstance(decision, Start)

    def run(self, run_id: str = RUN) -> Run:
        """The run as it is now."""
        run = self.journal.run(run_id)
        assert run is not None
        return run

    @property
    def dbos_schema(self) -> str:
        """What the names of DBOS's tables begin with."""
        return "" if self.database.is_sqlite else "dbos."

    def intends_to_push(self, key: str, commit: str) -> None:
        """Somebody has noted that they are about to push that commit, and is lost before they say what became of it."""

        def dies() -> str:
            raise KeyboardInterrupt

        claim = Claims(self.database, "lost").take(f"lost:{key}")
        with suppress(KeyboardInterrupt):
            Effects(self.database).once(key, "push", dies, find=None, claim=claim, run_id=RUN, intended=commit)

    def records(self, entry: Recorded) -> Decision:
        self._moves += 1
        decision = self.journal.decide(MoveMade(entry=entry, cause=f"test:{self._moves}"), facts(), of=RUN)
        assert isinstance(decision, Accepted), decision
        return decision

    def tries(self, number: int = 1, *, commit: str | None = None, start: str = "b" * 40) -> None:
        """An attempt: its work is handed on as `commit`, or refused."""
        self.records(AttemptStarted(stage="builder", number=number, start_commit=start))
        verdict = Verdict.ok("tests", "41 passed") if commit else Verdict.fail("tests", "3 of 41 failed")
        self.ends(number, commit, verdict, start)

    def ends(self, number: int, commit: str | None, verdict: Verdict, start: str = "b" * 40) -> None:
        self.records(
            AttemptFinished(
                stage="builder",
                number=number,
                status=AgentStatus.OK,
                verdicts=(verdict,),
                commit=commit,
                parent=start if commit else None,
                diff_digest="d" if commit else None,
                artifacts_digest="a" if commit else None,
                cost_usd=0.25,
                seconds=3.0,
            )
        )

    def parks(self, reason: str = "the registry is away") -> None:
        self.records(RunParked(reason=reason))

    # -- commits ----------------------------------------------------------------------------------------------

    def git(self, *arguments: str, stdin: str = "") -> str:
        command = ["git", "-C", str(self.mirror), "-c", "user.name=t", "-c", "user.email=t@t.invalid", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout.strip()

    def has_a_mirror(self) -> str:
        """Make the mirror; its one commit."""
        self.mirror.mkdir(parents=True)
        subprocess.run(["git", "init", "-q", "--bare", str(self.mirror)], check=True)
        return self.commits("the beginning\n")

    def commits(self, message: str, *parents: str) -> str:
        tree = self.git("mktree")
        return self.git("commit-tree", tree, *(w for p in parents for w in ("-p", p)), "-F", "-", stdin=message)

    def hands_on(self, base: str, *, tampered: tuple[str, str] = ("", "")) -> str:
        """A first attempt whose commit is in the mirror, on the run's branch; a part of its message may be replaced."""
        self.records(AttemptStarted(stage="builder", number=1, start_commit=base))
        run = self.journal.run(RUN)
        attempt = run.attempt("builder", 1) if run else None
        assert run is not None
        assert attempt is not None
        message = handoff_message(run, attempt, AgentResult(status=AgentStatus.OK, summary="Built."), agent="scripted")
        assert tampered[0] in message
        commit = self.commits(message.replace(*tampered), base)
        self.git("update-ref", f"refs/remotes/origin/{run.started.branch}", commit)
        self.ends(1, commit, Verdict.ok("tests", "41 passed"), base)
        return commit

    # -- meddling ---------------------------------------------------------------------------------------------

    def executes(self, statement: str, **values: object) -> None:
        """A statement past everything that watches, as somebody with the database's password would."""
        with self.database.write() as connection:
            connection.execute(text(statement), values)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]

    def drivers(self) -> int:
        """How many drivers wait for a worker."""
        schema = "" if self.database.is_sqlite else "dbos."
        query = f"SELECT count(*) FROM {schema}workflow_status WHERE workflow_uuid LIKE 'drive:%'"
        count = self.query(query)[0][0]
        assert isinstance(count, int)
        return count
