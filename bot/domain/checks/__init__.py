"""The deterministic checks: pure judgement over what an attempt left behind. One file each, one line in
`CHECKS`."""

from collections.abc import Callable
from typing import NamedTuple

from bot.domain.checks import tests_check
from bot.domain.commands_run import CommandResult
from bot.domain.errors import UserError
from bot.domain.verdicts import Verdict


class CommandCheck(NamedTuple):
    """A check that judges the run of a configured command, and the JUnit report that the command wrote (None:
    none is configured; empty: it is, and was not written)."""

    name: str
    judge: Callable[[CommandResult, str | None], Verdict]


CHECKS: tuple[CommandCheck, ...] = (CommandCheck(tests_check.NAME, tests_check.judge),)


def check(name: str) -> CommandCheck:
    """The check of this name; raises UserError, naming those that exist."""
    for candidate in CHECKS:
        if candidate.name == name:
            return candidate
    known = ", ".join(f"`{candidate.name}`" for candidate in CHECKS)
    raise UserError(f"There is no check `{name}`. Known checks: {known}.")
