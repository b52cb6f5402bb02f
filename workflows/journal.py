"""The journal in the database: append by compare-and-set, decide, and wake, each in one transaction."""

from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, insert, select, true, union, update

from bot.domain.accept import accept, known_cause
from bot.domain.decisions import Accepted, Decision, Ignored, Start
from bot.domain.entries import (
    AttemptFinished,
    AttemptStarted,
    DeploymentStarted,
    GateOpened,
    MergeWasRefused,
    Recorded,
    RunFinished,
    RunParked,
    RunStarted,
)
from bot.domain.events import CommandGiven, Event, IssueLabelled
from bot.domain.facts import Facts
from bot.domain.fold import apply, fold
from bot.domain.journal import GENESIS, Record, seal
from bot.domain.moves import Merge, Move, OpenGate, Park, StartAttempt, claim
from bot.domain.next_moves import THE_RULES, next_moves
from bot.domain.refs import AttemptRef, IssueRef, RepoRef
from bot.domain.run import Run
from workflows import budgets, due, projections
from workflows.attempt_keys import deployment_ref
from workflows.clock import now, stamp
from workflows.database import Database
from workflows.records import records_of, row_of
from workflows.schema.tables import archived_runs, attempts, decisions, deployments, entries, runs
from workflows.wake import Waker

_DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


_IS_OPEN = runs.c.is_open == true()
"""As an index finds it: SQLite compares, or reads everything."""
_SHOWN_SOON = (RunStarted, MergeWasRefused, RunParked, RunFinished)
"""What people wait for; everything else is shown with the next burst. A gate that opens has its own comment."""


class StaleFacts(Exception):
    """The run went on while the facts were being gathered: gather them again."""


