"""`/help`: the commands, from the commands themselves."""

from bot.domain.commands.base import Command
from bot.domain.decisions import Answer, Decision
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.permissions import Permission
from bot.domain.run import Run


class Help(Command):
    """List the commands, and who may use them."""

    name = "help"
    usage = "/help [command]"
    example = "/help retry"
    permission = Permission.READ
    needs_run = False

    def __init__(self, others: tuple[Command, ...]) -> None:
        self._commands = (*others, self)

    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        name = call.argument.lower().removeprefix("/")
        asked = tuple(command for command in self._commands if command.name == name)
        return Answer(text=help_table(asked or self._commands), cause=call.cause)


def help_table(shown: tuple[Command, ...]) -> str:
    """A Markdown table of these commands."""
    rows = [f"| `{c.usage}` | {c.summary} | {c.permission.name.lower()} | `{c.example}` |" for c in shown]
    head = "| Command | What it does | Needs | Example |\n|---|---|---|---|"
    return "\n".join((head, *rows, "", "`/issuewright <command>` always works, too."))
