"""The agent `operation`: one of the repository's own commands (a deployment) under a supervisor of its own, so that it
survives the worker and is never run twice by accident. Settings: `argv`, and `env` as `NAME=value` strings.
"""

from pathlib import Path

from bot.adapters.agents.contract import Ending, Launch, cut_short
from bot.adapters.environment import allowed_environment
from bot.adapters.supervisor import files
from bot.domain.agents import AgentRequest, AgentResult, AgentStatus
from bot.domain.errors import UserError

_TAIL = 4000


class Operation:
    """A command whose exit code says how it went."""

    name = "operation"

    def launch(self, request: AgentRequest, attempt_dir: Path) -> Launch:
        """Run the setting `argv`; raises UserError when it is missing."""
        argv, env = request.settings.get("argv"), request.settings.get("env", ())
        if not isinstance(argv, tuple) or not argv or not isinstance(env, tuple):
            raise UserError("an operation needs a command")
        environment = allowed_environment(attempt_dir / files.HOME, attempt_dir / files.TMP)
        environment |= dict(pair.split("=", 1) for pair in env)
        return Launch(
            argv=argv,
            env=environment,
            cwd=request.workspace,
            wall_seconds=request.limits.wall_seconds,
            idle_seconds=request.limits.idle_seconds,
            merge_stderr=True,
        )

    def result(self, attempt_dir: Path, ending: Ending) -> AgentResult:
        """OK for exit code 0; the end of its output is the detail."""
        output = (files.read_regular(attempt_dir / files.STDOUT) or b"")[-_TAIL:].decode("utf-8", "replace")
        stopped = cut_short(ending, ending.what_it_reported)
        if stopped is not None:
            return stopped
        ok = ending.exit_code == 0
        how = f"exit code {ending.exit_code}" if ending.signal is None else f"signal {ending.signal}"
        return AgentResult(
            status=AgentStatus.OK if ok else AgentStatus.CLI_ERROR,
            detail=output if ok else f"ended with {how}\n{output}".strip(),
            seconds=ending.seconds,
            exit_code=ending.exit_code,
        )

    def go_on(self, request: AgentRequest, attempt_dir: Path, ending: Ending) -> None:
        """A command may not be safe to repeat: whoever asked for it decides."""
