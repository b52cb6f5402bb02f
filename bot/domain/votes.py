"""People's decisions at a gate: what counts, and what is told back when it does not."""

from datetime import datetime, timedelta

from bot.domain.agents import Finding
from bot.domain.decisions import Accepted, Decision, Refusal
from bot.domain.entries import Approved, Rejected
from bot.domain.facts import Facts
from bot.domain.forge import Actor, Review
from bot.domain.permissions import Permission
from bot.domain.run import GateState, Run
from bot.domain.wording import fenced

MAY_DECIDE = Permission.WRITE
_GRAIN = timedelta(seconds=1)
"""GitHub's times are whole seconds; ours are not."""


def approve(run: Run, *, by: Actor, at: datetime, review: Review | None, facts: Facts, cause: str) -> Decision:
    """An approval of the open gate's subject, by review or (`review` is None) by command."""
    gate = run.gate
    problem = _cannot_decide(run, gate, by, at, facts, "approve")
    if problem is not None or gate is None:
        return Refusal(reason=problem or "", cause=cause)
    head = gate.subject.head
    if review is not None and review.commit_id != head:
        reason = (
            f"This approves {review.commit_id[:10]}, but gate `{gate.gate}` shows {head[:10]}: please review that one."
        )
        return Refusal(reason=reason, cause=cause)
    if (facts.pull is None and review is None) or (facts.pull is not None and facts.pull.head_sha != head):
        now = facts.pull.head_sha[:10] if facts.pull else "unknown"
        moved = f"Gate `{gate.gate}` shows {head[:10]}, but the branch is at {now} now"
        return Refusal(reason=f"{moved}: I will show that one, and ask again.", cause=cause)
    if by.id in {actor.id for actor in gate.approvals} - {*facts.lapsed}:
        needed = run.plan.gate(gate.gate).approvals
        reason = f"You have approved gate `{gate.gate}` already: it needs {needed} people, and one more is not you."
        return Refusal(reason=reason, cause=cause)
    review_id = review.id if review is not None else None
    lapsed = tuple(actor.id for actor in gate.approvals if actor.id in facts.lapsed)
    entry = Approved(
        gate=gate.gate, round=gate.round, by=by, head=head, given_at=at, review_id=review_id, lapsed=lapsed
    )
    return Accepted(entry=entry, cause=cause)


def reject(run: Run, *, by: Actor, at: datetime, reason: str, facts: Facts, cause: str) -> Decision:
    """A rejection at the open gate, or of what waits to be merged; its reason goes to the stage that can act on it."""
    gate = run.rejectable
    problem = _cannot_decide(run, gate, by, at, facts, "reject")
    if problem is not None or gate is None:
        return Refusal(reason=problem or "", cause=cause)
    if not reason.strip() and not facts.line_comments:
        hint = "Please say what should change, so that the next attempt can act on it: `/reject <why>`."
        return Refusal(reason=hint, cause=cause)
    stage, reason = _who_can_act(run, gate.gate, reason.strip(), facts.line_comments)
    entry = Rejected(gate=gate.gate, round=gate.round, by=by, reason=reason, findings=facts.line_comments, stage=stage)
    return Accepted(entry=entry, cause=cause)


def _who_can_act(run: Run, gate: str, reason: str, comments: tuple[Finding, ...]) -> tuple[str, str]:
    """The stage that a rejection goes to: the one it names (`docs: …`), the last one that wrote all the files which
    its line comments are about, or the gate's own choice. And the reason without that name."""
    before = [stage.name for stage in run.plan.stages_before(gate)]
    named, colon, rest = reason.partition(":")
    if colon and named.strip().lower() in before:
        return named.strip().lower(), rest.strip()
    paths = {comment.path for comment in comments if comment.path is not None}
    for name in reversed(before):
        written = {
            path for a in run.stages[name].attempts if a.finished and a.finished.commit for path in a.finished.paths
        }
        if paths and paths <= written:
            return name, reason
    return run.plan.gate(gate).rejects_to, reason


def _cannot_decide(run: Run, gate: GateState | None, by: Actor, at: datetime, facts: Facts, verb: str) -> str | None:
    """Why this person's decision at `gate` does not count now; None when it does. There is a gate then."""
    if facts.permission < MAY_DECIDE:
        needed = f"{MAY_DECIDE.name.lower()} permission on this repository"
        return f"To {verb} needs {needed}, which @{by.login} does not have."
    if run.unreadable:
        return f"Nothing can be decided now: {run.unreadable}."
    if run.merged_sha or (run.merging and run.parked is None):
        return f"It is too late to {verb}: the merge has begun."
    if run.cancelled_by:
        return f"There is nothing to {verb} any more: this run is being cancelled."
    if gate is None and run.step is None and not run.parked and not run.blocked:
        return f"Every gate is passed already, so there is nothing left to {verb}: the merge is about to begin."
    if gate is None and run.step is None:
        back = "`/retry <stage>`, with the reason in the lines below it, sends the work back"
        return f"Every gate is passed, so there is nothing to {verb}. {back}."
    if gate is None and run.parked:
        helped = "this run needs help first, and `/retry` goes on from there"
        return f"No gate is open, so there is nothing to {verb}: {helped}.\n\n{fenced(run.parked)}"
    if gate is None:
        return f"No gate is open, so there is nothing to {verb} yet. I will ask here when there is."
    # Before the gate's comment is up only our own clock can say what came first; GitHub's says it later.
    if at < (gate.shown_at or gate.opening_at - _GRAIN):
        early = f"This came before gate `{gate.gate}` opened, so it does not count for what the gate shows"
        return f"{early}. Please look at it, and {verb} again."
    return None
