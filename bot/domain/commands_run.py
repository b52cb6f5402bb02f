"""What came of running one of a repository's own commands."""

from bot.domain.values import Value


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
