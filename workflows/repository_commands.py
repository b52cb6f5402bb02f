"""Running one of the repository's own commands in a workspace, so that a repeat ends what an earlier one left."""

from pathlib import Path

from bot.adapters.processes import run_command
from bot.domain.commands_run import Command
from bot.domain.values import Value
from workflows.services import Services


class Ran(Value):
    """How a command ended: `how` in words, `output` hostile text."""

    ok: bool
    how: str
    output: str
    seconds: float


def run_repository_command(
    here: Services, argv: Command, tree: Path, *, record: str, env: dict[str, str], timeout: float
) -> Ran:
    """Run it for at most `timeout` seconds. `record` names this execution on this machine."""
    result = run_command(argv, cwd=tree, env=env, timeout=timeout, record=here.commands_directory / record)
    how = "it timed out" if result.timed_out else result.not_started or f"exit code {result.exit_code}"
    return Ran(ok=result.exit_code == 0, how=how, output=result.output, seconds=result.seconds)
