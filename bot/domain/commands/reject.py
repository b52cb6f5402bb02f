"""`/reject`: send the open gate's subject back, with a reason."""

from bot.domain.commands.base import Command, no_run
from bot.domain.decisions import Decision, Refusal
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.run import Run
from bot.domain.votes import reject


class Reject(Command):
    """Send the work back, and say what should change; the lines below the command belong to the reason."""

    name = "reject"
    usage = "/reject <why>"
    example = "/reject an empty file should print 0.00, not fail"

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        if run is None:
            return Refusal(reason=no_run(call), cause=call.cause)
        reason = f"{call.argument}\n{call.text}".strip()
        return reject(run, by=call.by, at=call.at, reason=reason, facts=facts, cause=call.cause)
