"""People's decisions at a gate: what counts, and what is told back when it does not."""

from datetime import datetime, timedelta

from bot.domain.decisions import Accepted, Decision, Refusal
from bot.domain.entries import Approved, Rejected
from bot.domain.facts import Facts
from bot.domain.forge import Actor
from bot.domain.permissions import Permission
from bot.domain.run import GateState, Run

MAY_DECIDE = Permission.WRITE
_GRAIN = timedelta(seconds=1)
"""GitHub's times are whole seconds; ours are not."""


def approve(run: Run, *, by: Actor, at: datetime, saw: str | None, facts: Facts, cause: str) -> Decision:
    """An approval of the open gate's subject. `saw` is the head that a review was made on, None for a command."""
    gate = run.gate
    problem = _cannot_decide(run, gate, by, at, facts, "approve")
    if problem is not None or gate is None:
        return Refusal(reason=problem or "", cause=cause)
    head = gate.subject.head
    if saw is not None and saw != head:
        reason = f"This approves {saw[:10]}, but gate `{gate.gate}` shows {head[:10]}: please review that one."
        return Refusal(reason=reason, cause=cause)
    if facts.pull is None or facts.pull.head_sha != head:
        now = facts.pull.head_sha[:10] if facts.pull else "unknown"
        reason = f"Gate `{gate.gate}` shows {head[:10]}, but the branch is at {now} now: I will show that one, and ask again."
        return Refusal(reason=reason, cause=cause)
    return Accepted(entry=Approved(gate=gate.gate, round=gate.round, by=by, head=head), cause=cause)


def reject(run: Run, *, by: Actor, at: datetime, reason: str, facts: Facts, cause: str) -> Decision:
    """A rejection at the open gate; its reason goes to the stage that can act on it."""
    gate = run.gate
    problem = _cannot_decide(run, gate, by, at, facts, "reject")
    if problem is not None or gate is None:
        return Refusal(reason=problem or "", cause=cause)
    if not reason.strip():
        hint = "Please say what should change, so that the next attempt can act on it: `/reject <why>`."
        return Refusal(reason=hint, cause=cause)
    entry = Rejected(gate=gate.gate, round=gate.round, by=by, reason=reason.strip())
    return Accepted(entry=entry, cause=cause)


def _cannot_decide(run: Run, gate: GateState | None, by: Actor, at: datetime, facts: Facts, verb: str) -> str | None:
    if facts.permission < MAY_DECIDE:
        return (
            f"To {verb} needs {MAY_DECIDE.name.lower()} permission on this repository, which @{by.login} does not have."
        )
    if gate is None:
        return f"No gate is open, so there is nothing to {verb} yet. I will ask here when there is."
    # Before the gate's comment is up only our own clock can say what came first.
    if at < (gate.shown_at or gate.opening_at - _GRAIN):
        return f"This came before gate `{gate.gate}` opened, so it does not count for what the gate shows. Please look at it, and {verb} again."
    return None
