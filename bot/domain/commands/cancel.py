"""`/cancel`: end the run."""

from bot.domain.commands.base import Command, no_run
from bot.domain.decisions import Accepted, Decision, Refusal
from bot.domain.entries import CommandAccepted
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.run import Run


class Cancel(Command):
    """Stop the run for good: the agent is stopped, the pull request closed, the branch kept.

    What is merged cannot be cancelled: where such a run is stuck, what comes after the merge is tried again.
    """

    name = "cancel"
    usage = "/cancel [why]"
    example = "/cancel we will do this by hand"

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        if run is None:
            return Refusal(reason=no_run(call), cause=call.cause)
        if run.merged_sha is not None and run.parked is not None:
            return Accepted(entry=CommandAccepted(verb="retry", by=call.by), cause=call.cause)
        # A merge that we gave up on is not under way any more.
        is_merged = run.merged_sha is not None or (facts.pull is not None and run.is_merged_by(facts.pull))
        if is_merged or (run.merging and run.parked is None):
            return Refusal(reason="It is too late to cancel: the merge has begun.", cause=call.cause)
        if run.cancelled_by and run.parked is None:
            return Refusal(reason="This run is being cancelled already.", cause=call.cause)
        entry = CommandAccepted(verb="cancel", by=call.by, note=f"{call.argument}\n{call.text}".strip())
        return Accepted(entry=entry, cause=call.cause)