class Journal:
    """All runs' journals. The only writer of `entries` and of its projections."""

    def __init__(self, database: Database, waker: Waker) -> None:
        self._database = database
        self._waker = waker

    def run(self, run_id: str) -> Run | None:
        """The run as its journal tells it; None when there is none."""
        with self._database.read() as connection:
            return self._load(connection, run_id)

    def records(self, run_id: str) -> list[Record]:
        """The run's stored entries, in order."""
        with self._database.read() as connection:
            return records_of(connection, run_id)

    def open_run_of(self, issue: IssueRef) -> str | None:
        """The id of the open run that belongs to this issue or pull request; None when there is none."""
        with self._database.read() as connection:
            return _open_run_of(connection, issue)

    def first_open_since(self, repo: RepoRef) -> datetime | None:
        """When the oldest open run of a repository began; None when it has none."""
        query = select(func.min(runs.c.started_at)).where(runs.c.repo == str(repo), _IS_OPEN)
        with self._database.read() as connection:
            first = connection.execute(query).scalar()
            return None if first is None else datetime.fromisoformat(first)

    def held_up_runs(self, repo: RepoRef) -> list[str]:
        """The open runs of a repository whose merge its rules do not allow yet."""
        mine = (runs.c.repo == str(repo)) & _IS_OPEN & runs.c.waiting_for.startswith(THE_RULES)
        with self._database.read() as connection:
            return list(connection.execute(select(runs.c.run_id).where(mine)).scalars())

    def unsettled_runs(self) -> list[str]:
        """The runs that do not simply wait for people: something should be moving, or (also at the end) be shown."""
        moving = union(
            select(runs.c.run_id).where(_IS_OPEN, runs.c.waiting_for.is_(None)),
            select(runs.c.run_id).where(runs.c.publisher.is_not(None)),
            select(attempts.c.run_id).join(runs).where(_IS_OPEN, attempts.c.finished_at.is_(None)),
            select(deployments.c.run_id).join(runs).where(_IS_OPEN, deployments.c.finished_at.is_(None)),
        )
        with self._database.read() as connection:
            return list(connection.execute(moving).scalars())

    def work_in_use(self) -> list[AttemptRef]:
        """All attempts of open runs (their refused work may have to be gone on with) and unfinished deployments."""
        at_work = select(attempts.c.run_id, attempts.c.stage, attempts.c.number).join(runs).where(_IS_OPEN)
        on_the_way = select(deployments.c.run_id, deployments.c.environment, deployments.c.number).where(
            deployments.c.finished_at.is_(None)
        )
        with self._database.read() as connection:
            live = [AttemptRef(run_id=r.run_id, stage=r.stage, number=r.number) for r in connection.execute(at_work)]
            shipping = [
                deployment_ref(r.run_id, r.environment, r.number, back=back)
                for r in connection.execute(on_the_way)
                for back in (False, True)
            ]
            return live + shipping

    def runs_of(self, issue: IssueRef) -> int:
        """How many runs the issue has had, with those that are archived."""
        with self._database.read() as connection:
            numbers = union(
                *(
                    select(table.c.ordinal).where(table.c.repo == str(issue.repo), table.c.issue == issue.number)
                    for table in (runs, archived_runs)
                )
            )
            return max(connection.execute(numbers).scalars(), default=0)

    def decided(self, cause: str) -> Decision | None:
        """What was decided for a cause earlier; None when it is new."""
        with self._database.read() as connection:
            return _decided(connection, cause)

    def has_heard_review(self, review_id: int) -> bool:
        """Whether anything that the body of a review says, or said, was decided."""
        said = decisions.c.cause.startswith(f"review:{review_id}:")
        with self._database.read() as connection:
            return connection.execute(select(decisions.c.cause).where(said)).first() is not None

    def decide(self, event: Event, facts: Facts, *, of: IssueRef | str, seq: int | None = None) -> Decision:
        """Let the domain decide what an event means, and record that, in one transaction.

        `of` is the run's id, or the issue (or pull request) whose open run is meant. A person's cause that was
        decided before gets the decision of that time. `seq` is the run's sequence number that the facts were
        gathered at: raises StaleFacts when the run has moved on since (None: these facts cannot go stale).
        """

        def work(connection: Connection) -> Decision:
            cause = known_cause(event, facts)
            if cause is not None and (earlier := _decided(connection, cause)) is not None:
                return earlier
            run_id = of if isinstance(of, str) else _open_run_of(connection, of)
            run = self._load(connection, run_id) if run_id else None
            if seq is not None and run is not None and run.seq != seq:
                raise StaleFacts(run.id)
            decision = self._record(connection, run, accept(run, event, facts))
            # A label put on while a run is open was for that run: it starts no other once this one has ended. What a
            # review's body said was heard: the reconciler, which reads it again and again, finds nothing new in it.
            is_past = run is not None and (isinstance(event, IssueLabelled) or _is_in_a_review(event))
            if cause is not None and (is_past or not isinstance(decision, Ignored)):
                _remember(connection, cause, run_id, decision)
            return decision

        return self._database.in_transaction(work)

    def claim_next_move(self, run_id: str, token: str) -> Move | None:
        """Claim the run's next move by appending the entry that says so; None when there is nothing to do.

        A move that is claimed already, by a driver that died, is handed out again: making it twice is harmless.
        """

        def work(connection: Connection) -> Move | None:
            run = self._load(connection, run_id)
            moves = next_moves(run) if run else ()
            if run is None or not moves:
                return None
            move = moves[0]
            if not _is_claimed(run, move) and _has_cause(connection, run.id, f"claim:{token}"):
                # This driver claimed another move before it died; whatever came since has a driver of its own.
                return None
            if isinstance(move, StartAttempt) and (short := budgets.reserve(connection, run, move, now())) is not None:
                move = Park(reason=short)
            entry = claim(move)
            if entry is not None and not _is_claimed(run, move):
                self._append(connection, run, f"claim:{token}", entry, driver_goes_on=True)
            return move

        return self._database.in_transaction(work)

    def wake_driver(self, run_id: str, token: str) -> None:
        """Have the run driven although nothing was appended (the sweep's means)."""
        with self._database.write() as connection:
            self._waker.drive(connection, run_id, token)

    def _record(self, connection: Connection, run: Run | None, decision: Decision) -> Decision:
        match decision:
            case Start():
                if _run_exists(connection, decision.entry.run_id):
                    raise StaleFacts(decision.entry.run_id)
                self._insert_run(connection, decision.entry, decision.cause)
            case Accepted():
                assert run is not None
                if _has_cause(connection, run.id, decision.cause):
                    return Ignored(why="recorded already")
                self._append(connection, run, decision.cause, decision.entry, driver_goes_on=False)
        return decision

    def _insert_run(self, connection: Connection, entry: RunStarted, cause: str) -> None:
        at = now()
        record = seal(entry.run_id, 1, GENESIS, cause, at, entry)
        run = apply(None, entry, record.seq, record.hash, at)
        assert run is not None
        projections.insert_run(connection, run, at)
        connection.execute(insert(entries).values(**row_of(record)))
        self._wake(connection, run, entry, driver_goes_on=False)

    def _append(self, connection: Connection, run: Run, cause: str, entry: Recorded, *, driver_goes_on: bool) -> None:
        at = now()
        record = seal(run.id, run.seq + 1, run.hash, cause, at, entry)
        after = apply(run, entry, record.seq, record.hash, at)
        assert after is not None
        connection.execute(insert(entries).values(**row_of(record)))
        projections.update_run(connection, before=run, after=after, entry=entry, at=at)
        due.settle(connection, run, after, entry)
        if isinstance(entry, AttemptFinished):
            budgets.settle(connection, run, entry)
        self._wake(connection, after, entry, driver_goes_on=driver_goes_on)

    def _wake(self, connection: Connection, run: Run, entry: Recorded, *, driver_goes_on: bool) -> None:
        """Whoever must act on the new state is enqueued in the same transaction: all of this happens, or none."""
        if isinstance(entry, AttemptStarted):
            ref = AttemptRef(run_id=run.id, stage=entry.stage, number=entry.number)
            self._waker.attempt(connection, run.started.issue.repo, ref, restart=0)
        if isinstance(entry, DeploymentStarted):
            self._waker.deployment(connection, run.id, entry.environment, entry.number, restart=0)
        if isinstance(entry, GateOpened):
            due.set_timers(connection, self._waker, run, entry)
        if not driver_goes_on and next_moves(run):
            self._waker.drive(connection, run.id, str(run.seq))
        soon = isinstance(entry, _SHOWN_SOON)
        if soon or projections.publisher(connection, run.id) is None:
            workflow_id = self._waker.publish(connection, run.id, str(run.seq), soon=soon)
            projections.set_publisher(connection, run.id, workflow_id)

    @staticmethod
    def _load(connection: Connection, run_id: str) -> Run | None:
        return fold(records_of(connection, run_id))


