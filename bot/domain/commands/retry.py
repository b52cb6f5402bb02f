"""`/retry`: give a parked run another try."""

from bot.domain.commands.base import Command, no_run
from bot.domain.decisions import Accepted, Decision, Refusal
from bot.domain.entries import CommandAccepted
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.next_moves import waiting_for
from bot.domain.run import Run


class Retry(Command):
    """Try again where a run is stuck; the lines below the command are passed on to the agent."""

    name = "retry"
    usage = "/retry [stage]"
    example = "/retry builder"

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        if run is None:
            return Refusal(reason=no_run(call), cause=call.cause)
        if run.parked is None or run.unreadable:
            doing = waiting_for(run) or "its next step"
            reason = f"`/retry` is for a run that is stuck; this one waits for {doing}."
            return Refusal(reason=reason, cause=call.cause)
        stage = call.argument or _stuck_stage(run)
        if stage is not None and stage not in run.stages:
            names = ", ".join(f"`{name}`" for name in run.stages)
            return Refusal(reason=f"There is no stage `{stage}`. There is {names}.", cause=call.cause)
        entry = CommandAccepted(verb="retry", by=call.by, stage=stage, note=call.text)
        return Accepted(entry=entry, cause=call.cause)


def _stuck_stage(run: Run) -> str | None:
    """The first stage that is not done; None when what is stuck is not a stage (a merge that GitHub refused)."""
    return next((name for name, state in run.stages.items() if not state.done), None)
