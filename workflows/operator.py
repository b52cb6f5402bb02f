"""Commands of the operator: heard like a person's, by the same `accept`, and recorded with their wake-up."""

import time

from bot.domain.decisions import Accepted
from bot.domain.errors import UserError
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.forge import Actor
from bot.domain.permissions import Permission
from workflows.clock import now
from workflows.journal import Journal

OPERATOR = Actor(id=0, login="operator")
"""Whoever may run commands on the service's machine. GitHub has no user 0."""


def command(journal: Journal, run_id: str, verb: str, argument: str = "", text: str = "") -> Accepted:
    """Give a run a command; raises UserError with the reason when it is not taken."""
    run = journal.run(run_id)
    if run is None:
        raise UserError(f"there is no run `{run_id}` that this release can read: `issuewright runs list --all`")
    if run.is_over:
        raise UserError(f"run `{run_id}` is over ({run.outcome}): nothing can be changed about it any more")
    at = max(now(), run.started_at)  # this machine's clock may be behind GitHub's, which the run began by
    event = CommandGiven(
        issue=run.started.issue,
        source="operator",
        source_id=time.time_ns(),
        line=1,
        verb=verb,
        argument=argument,
        text=text,
        by=OPERATOR,
        at=at,
    )
    decision = journal.decide(event, Facts(now=at, bot=OPERATOR, permission=Permission.ADMIN), of=run_id)
    match decision:
        case Accepted():
            return decision
        case _:
            raise UserError(getattr(decision, "reason", "") or getattr(decision, "why", "") or "it was not taken")
