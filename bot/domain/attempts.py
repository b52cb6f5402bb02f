"""What an attempt's start and end do to a run: the part of `fold` that is about agents and checks."""

from dataclasses import replace
from datetime import datetime

from bot.domain.agents import AgentStatus, Feedback
from bot.domain.entries import AttemptFinished, AttemptStarted
from bot.domain.run import Attempt, Judged, Run, StageState

RESULT = "result"
"""The name of feedback (from `agent`) about an answer that could not be read."""


def started(run: Run, entry: AttemptStarted, at: datetime) -> Run:
    """The attempt is live. A run has one at most, whatever its journal says."""
    state = run.stages.get(entry.stage)
    if state is None or run.live is not None or entry.number <= state.last_number:
        return run
    state = replace(state, attempts=(*state.attempts, Attempt(entry, at, run.seq, run.hash)))
    return replace(run.with_stage(entry.stage, state), live=entry, stop_requested=False)


def finished(run: Run, entry: AttemptFinished, at: datetime) -> Run:
    """The attempt is over: its work is handed on, or its stage has something to answer."""
    attempt = run.attempt(entry.stage, entry.number)
    if attempt is None or attempt.finished is not None:
        return run
    state = run.stages[entry.stage]
    ended = replace(attempt, finished=entry)
    # An attempt that ends is its stage's last one: there is never a second that is live.
    state = replace(state, attempts=(*state.attempts[:-1], ended))
    judged = _rechecked if attempt.started.mode == "recheck" else _worked
    return replace(judged(run, state, ended, entry), live=None, stop_requested=False)


def _worked(run: Run, state: StageState, attempt: Attempt, entry: AttemptFinished) -> Run:
    if not _passes(entry):
        # Whoever was told to stop has not failed.
        failed = entry.status is not AgentStatus.INTERRUPTED or not run.stop_requested
        state = replace(state, done=False, refused=state.refused + failed, feedback=_feedback(state, entry))
        return run.with_stage(entry.stage, state)
    run = _handed_on(run, state, entry)
    if entry.commit is None:
        return run
    # Somebody may have pushed on top of the attempt's commit before its end was recorded: then theirs stays the
    # head, and differs from the judged one.
    is_newest = run.head in (None, entry.parent, attempt.started.start_commit)
    return replace(run, head=entry.commit if is_newest else run.head, judged=_judged(entry.commit, entry))


def _handed_on(run: Run, state: StageState, entry: AttemptFinished) -> Run:
    """The stage's work is accepted; if its opinion is that others' work is not good enough, that goes back to them."""
    contents = entry.contents if entry.commit is not None else run.contents
    target = run.plan.stage(entry.stage).sends_back_to
    if target is None or entry.opinion != "changes":
        # What ships proves itself when it is deployed: candidates that fail one after the other are counted on.
        sent_back = state.sent_back if run.plan.stage(entry.stage).ships else 0
        state = replace(state, done=True, feedback=(), refused=0, sent_back=sent_back)
        return run.with_stage(entry.stage, state).with_contents(entry.stage, contents)
    state = replace(state, done=False, feedback=(), refused=0, sent_back=state.sent_back + 1)
    feedback = Feedback(source="agent", name=entry.stage, reason=entry.summary, findings=entry.findings)
    return run.with_stage(entry.stage, state).with_contents(entry.stage, contents).reopened(target, feedback)


def _rechecked(run: Run, state: StageState, attempt: Attempt, entry: AttemptFinished) -> Run:
    head = attempt.started.start_commit
    if _passes(entry):
        run = replace(run, judged=_judged(entry.commit or head, entry))
        return run.with_stage(entry.stage, replace(state, feedback=()))
    if run.head != head or run.is_winding_up:
        # What was judged is not on the branch any more (what is there now is judged next), or does not matter.
        return run.with_stage(entry.stage, state)
    if entry.status is not AgentStatus.OK:
        problem = f": {entry.detail}" if entry.detail else ""
        parked = f"{head[:10]}, which a person pushed, could not be checked ({entry.status.value}{problem})"
        return replace(run.with_stage(entry.stage, state), parked=parked)
    parked = f"{head[:10]}, which a person pushed, does not pass the checks"
    return replace(run.with_stage(entry.stage, replace(state, feedback=_feedback(state, entry))), parked=parked)


def _passes(entry: AttemptFinished) -> bool:
    return entry.status is AgentStatus.OK and not any(verdict.refuses for verdict in entry.verdicts)


def _judged(head: str, entry: AttemptFinished) -> Judged:
    return Judged(head, entry.artifacts_digest or "", entry.diff_digest or "", entry.contents)


def _feedback(state: StageState, entry: AttemptFinished) -> tuple[Feedback, ...]:
    """What the next attempt must answer: what people said still stands; check evidence is replaced by the newest."""
    refusals = tuple(
        Feedback(source="check", name=v.check, reason=v.summary, findings=v.findings)
        for v in entry.verdicts
        if v.refuses
    )
    if entry.status is AgentStatus.BAD_OUTPUT:
        return (*_standing(state), Feedback(source="agent", name=RESULT, reason=entry.detail))
    if entry.status is not AgentStatus.OK and not refusals:
        # The agent itself failed: its successor gets the same work again, with the earlier evidence.
        return state.feedback
    return (*(f for f in _standing(state) if f.source != "check"), *refusals)


def _standing(state: StageState) -> tuple[Feedback, ...]:
    """What is still to be answered, apart from the form of the last answer."""
    return tuple(f for f in state.feedback if (f.source, f.name) != ("agent", RESULT))
