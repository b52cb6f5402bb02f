"""How a command ended, in words, and the end of its output as evidence."""

import shlex

from bot.domain.agents import Finding
from bot.domain.checks.hostile_text import one_line, plain
from bot.domain.commands_run import CommandResult

_TAIL_LINES = 15


def why_it_did_not_end(result: CommandResult, what: str) -> str | None:
    """Why the command has no exit code of its own; None when it has. `what` is what it was to do, as `tests`."""
    command = one_line(shlex.join(result.argv), 100)
    if result.not_started is not None:
        return f"`{command}` could not be run: {one_line(result.not_started, 200)}"
    if result.stopped is not None:
        verb = "were" if what.endswith("s") else "was"
        return f"The {what} {verb} stopped: {one_line(result.stopped, 200)}"
    if result.timed_out:
        return f"`{command}` did not end within {result.seconds:.0f} s"
    if result.signal is not None or result.exit_code is None:
        return f"`{command}` was ended by signal {result.signal}"
    return None


def tail(result: CommandResult) -> tuple[Finding, ...]:
    """The end of the output as evidence, where there is nothing better."""
    lines = [one_line(line, 200) for line in plain(result.output).splitlines()[-_TAIL_LINES:]]
    text = "\n".join(lines).strip()
    return (Finding(message=f"The end of its output:\n{text}", severity="note"),) if text else ()
