"""What each kind of entry does to a run: one small function a kind.

An entry that does not fit the run's state changes nothing: the journal is a record of facts, and folding it must
work for whatever was recorded.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.domain import entries as e
from bot.domain.agents import AgentStatus, Feedback
from bot.domain.journal import Record
from bot.domain.run import Attempt, GateState, Judged, Passed, Run, StageState


def fold(records: Iterable[Record]) -> Run | None:
    """The run that these records (in order) tell of; None when they do not begin with a readable start."""
    run: Run | None = None
    for record in records:
        run = apply(run, record.entry, record.seq, record.hash, record.at)
    return run


def apply(run: Run | None, entry: e.Entry, seq: int, hash: str, at: datetime) -> Run | None:
    """The run after one more entry. Never raises."""
    if run is None:
        return _start(entry, seq, hash, at) if isinstance(entry, e.RunStarted) else None
    change = _CHANGES.get(type(entry))
    changed = change(run, entry, at) if change else run
    return replace(changed, seq=seq, hash=hash)


def _start(entry: e.RunStarted, seq: int, hash: str, at: datetime) -> Run:
    stages = {stage.name: StageState() for stage in entry.plan.stages}
    return Run(started=entry, started_at=at, seq=seq, hash=hash, stages=stages)


def _attempt_started(run: Run, entry: e.AttemptStarted, at: datetime) -> Run:
    state = run.stages.get(entry.stage)
    if state is None:
        return run
    state = replace(state, attempts=(*state.attempts, Attempt(entry, at)))
    return replace(run, stages={**run.stages, entry.stage: state}, live=entry, stop_requested=False)


def _attempt_finished(run: Run, entry: e.AttemptFinished, at: datetime) -> Run:
    attempt = run.attempt(entry.stage, entry.number)
    if attempt is None or attempt.finished is not None:
        return run
    state = run.stages[entry.stage]
    ended = replace(attempt, finished=entry)
    state = replace(state, attempts=tuple(ended if a is attempt else a for a in state.attempts))
    handed_on = entry.status is AgentStatus.OK and not any(v.refuses for v in entry.verdicts)
    run = replace(run, live=None, stop_requested=False)
    if handed_on:
        run = _with_judged_head(run, attempt, entry)
        run = _stage_done(run, entry.stage, state) if attempt.started.mode == "work" else _put(run, entry.stage, state)
        return run
    if attempt.started.mode == "recheck":
        state = replace(state, done=False, feedback=_feedback(attempt, entry))
        reason = f"{run.tip[:10]}, which a person pushed, does not pass the checks"
        return _put(replace(run, parked=reason), entry.stage, state)
    refused = state.refused + (entry.status is not AgentStatus.INTERRUPTED)
    return _put(run, entry.stage, replace(state, done=False, refused=refused, feedback=_feedback(attempt, entry)))


def _with_judged_head(run: Run, attempt: Attempt, entry: e.AttemptFinished) -> Run:
    """The branch's new head, and what was judged of it.

    Somebody may have pushed on top of the attempt's commit before its end was recorded: then their commit stays
    the head, and differs from the judged one.
    """
    if entry.commit is None:
        return run
    judged = Judged(entry.commit, entry.artifacts_digest or "", entry.diff_digest or "")
    ours_is_newest = attempt.started.mode == "work" and run.head in (
        None,
        entry.parent,
        attempt.started.start_commit,
    )
    return replace(run, head=entry.commit if ours_is_newest else run.head, judged=judged)


def _stage_done(run: Run, stage: str, state: StageState) -> Run:
    """The stage is done; what comes after it has new input, so it has to be done again."""
    run = _put(run, stage, replace(state, done=True, feedback=(), refused=0))
    return _reopen_after(run, stage)


def _feedback(attempt: Attempt, entry: e.AttemptFinished) -> tuple[Feedback, ...]:
    """What the next attempt must answer: what people said still stands; check evidence is replaced by the newest."""
    standing = tuple(f for f in attempt.started.feedback if f.source in ("rejection", "retry"))
    refusals = tuple(
        Feedback(source="check", name=v.check, reason=v.summary, findings=v.findings)
        for v in entry.verdicts
        if v.refuses
    )
    if not refusals and entry.status not in (AgentStatus.OK, AgentStatus.INTERRUPTED):
        # The agent itself failed: its successor gets the same task again, with the earlier evidence.
        return attempt.started.feedback
    return standing + refusals


def _pull_request_opened(run: Run, entry: e.PullRequestOpened, at: datetime) -> Run:
    return replace(run, pull_number=entry.number, pull_node_id=entry.node_id)


def _gate_opening(run: Run, entry: e.GateOpening, at: datetime) -> Run:
    gate = GateState(entry.gate, entry.round, entry.subject, opening_at=at)
    return replace(run, gate=gate, rounds={**run.rounds, entry.gate: entry.round})


def _gate_opened(run: Run, entry: e.GateOpened, at: datetime) -> Run:
    if not _is_current(run, entry.gate, entry.round):
        return run
    assert run.gate is not None
    return replace(run, gate=replace(run.gate, comment_id=entry.comment_id, shown_at=entry.shown_at))


def _approved(run: Run, entry: e.Approved, at: datetime) -> Run:
    gate = run.gate
    if gate is None or not _is_current(run, entry.gate, entry.round) or entry.head != gate.subject.head:
        return run
    if any(actor.id == entry.by.id for actor in gate.approvals):
        return run
    gate = replace(gate, approvals=(*gate.approvals, entry.by))
    if len(gate.approvals) < run.plan.gate(gate.gate).approvals:
        return replace(run, gate=gate)
    return replace(run, gate=None, passed={**run.passed, gate.gate: Passed(gate.subject, gate.approvals)})


def _rejected(run: Run, entry: e.Rejected, at: datetime) -> Run:
    if not _is_current(run, entry.gate, entry.round):
        return run
    target = run.plan.gate(entry.gate).rejects_to
    state = run.stages[target]
    feedback = Feedback(source="rejection", name=entry.gate, reason=entry.reason, findings=entry.findings)
    run = _put(run, target, replace(state, done=False, refused=0, feedback=(*state.feedback, feedback)))
    return _reopen_after(replace(run, gate=None), target)


def _command_accepted(run: Run, entry: e.CommandAccepted, at: datetime) -> Run:
    if entry.verb == "cancel":
        return replace(run, cancelled_by=entry.by, cancel_reason=entry.note)
    run = replace(run, parked=None)
    if entry.stage is None or entry.stage not in run.stages:
        return run
    state = run.stages[entry.stage]
    note = Feedback(source="retry", name=entry.by.login, reason=entry.note) if entry.note else None
    feedback = (*state.feedback, note) if note else state.feedback
    return _put(run, entry.stage, replace(state, done=False, refused=0, feedback=feedback))


def _head_moved(run: Run, entry: e.HeadMoved, at: datetime) -> Run:
    """Whatever was approved or about to be merged is not what is on the branch any more."""
    passed = {name: gate for name, gate in run.passed.items() if name != run.plan.merge_gate.name}
    stuck = run.parked if not all(state.done for state in run.stages.values()) else None
    return replace(run, head=entry.head, gate=None, merging=None, passed=passed, parked=stuck)


def _timer_fired(run: Run, entry: e.TimerFired, at: datetime) -> Run:
    if run.gate is None or not _is_current(run, entry.gate, entry.round):
        return run
    if entry.timer == "remind":
        return replace(run, gate=replace(run.gate, reminder_due=True))
    if run.plan.gate(entry.gate).on_expiry == "cancel":
        return replace(
            run, gate=None, cancelled_by=run.started.started_by, cancel_reason=f"gate `{entry.gate}` expired"
        )
    return replace(run, gate=None, parked=f"gate `{entry.gate}` expired before enough people approved")


def _reminded(run: Run, entry: e.Reminded, at: datetime) -> Run:
    if run.gate is None or not _is_current(run, entry.gate, entry.round):
        return run
    return replace(run, gate=replace(run.gate, reminder_due=False))


def _stop_requested(run: Run, entry: e.StopRequested, at: datetime) -> Run:
    matches = run.live is not None and (run.live.stage, run.live.number) == (entry.stage, entry.number)
    return replace(run, stop_requested=True) if matches else run


def _merge_started(run: Run, entry: e.MergeStarted, at: datetime) -> Run:
    return replace(run, merging=entry.subject)


def _merge_was_refused(run: Run, entry: e.MergeWasRefused, at: datetime) -> Run:
    return replace(run, merging=None, parked=f"GitHub does not allow the merge: {entry.reason}")


def _pull_request_merged(run: Run, entry: e.PullRequestMerged, at: datetime) -> Run:
    return replace(run, merged_sha=entry.sha, merging=None, gate=None)


def _pull_request_closed(run: Run, entry: e.PullRequestClosed, at: datetime) -> Run:
    return replace(run, cancelled_by=entry.by, cancel_reason="the pull request was closed", gate=None)


def _run_parked(run: Run, entry: e.RunParked, at: datetime) -> Run:
    return replace(run, parked=entry.reason)


def _run_finished(run: Run, entry: e.RunFinished, at: datetime) -> Run:
    return replace(run, outcome=entry.outcome, finished_at=at, gate=None, live=None, parked=None)


def _unreadable(run: Run, entry: e.Unreadable, at: datetime) -> Run:
    what = f"this release cannot read a journal entry `{entry.stored_kind}` of version {entry.stored_version}"
    return replace(run, unreadable=f"{what}: run the release that wrote it, or a newer one")


def _is_current(run: Run, gate: str, round: int) -> bool:
    return run.gate is not None and (run.gate.gate, run.gate.round) == (gate, round)


def _put(run: Run, stage: str, state: StageState) -> Run:
    return replace(run, stages={**run.stages, stage: state})


def _reopen_after(run: Run, stage: str) -> Run:
    """Later steps read what this stage writes: its stages are not done any more, its gates not passed."""
    names = [step.name for step in run.plan.steps]
    later = set(names[names.index(stage) + 1 :])
    stages = {n: replace(s, done=False) if n in later else s for n, s in run.stages.items()}
    return replace(run, stages=stages, passed={n: p for n, p in run.passed.items() if n not in later})


_CHANGES: dict[type, Callable[[Run, Any, datetime], Run]] = {
    e.AttemptStarted: _attempt_started,
    e.AttemptFinished: _attempt_finished,
    e.PullRequestOpened: _pull_request_opened,
    e.GateOpening: _gate_opening,
    e.GateOpened: _gate_opened,
    e.Approved: _approved,
    e.Rejected: _rejected,
    e.CommandAccepted: _command_accepted,
    e.HeadMoved: _head_moved,
    e.TimerFired: _timer_fired,
    e.Reminded: _reminded,
    e.StopRequested: _stop_requested,
    e.MergeStarted: _merge_started,
    e.MergeWasRefused: _merge_was_refused,
    e.PullRequestMerged: _pull_request_merged,
    e.PullRequestClosed: _pull_request_closed,
    e.RunParked: _run_parked,
    e.RunFinished: _run_finished,
    e.Unreadable: _unreadable,
}
