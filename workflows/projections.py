"""Projections of the journal for people and SELECTs, written in the transaction of the append."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from bot.domain.entries import (
    AttemptFinished,
    AttemptStarted,
    DeploymentFinished,
    DeploymentStarted,
    Entry,
    GateOpening,
    StopRequested,
)
from bot.domain.next_moves import waiting_for
from bot.domain.run import Run
from bot.domain.standing import status
from workflows.clock import stamp
from workflows.schema.tables import attempts, costs, deployments, gates, runs


def insert_run(connection: Connection, run: Run, at: datetime) -> None:
    """The row of a run that has just begun."""
    started = run.started
    connection.execute(
        insert(runs).values(
            run_id=run.id,
            repo=str(started.issue.repo),
            issue=started.issue.number,
            ordinal=started.ordinal,
            parent=started.parent,
            title=started.title,
            pipeline=started.plan.name,
            branch=started.branch,
            is_open=True,
            started_at=stamp(at),
            **_state(run, at),
        )
    )


def update_run(connection: Connection, *, before: Run, after: Run, entry: Entry, at: datetime) -> None:
    """The rows that one more entry changes."""
    mine = runs.c.run_id == after.id
    connection.execute(update(runs).where(mine).values(is_open=not after.is_over, **_state(after, at)))
    match entry:
        case AttemptStarted():
            _attempt_started(connection, after, entry, at)
        case AttemptFinished():
            _attempt_finished(connection, after, entry, at)
        case StopRequested():
            _update_attempt(connection, after, entry.stage, entry.number, stop_reason=entry.reason)
        case GateOpening():
            _gate_opening(connection, after, entry, at)
        case DeploymentStarted():
            _deployment_started(connection, after, entry, at)
        case DeploymentFinished():
            _deployment_finished(connection, after, entry, at)
    if before.gate is not None and before.gate != after.gate:
        _gate_changed(connection, before, after, at)


def publisher(connection: Connection, run_id: str) -> str | None:
    """The workflow that will show the run's state on GitHub; None when none is on its way."""
    return connection.execute(select(runs.c.publisher).where(runs.c.run_id == run_id)).scalar()


def set_publisher(connection: Connection, run_id: str, workflow_id: str | None) -> None:
    """Note the workflow that will show the run's state."""
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(publisher=workflow_id))


def _state(run: Run, at: datetime) -> dict[str, object]:
    return {
        "status": status(run),
        "waiting_for": waiting_for(run),
        "pull_number": run.pull_number,
        "head_seq": run.seq,
        "head_hash": run.hash,
        "cost_usd": run.cost_usd,
        "updated_at": stamp(at),
    }


def _attempt_started(connection: Connection, run: Run, entry: AttemptStarted, at: datetime) -> None:
    values = {"stage": entry.stage, "number": entry.number, "mode": entry.mode, "status": "live"}
    connection.execute(insert(attempts).values(run_id=run.id, started_at=stamp(at), **values))


def _attempt_finished(connection: Connection, run: Run, entry: AttemptFinished, at: datetime) -> None:
    refused = any(verdict.refuses for verdict in entry.verdicts)
    _update_attempt(
        connection,
        run,
        entry.stage,
        entry.number,
        status="refused" if refused and entry.status == "ok" else entry.status.value,
        finished_at=stamp(at),
        commit_sha=entry.commit,
        seconds=entry.seconds,
    )
    connection.execute(
        insert(costs).values(
            run_id=run.id,
            stage=entry.stage,
            number=entry.number,
            at=stamp(at),
            usd=entry.cost_usd,
            input_tokens=entry.input_tokens,
            output_tokens=entry.output_tokens,
        )
    )


def _update_attempt(connection: Connection, run: Run, stage: str, number: int, **values: object) -> None:
    mine = (attempts.c.run_id == run.id) & (attempts.c.stage == stage) & (attempts.c.number == number)
    connection.execute(update(attempts).where(mine).values(**values))


def _gate_opening(connection: Connection, run: Run, entry: GateOpening, at: datetime) -> None:
    connection.execute(
        insert(gates).values(
            run_id=run.id,
            gate=entry.gate,
            round=entry.round,
            state="open",
            subject=entry.subject.digest,
            head=entry.subject.head,
            opened_at=stamp(at),
        )
    )


def _deployment_started(connection: Connection, run: Run, entry: DeploymentStarted, at: datetime) -> None:
    values = {"environment": entry.environment, "number": entry.number, "commit_sha": entry.commit}
    connection.execute(insert(deployments).values(run_id=run.id, status="started", started_at=stamp(at), **values))


def _deployment_finished(connection: Connection, run: Run, entry: DeploymentFinished, at: datetime) -> None:
    mine = (
        (deployments.c.run_id == run.id)
        & (deployments.c.environment == entry.environment)
        & (deployments.c.number == entry.number)
    )
    values = {"status": entry.status, "release": entry.release, "detail": entry.detail, "url": entry.url}
    connection.execute(update(deployments).where(mine).values(**values, finished_at=stamp(at)))


def _gate_changed(connection: Connection, before: Run, after: Run, at: datetime) -> None:
    gate = before.gate
    assert gate is not None
    passed = after.passed.get(gate.gate)
    if (still_open := after.open_gate(gate.gate, gate.round)) is not None:
        values: dict[str, object] = {"approvals": ", ".join(actor.login for actor in still_open.approvals)}
    elif passed is not None:
        logins = ", ".join(actor.login for actor in passed.by)
        values = {"state": "passed", "approvals": logins, "closed_at": stamp(at)}
    else:
        values = {"state": "closed", "closed_at": stamp(at)}
    mine = (gates.c.run_id == before.id) & (gates.c.gate == gate.gate) & (gates.c.round == gate.round)
    connection.execute(update(gates).where(mine).values(**values))
