"""What the comment templates show, worked out beforehand: templates only lay it out."""

from typing import Literal

from bot.domain.agents import AgentStatus
from bot.domain.gates import Subject
from bot.domain.next_moves import next_moves
from bot.domain.pipeline import Gate, Stage
from bot.domain.run import Attempt, Run
from bot.domain.values import Value

Mark = Literal["done", "live", "waiting", "failed", "to come"]


class StepView(Value):
    """A line of the status table: one stage or gate."""

    name: str
    is_gate: bool
    mark: Mark
    note: str
    attempts: int = 0
    commit: str | None = None
    cost_usd: float = 0.0


class AttemptView(Value):
    """One attempt, as a stage's comment shows it. `lines` are readable sentences: checks and what went wrong."""

    number: int
    passed: bool | None
    outcome: str
    summary: str
    lines: tuple[str, ...]
    commit: str | None
    cost_usd: float
    seconds: float


class StageView(Value):
    """A stage's comment."""

    stage: str
    mark: Mark
    attempts: tuple[AttemptView, ...]
    cost_usd: float


class GateView(Value):
    """A gate's comment: exactly what is to be approved, how, and by whom."""

    gate: str
    subject: Subject
    digest: str
    base_sha: str
    approvals: int
    asked: str
    rejects_to: str
    expire_after_hours: float | None
    merges: bool


def step_views(run: Run) -> tuple[StepView, ...]:
    """The run's steps in order, each with its mark."""
    return tuple(_stage_line(run, s) if isinstance(s, Stage) else _gate_line(run, s) for s in run.plan.steps)


def stage_view(run: Run, stage: str) -> StageView:
    """Everything that a stage's comment says."""
    state = run.stages[stage]
    return StageView(
        stage=stage,
        mark=_stage_mark(run, stage),
        attempts=tuple(_attempt_view(attempt) for attempt in state.attempts),
        cost_usd=_cost(state.attempts),
    )


def gate_view(run: Run, subject: Subject) -> GateView:
    """Everything that a gate's comment says."""
    gate = run.plan.gate(subject.gate)
    return GateView(
        gate=gate.name,
        subject=subject,
        digest=subject.digest,
        base_sha=run.started.base_sha,
        approvals=gate.approvals,
        asked=run.started.started_by.login,
        rejects_to=gate.rejects_to,
        expire_after_hours=gate.expire_after_hours,
        merges=gate.name == run.plan.merge_gate.name,
    )


def _stage_line(run: Run, stage: Stage) -> StepView:
    state = run.stages[stage.name]
    finished = [a.finished for a in state.attempts if a.finished]
    commit = next((f.commit for f in reversed(finished) if f.commit), None)
    mark = _stage_mark(run, stage.name)
    note = {"live": "at work", "failed": "needs another attempt", "done": "done"}.get(mark, "to come")
    return StepView(
        name=stage.name,
        is_gate=False,
        mark=mark,
        note=note,
        attempts=len(state.attempts),
        commit=commit,
        cost_usd=_cost(state.attempts),
    )


def _gate_line(run: Run, gate: Gate) -> StepView:
    passed = run.passed.get(gate.name)
    if passed is not None:
        names = ", ".join(f"@{actor.login}" for actor in passed.by)
        return StepView(name=gate.name, is_gate=True, mark="done", note=f"approved by {names}")
    if run.gate is not None and run.gate.gate == gate.name:
        note = f"waiting for approval ({len(run.gate.approvals)} of {gate.approvals})"
        return StepView(name=gate.name, is_gate=True, mark="waiting", note=note)
    return StepView(name=gate.name, is_gate=True, mark="to come", note="to come")


def _stage_mark(run: Run, stage: str) -> Mark:
    state = run.stages[stage]
    if state.done:
        return "done"
    if run.live is not None and run.live.stage == stage:
        return "live"
    if state.attempts:
        is_next = any(getattr(move, "stage", None) == stage for move in next_moves(run))
        return "live" if is_next else "failed"
    return "to come"


def _attempt_view(attempt: Attempt) -> AttemptView:
    finished = attempt.finished
    if finished is None:
        return AttemptView(
            number=attempt.started.number,
            passed=None,
            outcome="at work",
            summary="",
            lines=(),
            commit=None,
            cost_usd=0.0,
            seconds=0.0,
        )
    refused = any(verdict.refuses for verdict in finished.verdicts)
    ok = finished.status is AgentStatus.OK
    lines = [f"{verdict.check}: {verdict.summary}" for verdict in finished.verdicts]
    lines += [
        f"{finding.path}:{finding.line}: {finding.message}" if finding.path else finding.message
        for verdict in finished.verdicts
        for finding in verdict.findings
    ]
    return AttemptView(
        number=attempt.started.number,
        passed=ok and not refused,
        outcome=("refused by its checks" if refused else "done") if ok else finished.status.value.replace("_", " "),
        summary=finished.summary,
        lines=(*lines, *([finished.detail] if finished.detail and not ok else [])),
        commit=finished.commit,
        cost_usd=finished.cost_usd,
        seconds=finished.seconds,
    )


def _cost(attempts: tuple[Attempt, ...]) -> float:
    return sum(attempt.finished.cost_usd for attempt in attempts if attempt.finished)
