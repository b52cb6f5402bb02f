"""What an agent adapter is: how to launch an agent's program, and how to read what it left behind."""

from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from bot.domain.agents import AgentRequest, AgentResult, AgentStatus
from bot.domain.values import Value

LADDER = (("SIGINT", 5.0), ("SIGTERM", 5.0), ("SIGKILL", 1.0))


class Launch(Value):
    """How a supervisor runs an agent's program.

    `ladder` is how it is interrupted: rungs (`line`, or a signal's name) with the seconds given to each;
    SIGKILL always comes last. `interrupt_line` is written to the agent's stdin at the rung `line`, and keeps
    stdin open until then (or until it has given its result, where it `speaks` of one). `outputs` are files of the
    attempt's directory (relative) that must reach the disk before the result. `speaks` is how its stdout is read
    while it runs: `progress` is ours (see `command`). What the `secret_files` hold is blacked out in its output.
    Limits of output are in bytes: more is drained but not kept.
    """

    argv: tuple[str, ...] = Field(min_length=1)
    env: dict[str, str]
    cwd: str
    stdin: str = ""
    wall_seconds: float
    idle_seconds: float
    outputs: tuple[str, ...] = ()
    ladder: tuple[tuple[str, float], ...] = LADDER
    interrupt_line: str | None = None
    speaks: Literal["progress", "claude"] = "progress"
    secret_files: tuple[str, ...] = ()
    stdout_limit: int = 8 * 1024 * 1024
    stderr_limit: int = 1024 * 1024
    merge_stderr: bool = False
    agent_calls_file: str | None = None


class Tokens(Value):
    """What a model was given (new, read from its cache, written to it) and what it answered."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0


class Reported(Value):
    """What an agent told about itself while it ran (totals so far); `usage` is by model, where it says so."""

    message: str = ""
    cost_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    session_id: str | None = None
    usage: dict[str, Tokens] = Field(default_factory=dict)


class Progress(Reported):
    """The latest report of a running agent; `at` is when it came, in seconds since 1970 (None: none came
    yet)."""

    at: float | None = None


class Ending(Value):
    """How an agent's process ended, as its supervisor saw it (the supervisor's result.json).

    `stopped` is the reason of a stop request, `timed_out` the clock that ran out (`wall` or `idle`),
    `not_started` why the program could not be executed, `lost` that the supervisor died with the agent.
    `unasked` says that nobody decided to stop it: the machine is going down, or has no worker any more.
    `left_running` should be empty: pids that would not die.
    """

    exit_code: int | None = None
    signal: int | None = None
    stopped: str | None = None
    unasked: bool = False
    timed_out: str | None = None
    not_started: str | None = None
    lost: str | None = None
    seconds: float = 0.0
    reported: Reported = Reported()
    left_running: tuple[int, ...] = ()

    @property
    def by_nobody(self) -> bool:
        """Whether it neither ended by itself nor by anybody's decision: it may go on where it was."""
        if self.stopped is not None:
            return self.unasked
        if self.timed_out is not None or self.not_started is not None:
            return False
        # A program that handles a signal, and ends, tells so by an exit code above 128.
        return self.lost is not None or self.signal is not None or (self.exit_code or 0) > 128

    @property
    def what_it_reported(self) -> dict[str, Any]:
        """The fields of an AgentResult that do not depend on how it ended."""
        told = self.reported
        return {
            "cost_usd": told.cost_usd,
            "input_tokens": told.input_tokens,
            "output_tokens": told.output_tokens,
            "session_id": told.session_id,
            "seconds": self.seconds,
            "exit_code": self.exit_code,
        }


class Running(Value):
    """A living supervisor owns the attempt."""

    progress: Progress


class Finished(Value):
    """The attempt has its result, for good."""

    result: AgentResult


class Gone(Value):
    """No supervisor lives and there is no result: it died, or there never was one."""


class Agent(Protocol):
    """One kind of agent. Adding one is a file beside this one and a line in `AGENTS`."""

    name: str

    def launch(self, request: AgentRequest, attempt_dir: Path) -> Launch:
        """How to run it; `attempt_dir` will hold request.json, home/, tmp/ and out/. Writes nothing. Raises
        UserError when the request's settings are wrong."""
        ...

    def result(self, attempt_dir: Path, ending: Ending) -> AgentResult:
        """What it answered. Always the same for the same files; never raises for what an agent wrote."""
        ...

    def go_on(self, request: AgentRequest, attempt_dir: Path, ending: Ending) -> Launch | None:
        """How to have it go on, in the same workspace, after an `ending` that was nobody's decision; None when it
        cannot, so that the attempt is lost. Writes nothing. Raises UserError like `launch`."""
        ...


def cut_short(ending: Ending, cost_and_more: dict[str, Any]) -> AgentResult | None:
    """The result of an agent that did not come to an end of its own; None when it did."""
    if ending.lost is not None:
        return AgentResult(status=AgentStatus.LOST, detail=ending.lost, **cost_and_more)
    if ending.not_started is not None:
        detail = f"The agent could not be started: {ending.not_started}"
        return AgentResult(status=AgentStatus.CLI_ERROR, detail=detail, **cost_and_more)
    if ending.stopped is not None:
        return AgentResult(status=AgentStatus.INTERRUPTED, detail=ending.stopped, **cost_and_more)
    if ending.timed_out is not None:
        why = "gave no sign of life" if ending.timed_out == "idle" else "did not finish"
        detail = f"The agent {why} in the time it had and was stopped after {ending.seconds:.0f} s."
        return AgentResult(status=AgentStatus.TIMEOUT, detail=detail, **cost_and_more)
    return None
