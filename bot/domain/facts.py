"""Facts: the immutable snapshot that a decision reads, gathered for one event."""

from datetime import datetime

from pydantic import Field

from bot.domain.agents import Finding
from bot.domain.config import RepoConfig
from bot.domain.forge import Actor, Issue, Label, PullRequest
from bot.domain.permissions import Permission
from bot.domain.pipeline import Pipeline
from bot.domain.roles import Role
from bot.domain.values import Value


class StartFacts(Value):
    """What the start of a run depends on. Config and pipelines come from the base branch only; `config_problem`
    says what is wrong with them, for the people who can mend it."""

    issue: Issue
    label: Label | None = None
    base_branch: str
    base_sha: str
    config: RepoConfig = RepoConfig()
    config_problem: str | None = None
    pipelines: dict[str, Pipeline] = Field(default_factory=dict)
    roles: dict[str, Role] = Field(default_factory=dict)
    runs_before: int = 0


class Facts(Value):
    """`permission` is that of the event's actor (for a label: of whoever put it there). `pull` is the run's pull
    request read just now; `head_is_ours` when its head is a commit that a live attempt is about to report; `lapsed` are
    the ids of those whose approval of the open gate stands, and who may not decide any more; `withdrawn` when a review
    is not in force any more: deliveries come in any order, and its dismissal may have been told first."""

    now: datetime
    bot: Actor
    permission: Permission = Permission.NONE
    pull: PullRequest | None = None
    head_is_ours: bool = False
    lapsed: tuple[int, ...] = ()
    line_comments: tuple[Finding, ...] = ()
    withdrawn: bool = False
    start: StartFacts | None = None
