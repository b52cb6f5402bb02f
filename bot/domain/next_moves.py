"""What now? The only way out of a run's state: pure, and the same answer however often it is asked."""

from bot.domain.gates import Subject
from bot.domain.moves import (
    Finish,
    Merge,
    Move,
    OpenGate,
    OpenPullRequest,
    Park,
    Remind,
    StartAttempt,
    StopAttempt,
)
from bot.domain.pipeline import Gate, Stage
from bot.domain.run import Run


def next_moves(run: Run) -> tuple[Move, ...]:
    """The moves to make now, most urgent first; empty when the run waits (`waiting_for` says for what) or is over.

    A move whose claim is recorded but not its outcome is asked for again: making a move twice is harmless.
    """
    if run.is_over or run.unreadable:
        return ()
    if run.merged_sha or run.cancelled_by:
        return _wind_up(run)
    if run.live or run.parked:
        return ()
    for step in run.plan.steps:
        moves = _stage_moves(run, step) if isinstance(step, Stage) else _gate_moves(run, step)
        if moves is not None:
            return moves
    return _merge_moves(run)


def waiting_for(run: Run) -> str | None:
    """What a run without a next move waits for, in words for people; None when it has one, or is over."""
    if run.is_over or next_moves(run):
        return None
    if run.unreadable:
        return run.unreadable
    if run.live:
        verb = "to stop" if run.stop_requested else "to finish"
        return f"attempt {run.live.number} of {run.live.stage} {verb}"
    if run.parked:
        return f"a person: {run.parked}"
    if run.gate:
        needed = run.plan.gate(run.gate.gate).approvals
        return f"approval at gate {run.gate.gate} ({len(run.gate.approvals)} of {needed})"
    return None


def _wind_up(run: Run) -> tuple[Move, ...]:
    if run.live and run.stop_requested:
        return ()
    if run.live:
        reason = "the run was cancelled" if run.cancelled_by else "the pull request was merged"
        return (StopAttempt(stage=run.live.stage, number=run.live.number, reason=reason),)
    return (Finish(outcome="merged" if run.merged_sha else "cancelled"),)


def _stage_moves(run: Run, stage: Stage) -> tuple[Move, ...] | None:
    """None when the stage is done and the next step has its turn."""
    state = run.stages[stage.name]
    if state.done:
        return None
    if state.refused >= stage.rounds:
        return (Park(reason=f"{stage.name} did not succeed in {state.refused} attempts in a row"),)
    return (
        StartAttempt(
            stage=stage.name,
            number=len(state.attempts) + 1,
            mode="work",
            start_commit=run.tip,
            feedback=state.feedback,
        ),
    )


def _gate_moves(run: Run, gate: Gate) -> tuple[Move, ...] | None:
    """None when the gate was passed for what is on the branch now."""
    if gate.name in run.passed:
        return None
    if run.head is None:
        return (Park(reason="no stage has committed anything, so there is nothing to approve"),)
    if run.pull_number is None:
        return (OpenPullRequest(),)
    if run.judged is None or run.judged.head != run.head:
        last = run.plan.stages_before(gate.name)[-1]
        number = len(run.stages[last.name].attempts) + 1
        return (StartAttempt(stage=last.name, number=number, mode="recheck", start_commit=run.head, feedback=()),)
    if run.gate is None or run.gate.gate != gate.name:
        return (OpenGate(gate=gate.name, round=run.rounds.get(gate.name, 0) + 1, subject=_subject(run, gate)),)
    if run.gate.shown_at is None:
        return (OpenGate(gate=gate.name, round=run.gate.round, subject=run.gate.subject),)
    if run.gate.reminder_due:
        return (Remind(gate=gate.name, round=run.gate.round),)
    return ()


def _merge_moves(run: Run) -> tuple[Move, ...]:
    """All gates are passed: merge what the last of them showed."""
    return (Merge(subject=run.passed[run.plan.merge_gate.name].subject),)


def _subject(run: Run, gate: Gate) -> Subject:
    assert run.judged is not None
    return Subject(
        run_id=run.id,
        gate=gate.name,
        head=run.judged.head,
        artifacts_digest=run.judged.artifacts_digest,
        diff_digest=run.judged.diff_digest,
    )
