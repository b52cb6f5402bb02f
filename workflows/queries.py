"""What an operator asks about runs: read from projections and journals, changing nothing."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, select

from bot.domain.entries import is_known
from bot.domain.errors import UserError
from bot.domain.fold import fold
from bot.domain.journal import Record
from bot.domain.moves import describe
from bot.domain.next_moves import next_moves
from bot.domain.pipeline import Stage
from bot.domain.run import Attempt, Run
from bot.domain.values import Value
from workflows.database import Database
from workflows.records import records_of
from workflows.schema.tables import archived_runs, attempts, costs, deployments, effects, entries, gates, runs

NEWER = "this release cannot read its journal: run the release that wrote it, or a newer one"


class RunLine(Value):
    """One run in a list. `unreadable` says why this release cannot tell how it stands."""

    run_id: str
    repo: str
    issue: int
    title: str
    pipeline: str
    status: str
    is_open: bool
    waiting_for: str | None
    pull_number: int | None
    cost_usd: float
    started_at: str
    updated_at: str
    last_error: str | None = None
    unreadable: str | None = None


class StepLine(Value):
    """One step of a run's pipeline: a stage or a gate, and how it stands."""

    name: str
    kind: str
    state: str
    attempts: int = 0


class VerdictLine(Value):
    """What one check said of an attempt."""

    check: str
    outcome: str
    summary: str


class AttemptLine(Value):
    """One try at a stage; `verdicts`, `summary` and `detail` are the journal's."""

    stage: str
    number: int
    mode: str
    status: str
    started_at: str
    finished_at: str | None
    seconds: float | None
    cost_usd: float
    input_tokens: int
    output_tokens: int
    restarts: int
    commit: str | None
    stop_reason: str | None
    summary: str = ""
    detail: str = ""
    verdicts: tuple[VerdictLine, ...] = ()


class RunDetails(Value):
    """Everything about one run that helps to see what it does, and why it does not."""

    run: RunLine
    branch: str
    base: str | None
    started_by: str | None
    parent: str | None
    journal_entries: int
    journal_hash: str
    next_moves: tuple[str, ...]
    steps: tuple[StepLine, ...]
    attempts: tuple[AttemptLine, ...]
    gates: tuple[dict[str, Any], ...]
    deployments: tuple[dict[str, Any], ...]
    unfinished_effects: tuple[dict[str, Any], ...]


def list_runs(database: Database, *, repo: str | None = None, closed_too: bool = False) -> list[RunLine]:
    """The open runs (or all), those first that have stood still the longest."""
    query = select(runs).order_by(runs.c.is_open.desc(), runs.c.updated_at)
    query = query if closed_too else query.where(runs.c.is_open)
    query = query if repo is None else query.where(runs.c.repo == repo)
    with database.snapshot() as connection:
        unreadable = _unreadable_runs(connection)
        return [_line(row, unreadable.get(row.run_id)) for row in connection.execute(query)]


def show_run(database: Database, run_id: str) -> RunDetails:
    """One run; raises UserError when there is none of that name."""
    with database.snapshot() as connection:
        row = connection.execute(select(runs).where(runs.c.run_id == run_id)).first()
        if row is None:
            raise UserError(_no_such_run(connection, run_id))
        records = _readable(connection, run_id)
        run = fold(records)
        unreadable = NEWER if run is None else run.unreadable
        line = _line(row, unreadable, error=None if run is None else _last_error(run))
        return RunDetails(
            run=line,
            branch=row.branch,
            base=run.started.base_branch if run else None,
            started_by=run.started.started_by.login if run else None,
            parent=row.parent,
            journal_entries=row.head_seq,
            journal_hash=row.head_hash,
            next_moves=tuple(describe(move) for move in next_moves(run)) if run else (),
            steps=tuple(_steps(run)) if run else (),
            attempts=tuple(_attempts(connection, run_id, run)),
            gates=_rows(connection, gates, run_id, "opened_at"),
            deployments=_rows(connection, deployments, run_id, "started_at"),
            unfinished_effects=tuple(
                {"key": effect.key, "kind": effect.kind, "intended_at": effect.intended_at}
                for effect in connection.execute(
                    select(effects).where(effects.c.run_id == run_id, effects.c.done_at.is_(None))
                )
            ),
        )


def export_run(database: Database, run_id: str) -> Iterator[str]:
    """The run's journal as JSON lines: every record as it is hashed. Raises UserError when there is no such run."""
    with database.snapshot() as connection:
        if connection.execute(select(runs.c.run_id).where(runs.c.run_id == run_id)).first() is None:
            raise UserError(_no_such_run(connection, run_id))
        query = select(entries).where(entries.c.run_id == run_id).order_by(entries.c.seq)
        # As the rows have it, so that a damaged journal can be exported, too.
        lines = [json.dumps(dict(row._mapping), ensure_ascii=False) for row in connection.execute(query)]
    yield from lines


