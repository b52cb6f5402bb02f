"""What every command brings along: its name, its help, who may use it, and its case of `accept`."""

from abc import ABC, abstractmethod
from typing import ClassVar

from bot.domain.decisions import Decision
from bot.domain.events import CommandGiven
from bot.domain.facts import Facts
from bot.domain.permissions import Permission
from bot.domain.run import Run


class Command(ABC):
    """A slash-command; its docstring's first line is its help text."""

    name: ClassVar[str]
    usage: ClassVar[str]
    example: ClassVar[str]
    permission: ClassVar[Permission] = Permission.WRITE
    needs_run: ClassVar[bool] = True

    @property
    def summary(self) -> str:
        return (self.__doc__ or "").strip().splitlines()[0]

    @abstractmethod
    def accept(self, run: Run | None, call: CommandGiven, facts: Facts) -> Decision:
        """What this command means for the issue's open run (None: it has none)."""


def no_run(call: CommandGiven) -> str:
    """What to say when a command needs a run and there is none."""
    return f"`/{call.verb}` needs an open run, and this issue has none. `/spec` starts one."
