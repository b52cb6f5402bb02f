"""`/retry`: give a parked run another try."""

from bot.domain.commands.base import Command, no_run
from bot.domain.decisions import Accepted, Decision, Refusal
from bot.domain.entries import CommandAccepted
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.next_moves import waiting_for
from bot.domain.pipeline import Stage
from bot.domain.run import Run
from bot.domain.wording import quoted


class Retry(Command):
    """Try again where a run is stuck; the lines below the command are passed on to the agent."""

    name = "retry"
    usage = "/retry [stage]"
    example = "/retry builder"

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        if run is None:
            return Refusal(reason=no_run(call), cause=call.cause)
        if run.parked is None and run.blocked is None:
            doing = waiting_for(run) or "its next step"
            reason = f"`/retry` is for a run that is stuck; this one waits for {doing}."
            return Refusal(reason=reason, cause=call.cause)
        reached = _reached_stages(run)
        if call.argument and call.argument not in reached:
            names = ", ".join(f"`{name}`" for name in reached)
            why = "has not had its turn yet" if call.argument in run.stages else "is no stage of this run"
            return Refusal(reason=f"{quoted(call.argument)} {why}. You can retry {names}.", cause=call.cause)
        stage = call.argument or _stuck_stage(run)
        entry = CommandAccepted(verb="retry", by=call.by, stage=stage, note=call.text)
        return Accepted(entry=entry, cause=call.cause)


def _reached_stages(run: Run) -> tuple[str, ...]:
    """The stages up to where the run is, in order."""
    names = [step.name for step in run.plan.steps]
    up_to = names.index(run.step.name) if run.step else len(names)
    return tuple(name for name in names[: up_to + 1] if name in run.stages)


def _stuck_stage(run: Run) -> str | None:
    """The stage that has to try again; None when what is stuck is not a stage (a merge that GitHub refused)."""
    if isinstance(run.step, Stage):
        return run.step.name
    if run.head is None:
        return _reached_stages(run)[-1]
    # A commit that a person pushed does not pass: whoever can repair it has the evidence.
    return next((name for name, state in run.stages.items() if state.done and state.feedback), None)
