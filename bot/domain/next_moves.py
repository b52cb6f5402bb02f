"""What now? The only way out of a run's state: pure, and the same answer however often it is asked."""

from bot.domain.gates import Subject
from bot.domain.moves import (
    Deploy,
    DismissReview,
    Finish,
    Merge,
    Move,
    OpenGate,
    OpenPullRequest,
    Park,
    Remind,
    StartAttempt,
    StopAttempt,
    TidyArtifacts,
)
from bot.domain.pipeline import Gate, Stage
from bot.domain.progress import why_stuck
from bot.domain.run import GateState, Run

THE_RULES = "the repository's rules to allow the merge"
"""What a run waits for whose merge GitHub does not allow yet."""


def next_moves(run: Run) -> tuple[Move, ...]:
    """The moves to make now, most urgent first; empty when the run waits (`waiting_for` says for what) or is over.

    A move whose claim is recorded but not its outcome is asked for again: making a move twice is harmless.
    """
    if run.is_over or run.unreadable or run.parked:
        return ()
    if run.is_winding_up:
        return _wind_up(run)
    if run.live or run.deploying:
        return ()
    if (outdated := _outdated_review(run)) is not None:
        return (outdated,)
    if (candidate := _candidate(run)) is not None:
        return (candidate,)
    match run.step:
        case Stage() as stage:
            return _stage_moves(run, stage)
        case Gate() as gate:
            return _gate_moves(run, gate)
        case None:
            return () if run.blocked else _merge_moves(run)


def waiting_for(run: Run) -> str | None:
    """What a run without a next move waits for, in words for people; None when it has one, or is over."""
    if run.is_over or next_moves(run):
        return None
    if run.unreadable:
        return run.unreadable
    if run.parked:
        return f"a person: {run.parked}"
    if run.live:
        verb = "to stop" if run.stop_requested else "to finish"
        return f"attempt {run.live.number} of {run.live.stage} {verb}"
    if run.deploying:
        return f"the deployment of {run.deploying.commit[:10]} ({run.deploying.environment}) to finish"
    if run.gate:
        return _approval_at(run, run.gate)
    if run.blocked:
        return f"{THE_RULES}: {run.blocked}"
    return None


def _approval_at(run: Run, gate: GateState) -> str:
    counted = f"{len(gate.approvals)} of {run.plan.gate(gate.gate).approvals}"
    early = [actor.login for actor in gate.early if actor.id not in {by.id for by in gate.approvals}]
    too_soon = f"; {', '.join(f'@{login}' for login in early)} approved before it was shown" if early else ""
    return f"approval at gate {gate.gate} ({counted}{too_soon})"


def _wind_up(run: Run) -> tuple[Move, ...]:
    if run.live and run.stop_requested:
        return ()
    if run.live:
        reason = "the run was cancelled" if run.cancelled_by else "the pull request was merged"
        return (StopAttempt(stage=run.live.stage, number=run.live.number, reason=reason),)
    if run.deploying:
        return ()
    if run.merged_sha and run.started.config.deploy.production is not None and run.deployment("production") is None:
        return (Deploy(environment="production", number=1, commit=run.merged_sha),)
    return (Finish(outcome="merged" if run.merged_sha else "cancelled"),)


def _stage_moves(run: Run, stage: Stage) -> tuple[Move, ...]:
    state = run.stages[stage.name]
    if (stuck := why_stuck(run, stage)) is not None:
        return (Park(reason=stuck),)
    return (
        StartAttempt(
            stage=stage.name,
            number=len(state.attempts) + 1,
            mode="work",
            start_commit=run.tip,
            feedback=state.feedback,
        ),
    )


def _outdated_review(run: Run) -> DismissReview | None:
    """A review that approved an earlier gate would count for branch protection, although code has followed it."""
    for name, gate in run.passed.items():
        if name != run.plan.merge_gate.name and run.head != gate.subject.head:
            for review_id in gate.reviews:
                return DismissReview(gate=name, review_id=review_id)
    return None


def _candidate(run: Run) -> Deploy | None:
    """What a stage that ships has handed on is deployed before anybody else works on it."""
    ships = next((stage for stage in run.plan.stages if stage.ships and run.stages[stage.name].done), None)
    if ships is None:
        return None
    handed_on = [a.finished.commit for a in run.stages[ships.name].attempts if a.finished and a.finished.commit]
    tried = [d for d in run.deployments if d.environment == "candidate"]
    shipped = run.deployment("candidate")
    if not handed_on or (shipped is not None and shipped.status == "success" and shipped.commit == handed_on[-1]):
        return None
    return Deploy(environment="candidate", number=len(tried) + 1, commit=handed_on[-1])


def _gate_moves(run: Run, gate: Gate) -> tuple[Move, ...]:
    if run.head is None:
        return (Park(reason="no stage has committed anything, so there is nothing to approve"),)
    if run.pull_number is None:
        return (OpenPullRequest(),)
    if run.judged is None or run.judged.head != run.head:
        last = run.plan.stages_before(gate.name)[-1]
        number = len(run.stages[last.name].attempts) + 1
        return (StartAttempt(stage=last.name, number=number, mode="recheck", start_commit=run.head, feedback=()),)
    if gate == run.plan.merge_gate and run.started.config.artifacts != "keep" and run.tidied != run.head:
        return (TidyArtifacts(parent=run.head),)
    if run.gate is None or run.gate.gate != gate.name or run.gate.subject.head != run.head:
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
