"""`/spec`: start a run from a comment."""

from bot.domain.commands.base import Command
from bot.domain.decisions import Decision, Ignored, Refusal
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.run import Run
from bot.domain.starting import start


class Spec(Command):
    """Start a run for this issue, with the repository's pipeline or the one you name."""

    name = "spec"
    usage = "/spec [pipeline]"
    example = "/spec quick"
    needs_run = False

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        if run is not None and call.at < run.started_at:
            return Ignored(why="written before this run began")
        if run is not None:
            return Refusal(reason=f"Run `{run.id}` is open for this issue already.", cause=call.cause)
        return start(facts, by=call.by, cause=call.cause, pipeline=call.argument or None)
