"""What happens to the attempts at a stage."""

from typing import Literal

from pydantic import Field

from bot.domain.agents import AgentStatus, Feedback, Finding, Opinion
from bot.domain.values import Value
from bot.domain.verdicts import Verdict

AttemptMode = Literal["work", "recheck"]


class AttemptStarted(Value):
    """One try at a stage was claimed: from here on it is the run's one live attempt. A `recheck` judges a head
    that a person pushed, and calls no agent."""

    kind: Literal["attempt_started"] = "attempt_started"
    version: Literal[1] = 1
    stage: str
    number: int
    mode: AttemptMode = "work"
    start_commit: str
    feedback: tuple[Feedback, ...] = ()


class AttemptFinished(Value):
    """The attempt ended. `commit` is the branch's head after it and `parent` the head it was put on; both are None
    when its work was not handed on. `contents` are digests of the artifacts and of the code on that head, `paths`
    what the attempt itself changed. `opinion` and `findings` are the agent's word on others' work. `kept` is the
    commit that holds refused work: the next attempt goes on from it."""

    kind: Literal["attempt_finished"] = "attempt_finished"
    version: Literal[1] = 1
    stage: str
    number: int
    status: AgentStatus
    summary: str = ""
    detail: str = ""
    verdicts: tuple[Verdict, ...] = ()
    commit: str | None = None
    parent: str | None = None
    kept: str | None = None
    opinion: Opinion | None = None
    findings: tuple[Finding, ...] = ()
    questions: tuple[str, ...] = ()
    contents: dict[str, str] = Field(default_factory=dict)
    paths: tuple[str, ...] = ()
    diff_digest: str | None = None
    artifacts_digest: str | None = None
    cost_usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0


class StopRequested(Value):
    """The live attempt was asked to stop; it ends with what it cost."""

    kind: Literal["stop_requested"] = "stop_requested"
    version: Literal[1] = 1
    stage: str
    number: int
    reason: str