def publishing_begins(database: Database, run_id: str, workflow_id: str) -> bool:
    """From here on a new entry needs a new publisher. False when a newer one is on its way to say it all."""
    with database.write() as connection:
        mine = (runs.c.run_id == run_id) & (runs.c.publisher == workflow_id)
        connection.execute(update(runs).where(mine).values(publisher=None))
        return projections.publisher(connection, run_id) is None


def publishing_failed(database: Database, run_id: str, workflow_id: str) -> None:
    """The run is not shown as it stands: have the sweep find that, unless a newer publisher is on its way."""
    with database.write() as connection:
        nobody_else = (runs.c.run_id == run_id) & runs.c.publisher.is_(None)
        connection.execute(update(runs).where(nobody_else).values(publisher=workflow_id))


def _is_in_a_review(event: Event) -> bool:
    return isinstance(event, CommandGiven) and event.source == "review"


def _is_claimed(run: Run, move: Move) -> bool:
    match move:
        case OpenGate():
            return run.open_gate(move.gate, move.round) is not None
        case Merge():
            return run.merging == move.subject
        case _:
            return False


def _open_run_of(connection: Connection, issue: IssueRef) -> str | None:
    here = (runs.c.repo == str(issue.repo)) & _IS_OPEN & runs.c.parent.is_(None)
    ours = (runs.c.issue == issue.number) | (runs.c.pull_number == issue.number)
    return connection.execute(select(runs.c.run_id).where(here, ours)).scalar()


def _has_cause(connection: Connection, run_id: str, cause: str) -> bool:
    query = select(entries.c.seq).where(entries.c.run_id == run_id, entries.c.cause == cause)
    return connection.execute(query).first() is not None


def _run_exists(connection: Connection, run_id: str) -> bool:
    known = union(*(select(table.c.run_id).where(table.c.run_id == run_id) for table in (runs, archived_runs)))
    return connection.execute(known).first() is not None


def _decided(connection: Connection, cause: str) -> Decision | None:
    stored = connection.execute(select(decisions.c.decision).where(decisions.c.cause == cause)).scalar()
    return None if stored is None else _DECISION.validate_json(stored)


def _remember(connection: Connection, cause: str, run_id: str | None, decision: Decision) -> None:
    stored = _DECISION.dump_json(decision).decode()
    connection.execute(insert(decisions).values(cause=cause, run_id=run_id, decision=stored, at=stamp(now())))
