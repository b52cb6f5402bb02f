"""What each kind of entry does to a run: one small function a kind.

An entry that does not fit the run's state changes nothing: the journal is a record of facts, and folding it must
work for whatever was recorded.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.domain import attempts
from bot.domain import entries as e
from bot.domain.agents import Feedback
from bot.domain.forge import Actor
from bot.domain.journal import Record
from bot.domain.pipeline import Stage
from bot.domain.run import GateState, Judged, Passed, Run, StageState


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
    change = None if run.is_over else _CHANGES.get(type(entry))
    run = replace(run, seq=seq, hash=hash)
    return change(run, entry, at) if change else run


def _start(entry: e.RunStarted, seq: int, hash: str, at: datetime) -> Run:
    stages = {stage.name: StageState() for stage in entry.plan.stages}
    return Run(started=entry, started_at=at, seq=seq, hash=hash, stages=stages)


def _pull_request_opened(run: Run, entry: e.PullRequestOpened, at: datetime) -> Run:
    return replace(run, pull_number=entry.number, pull_node_id=entry.node_id)


def _gate_opening(run: Run, entry: e.GateOpening, at: datetime) -> Run:
    if entry.gate not in {gate.name for gate in run.plan.gates}:
        return run
    gate = GateState(entry.gate, entry.round, entry.subject, opening_at=at)
    seen = {**run.seen, entry.gate: (*run.seen.get(entry.gate, ()), entry.subject.head)}
    return replace(run, gate=gate, rounds={**run.rounds, entry.gate: entry.round}, seen=seen)


def _gate_opened(run: Run, entry: e.GateOpened, at: datetime) -> Run:
    gate = run.open_gate(entry.gate, entry.round)
    if gate is None or gate.shown_at is not None:
        return run
    early = tuple(held.by for held in gate.held if held.given_at < entry.shown_at)
    counted = [held for held in gate.held if held.given_at >= entry.shown_at]
    gate = replace(gate, shown_at=entry.shown_at, held=(), early=early)
    run = replace(run, gate=gate)
    for approval in counted:
        run = _approved(run, approval, at)
    return run


def _approved(run: Run, entry: e.Approved, at: datetime) -> Run:
    gate = run.open_gate(entry.gate, entry.round)
    if gate is None or entry.head != gate.subject.head:
        return run
    shown_at = gate.shown_at
    if shown_at is None:
        return replace(run, gate=replace(gate, held=(*gate.held, entry)))
    approvals = tuple(actor for actor in gate.approvals if actor.id not in entry.lapsed)
    reviews = {number: actor for number, actor in gate.reviews.items() if actor.id not in entry.lapsed}
    if any(actor.id == entry.by.id for actor in approvals):
        return run
    if entry.review_id is not None:
        reviews[entry.review_id] = entry.by
    gate = replace(gate, approvals=(*approvals, entry.by), reviews=reviews)
    if len(gate.approvals) < run.plan.gate(gate.gate).approvals:
        return replace(run, gate=gate)
    passed = Passed(gate.subject, shown_at, gate.approvals, gate.reviews)
    return replace(run, gate=None, passed={**run.passed, gate.gate: passed})


def _approval_withdrawn(run: Run, entry: e.ApprovalWithdrawn, at: datetime) -> Run:
    gate = run.gate
    if gate is not None and entry.review_id in gate.review_ids:
        by = gate.reviews.get(entry.review_id)
        left = tuple(actor for actor in gate.approvals if actor != by)
        reviews = {number: actor for number, actor in gate.reviews.items() if number != entry.review_id}
        held = tuple(approval for approval in gate.held if approval.review_id != entry.review_id)
        return replace(run, gate=replace(gate, approvals=left, reviews=reviews, held=held))
    name = run.plan.merge_gate.name
    passed = run.passed.get(name)
    if passed is None or entry.review_id not in passed.reviews:
        return run
    others = {gate: value for gate, value in run.passed.items() if gate != name}
    return replace(run, passed=others, merging=None, blocked=None)


def _review_dismissed(run: Run, entry: e.ReviewDismissed, at: datetime) -> Run:
    """It stays in the books as passed; only GitHub does not count it any more."""
    passed = {
        name: replace(gate, reviews={n: by for n, by in gate.reviews.items() if n != entry.review_id})
        for name, gate in run.passed.items()
    }
    return replace(run, passed=passed)


def _rejected(run: Run, entry: e.Rejected, at: datetime) -> Run:
    gate = run.rejectable
    if gate is None or (gate.gate, gate.round) != (entry.gate, entry.round):
        return run
    # What GitHub would not merge is not to be merged any more.
    parked = run.parked if run.gate is not None else None
    chosen = entry.stage if entry.stage in run.stages else None
    feedback = Feedback(source="rejection", name=entry.gate, reason=entry.reason, findings=entry.findings)
    stages = {name: replace(state, sent_back=0) for name, state in run.stages.items()}
    run = replace(run, stages=stages, parked=parked)
    return run.reopened(chosen or run.plan.gate(entry.gate).rejects_to, feedback)


def _command_accepted(run: Run, entry: e.CommandAccepted, at: datetime) -> Run:
    if entry.verb == "cancel":
        return _cancelled(run, entry.by, entry.note)
    stages = {name: replace(state, sent_back=0) for name, state in run.stages.items()}
    run = replace(run, parked=None, blocked=None, stages=stages)
    if entry.stage is None or entry.stage not in run.stages:
        return run
    note = (Feedback(source="retry", name=entry.by.login, reason=entry.note),) if entry.note else ()
    return run.reopened(entry.stage, *note)


def _artifacts_tidied(run: Run, entry: e.ArtifactsTidied, at: datetime) -> Run:
    """The stages have read what was there: nothing of it has changed for them."""
    if run.head != entry.parent:
        return run
    before = run.judged.contents if run.judged is not None else {}
    judged = Judged(entry.commit, entry.artifacts_digest, entry.diff_digest, before)
    return replace(
        run,
        head=entry.commit,
        judged=judged,
        tidied=entry.commit,
        artifacts_at=entry.parent,
        tidied_from=(*run.tidied_from, entry.parent),
    )


def _head_moved(run: Run, entry: e.HeadMoved, at: datetime) -> Run:
    """Whatever was approved, or about to be merged, or wrong with the head, is not what is on the branch any more."""
    passed = {name: gate for name, gate in run.passed.items() if name != run.plan.merge_gate.name}
    stages = {name: replace(state, feedback=()) if state.done else state for name, state in run.stages.items()}
    # A stage that gave up waits for its person all the same; so does a run that could not be tidied up.
    stays_parked = isinstance(run.step, Stage) or run.is_winding_up
    return replace(
        run,
        head=entry.head,
        gate=None,
        merging=None,
        blocked=None,
        passed=passed,
        stages=stages,
        parked=run.parked if stays_parked else None,
    )


def _timer_fired(run: Run, entry: e.TimerFired, at: datetime) -> Run:
    gate = run.open_gate(entry.gate, entry.round)
    if gate is None:
        return run
    if entry.timer == "remind":
        return replace(run, gate=replace(gate, reminder_due=True))
    if run.plan.gate(entry.gate).on_expiry == "cancel":
        return _cancelled(run, run.started.started_by, f"gate `{entry.gate}` expired")
    return replace(run, gate=None, parked=f"gate `{entry.gate}` expired before enough people approved")


def _reminded(run: Run, entry: e.Reminded, at: datetime) -> Run:
    gate = run.open_gate(entry.gate, entry.round)
    return run if gate is None else replace(run, gate=replace(gate, reminder_due=False))


def _stop_requested(run: Run, entry: e.StopRequested, at: datetime) -> Run:
    matches = run.live is not None and (run.live.stage, run.live.number) == (entry.stage, entry.number)
    return replace(run, stop_requested=True) if matches else run


def _merge_started(run: Run, entry: e.MergeStarted, at: datetime) -> Run:
    return replace(run, merging=entry.subject)


def _merge_was_refused(run: Run, entry: e.MergeWasRefused, at: datetime) -> Run:
    if run.merging is None:
        return run
    if entry.may_pass:
        return replace(run, merging=None, blocked=entry.reason)
    return replace(run, merging=None, parked=f"GitHub does not allow the merge: {entry.reason}")


def _merge_unblocked(run: Run, entry: e.MergeUnblocked, at: datetime) -> Run:
    return replace(run, blocked=None)


def _budget_raised(run: Run, entry: e.BudgetRaised, at: datetime) -> Run:
    return replace(run, budget_usd=entry.run_usd, parked=None)


def _deployment_started(run: Run, entry: e.DeploymentStarted, at: datetime) -> Run:
    return replace(run, deploying=entry) if run.deploying is None else run


def _deployment_finished(run: Run, entry: e.DeploymentFinished, at: datetime) -> Run:
    """A candidate that is not healthy goes back to whoever can mend it, with the evidence."""
    if not run.is_deploying(entry.environment, entry.number):
        return run
    run = replace(run, deploying=None, deployments=(*run.deployments, entry))
    ships = next((stage for stage in run.plan.stages if stage.ships), None)
    if ships is None or entry.environment == "production":
        return run
    state = run.stages[ships.name]
    if entry.status == "success":
        return run.with_stage(ships.name, replace(state, sent_back=0))
    run = run.with_stage(ships.name, replace(state, done=False, sent_back=state.sent_back + 1))
    feedback = Feedback(source="check", name="deployment", reason=entry.detail, findings=entry.findings)
    return run.reopened(ships.sends_back_to or ships.name, feedback)


def _pull_request_merged(run: Run, entry: e.PullRequestMerged, at: datetime) -> Run:
    return replace(run, merged_sha=entry.sha, merging=None, blocked=None, gate=None, parked=None)


def _pull_request_closed(run: Run, entry: e.PullRequestClosed, at: datetime) -> Run:
    return _cancelled(run, entry.by, "the pull request was closed")


def _cancelled(run: Run, by: Actor, reason: str) -> Run:
    """Nothing more is asked of anybody; whatever the run was stuck at does not matter any more."""
    return replace(run, cancelled_by=by, cancel_reason=reason, gate=None, merging=None, blocked=None, parked=None)


def _run_parked(run: Run, entry: e.RunParked, at: datetime) -> Run:
    return replace(run, parked=entry.reason)


def _run_finished(run: Run, entry: e.RunFinished, at: datetime) -> Run:
    return replace(run, outcome=entry.outcome, gate=None, live=None, parked=None)


def _unreadable(run: Run, entry: e.Unreadable, at: datetime) -> Run:
    what = f"this release cannot read a journal entry `{entry.stored_kind}` of version {entry.stored_version}"
    return replace(run, unreadable=f"{what}: run the release that wrote it, or a newer one")


_CHANGES: dict[type, Callable[[Run, Any, datetime], Run]] = {
    e.AttemptStarted: attempts.started,
    e.AttemptFinished: attempts.finished,
    e.PullRequestOpened: _pull_request_opened,
    e.GateOpening: _gate_opening,
    e.GateOpened: _gate_opened,
    e.Approved: _approved,
    e.ApprovalWithdrawn: _approval_withdrawn,
    e.ReviewDismissed: _review_dismissed,
    e.Rejected: _rejected,
    e.CommandAccepted: _command_accepted,
    e.ArtifactsTidied: _artifacts_tidied,
    e.HeadMoved: _head_moved,
    e.TimerFired: _timer_fired,
    e.Reminded: _reminded,
    e.StopRequested: _stop_requested,
    e.MergeStarted: _merge_started,
    e.MergeWasRefused: _merge_was_refused,
    e.MergeUnblocked: _merge_unblocked,
    e.BudgetRaised: _budget_raised,
    e.DeploymentStarted: _deployment_started,
    e.DeploymentFinished: _deployment_finished,
    e.PullRequestMerged: _pull_request_merged,
    e.PullRequestClosed: _pull_request_closed,
    e.RunParked: _run_parked,
    e.RunFinished: _run_finished,
    e.Unreadable: _unreadable,
}
