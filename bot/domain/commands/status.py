"""`/status`: say where the run stands."""

from bot.domain.commands.base import Command, no_run
from bot.domain.decisions import Answer, Decision, Refusal
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.permissions import Permission
from bot.domain.rendering.markdown import prose
from bot.domain.run import Run
from bot.domain.standing import standing


class Status(Command):
    """Say where the run stands, what it has cost, and what it waits for."""

    name = "status"
    usage = "/status"
    example = "/status"
    permission = Permission.READ

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        if run is None:
            return Refusal(reason=no_run(call), cause=call.cause)
        # What it waits for may be said in an agent's own words.
        return Answer(text=prose(standing(run)), cause=call.cause)