def _line(row: Any, unreadable: str | None, error: str | None = None) -> RunLine:
    fields = {name: getattr(row, name) for name in RunLine.model_fields if name not in ("last_error", "unreadable")}
    return RunLine(**fields, last_error=row.last_error or error, unreadable=unreadable)


def _unreadable_runs(connection: Connection) -> dict[str, str]:
    """The runs with entries that this release does not know; by kind, so that no journal has to be read."""
    kinds = connection.execute(select(entries.c.kind, entries.c.version).distinct()).all()
    found: dict[str, str] = {}
    for kind, version in (each for each in kinds if not is_known(*each)):
        query = select(entries.c.run_id).where(entries.c.kind == kind, entries.c.version == version).distinct()
        found |= dict.fromkeys(connection.execute(query).scalars(), f"{NEWER} (entry `{kind}` of version {version})")
    return found


def _readable(connection: Connection, run_id: str) -> list[Record]:
    try:
        return records_of(connection, run_id)
    except ValueError:
        return []


def _no_such_run(connection: Connection, run_id: str) -> str:
    """Runs are named after issues; people forget the ordinal, or give the issue alone."""
    wanted = run_id.replace("/", "--").replace("#", "--")
    query = select(archived_runs.c.archived_at, archived_runs.c.file).where(archived_runs.c.run_id == wanted)
    if (archived := connection.execute(query).first()) is not None:
        return f"run `{wanted}` was archived on {archived.archived_at[:10]}: its journal is in {archived.file}"
    near = [r for r in connection.execute(select(runs.c.run_id)).scalars() if r == wanted or r.startswith(f"{wanted}-")]
    hint = f"did you mean {', '.join(near[:5])}?" if near else "`issuewright runs list --all` has them all"
    return f"there is no run `{run_id}`: {hint}"


def _steps(run: Run) -> Iterator[StepLine]:
    for step in run.plan.steps:
        now = "now" if step == run.step and not run.is_over else "to come"
        if isinstance(step, Stage):
            state = run.stages[step.name]
            live = run.live is not None and run.live.stage == step.name
            said = "at work" if live else "done" if state.done else "sent back" if state.feedback else now
            yield StepLine(name=step.name, kind="stage", state=said, attempts=len(state.attempts))
        else:
            passed, is_open = run.passed.get(step.name), run.gate is not None and run.gate.gate == step.name
            by = f"approved by {', '.join(actor.login for actor in passed.by)}" if passed else ""
            said = by or ("waits for approval" if is_open else now)
            yield StepLine(name=step.name, kind="gate", state=said)


def _attempts(connection: Connection, run_id: str, run: Run | None) -> Iterator[AttemptLine]:
    query = (
        select(attempts, costs.c.usd, costs.c.input_tokens, costs.c.output_tokens)
        .outerjoin(
            costs,
            (costs.c.run_id == attempts.c.run_id)
            & (costs.c.stage == attempts.c.stage)
            & (costs.c.number == attempts.c.number),
        )
        .where(attempts.c.run_id == run_id)
        .order_by(attempts.c.started_at)
    )
    for row in connection.execute(query):
        told = run.attempt(row.stage, row.number) if run else None
        finished = told.finished if told else None
        yield AttemptLine(
            stage=row.stage,
            number=row.number,
            mode=row.mode,
            status=row.status,
            started_at=row.started_at,
            finished_at=row.finished_at,
            seconds=row.seconds,
            cost_usd=row.usd or 0.0,
            input_tokens=row.input_tokens or 0,
            output_tokens=row.output_tokens or 0,
            restarts=row.restarts,
            commit=row.commit_sha,
            stop_reason=row.stop_reason,
            summary=finished.summary if finished else "",
            detail=finished.detail if finished else "",
            verdicts=tuple(
                VerdictLine(check=v.check, outcome=v.outcome.value, summary=v.summary)
                for v in (finished.verdicts if finished else ())
            ),
        )


def _last_error(run: Run) -> str | None:
    """Why the run is stuck, or what went wrong with its newest attempt."""
    if run.parked or run.blocked:
        return run.parked or run.blocked
    tried = [attempt for state in run.stages.values() for attempt in state.attempts if attempt.finished]
    return _trouble(max(tried, key=lambda attempt: attempt.seq)) if tried else None


def _trouble(attempt: Attempt) -> str | None:
    finished = attempt.finished
    assert finished is not None
    name = f"attempt {finished.number} of {finished.stage}"
    if finished.status != "ok":
        return f"{name}: {finished.status.value}{': ' if finished.detail else ''}{finished.detail}"
    refused = [f"{verdict.check}: {verdict.summary}" for verdict in finished.verdicts if verdict.refuses]
    return f"{name} was refused: {'; '.join(refused)}" if refused else None


def _rows(connection: Connection, table: Table, run_id: str, order: str) -> tuple[dict[str, Any], ...]:
    columns = [column for column in table.c if column.name != "run_id"]
    query = select(*columns).where(table.c.run_id == run_id).order_by(table.c[order])
    return tuple(dict(row._mapping) for row in connection.execute(query))
