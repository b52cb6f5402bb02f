"""`/approve`: let the open gate's subject through."""

from bot.domain.commands.base import Command, no_run
from bot.domain.decisions import Decision, Refusal
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.run import Run
from bot.domain.votes import approve
from bot.domain.wording import quoted


class Approve(Command):
    """Approve exactly what the open gate shows, as an approving review would."""

    name = "approve"
    usage = "/approve [gate]"
    example = "/approve"

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        if run is None:
            return Refusal(reason=no_run(call), cause=call.cause)
        if call.argument and run.gate and call.argument != run.gate.gate:
            reason = f"Gate {quoted(call.argument)} is not open; gate `{run.gate.gate}` is: write `/approve`."
            return Refusal(reason=reason, cause=call.cause)
        return approve(run, by=call.by, at=call.at, review=None, facts=facts, cause=call.cause)
