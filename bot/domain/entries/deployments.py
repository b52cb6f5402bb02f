"""What happens when a commit is brought to an environment."""

from typing import Literal

from bot.domain.agents import Finding
from bot.domain.values import Value

Environment = Literal["candidate", "production"]


class DeploymentStarted(Value):
    """A commit is being brought to an environment: the candidate to the preview, or what was merged to production."""

    kind: Literal["deployment_started"] = "deployment_started"
    version: Literal[1] = 1
    environment: Environment
    number: int
    commit: str


class DeploymentFinished(Value):
    """How it went. `rolled_back` means that the last good version was brought back after a failed health check;
    `detail` says in words what was done, and what was not for want of configuration."""

    kind: Literal["deployment_finished"] = "deployment_finished"
    version: Literal[1] = 1
    environment: Environment
    number: int
    commit: str
    status: Literal["success", "failure", "rolled_back"]
    release: str
    detail: str = ""
    url: str | None = None
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
