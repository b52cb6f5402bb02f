"""The contract between the orchestrator and an agent: what it is asked, and what it answers."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from bot.domain.refs import AttemptRef, IssueRef
from bot.domain.values import Text, Value


class Finding(Value):
    """One piece of evidence: what is wrong, and where (line from 1; None when it has no place)."""

    message: Text
    path: Text | None = None
    line: int | None = None
    severity: Literal["error", "warning", "note"] = "error"


Opinion = Literal["pass", "changes"]
"""What an agent that reviews or tests says of others' work: good as it is, or sent back."""


class Feedback(Value):
    """Why an earlier attempt was not good enough: from a check, a rejection at a gate, or a person's `/retry`."""

    source: Literal["check", "rejection", "agent", "retry"]
    name: str
    reason: str
    findings: tuple[Finding, ...] = ()


class Limits(Value):
    """Bounds of one attempt: seconds of wall clock, seconds of silence, US dollars (None: no cap)."""

    wall_seconds: float = 3600.0
    idle_seconds: float = 900.0
    max_usd: float | None = None


AgentSetting = bool | int | str | tuple[str, ...]
"""A value in the operator's settings of an agent."""


class AgentRequest(Value):
    """Everything an agent is given. It gets file names, not contents; `workspace` is its working directory.

    `writes` says whether it may touch code or its `outputs` alone, `judges` whether its opinion is asked for.
    `settings` belongs to the agent adapter (argv of a `command`, the script of `scripted`, a model's name).
    """

    attempt: AttemptRef
    issue: IssueRef
    title: str
    role: str
    agent: str
    model: str | None = None
    prompt: str
    workspace: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    writes: Literal["code", "artifacts"] = "code"
    judges: bool = False
    feedback: tuple[Feedback, ...] = ()
    limits: Limits = Limits()
    settings: dict[str, AgentSetting] = Field(default_factory=dict)


class AgentStatus(StrEnum):
    """How an attempt's agent ended. Only OK carries work that may be judged. OVERLOADED is nobody's fault: the
    model's service refused for the moment."""

    OK = "ok"
    AGENT_ERROR = "agent_error"
    OVERLOADED = "overloaded"
    BUDGET = "budget"
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    BAD_OUTPUT = "bad_output"
    CLI_ERROR = "cli_error"
    LOST = "lost"


HAS_WORK = frozenset({AgentStatus.OK, AgentStatus.BAD_OUTPUT})
"""Whose files are looked at afterwards: to be judged, or to be kept for the next attempt."""


class AgentResult(Value):
    """What came back. `cost_usd` is what the attempt cost whatever its status; `detail` explains a failure
    to a person, in a line or a few. `opinion` and its `findings` are required of roles that send work back."""

    status: AgentStatus
    summary: Text = ""
    opinion: Opinion | None = None
    findings: tuple[Finding, ...] = ()
    questions: tuple[Text, ...] = ()
    detail: Text = ""
    cost_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    session_id: str | None = None
    exit_code: int | None = None
