"""The slash-commands, one a file. A new one is a file and a line in this list, which `/help` shows in this order."""

from bot.domain.commands.approve import Approve
from bot.domain.commands.base import Command
from bot.domain.commands.budget import Budget
from bot.domain.commands.cancel import Cancel
from bot.domain.commands.help import Help
from bot.domain.commands.reject import Reject
from bot.domain.commands.retry import Retry
from bot.domain.commands.spec import Spec
from bot.domain.commands.status import Status

_COMMANDS = (Spec(), Approve(), Reject(), Retry(), Cancel(), Budget(), Status())

COMMANDS: tuple[Command, ...] = (*_COMMANDS, Help(_COMMANDS))


def find(verb: str) -> Command | None:
    """The command of that name; None when there is none."""
    return next((command for command in COMMANDS if command.name == verb), None)


__all__ = ["COMMANDS", "Command", "find"]
