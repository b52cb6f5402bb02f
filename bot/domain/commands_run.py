"""A repository's own commands: how one is written, and what came of running it."""

import shlex
from typing import Annotated

from pydantic import BeforeValidator, Field

from bot.domain.values import Value


def _words(raw: object) -> object:
    """A command may be written as one string; it is split as a shell would, and never given to a shell."""
    if isinstance(raw, str):
        try:
            return shlex.split(raw)
        except ValueError as error:
            raise ValueError(f"cannot be split into words ({error}): check its quotes") from error
    return raw


Command = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]


class CommandResult(Value):
    """A command's end. `output` is stdout and stderr together, bounded, exactly as printed: hostile text.

    `exit_code` is None when a signal ended it (`signal`) or it never ran (`not_started` says why); `stopped`
    is the reason when somebody asked for its end. `cwd` lets paths in the output be told relative to the
    workspace.
    """

    argv: tuple[str, ...]
    cwd: str = ""
    exit_code: int | None
    signal: int | None = None
    output: str = ""
    seconds: float = 0.0
    timed_out: bool = False
    stopped: str | None = None
    not_started: str | None = None
