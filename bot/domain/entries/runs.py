"""What a run is as a whole: how it began, what people told it, how it ended."""

from typing import Literal

from bot.domain.config import RepoConfig
from bot.domain.forge import Actor
from bot.domain.pipeline import Pipeline
from bot.domain.refs import IssueRef
from bot.domain.values import Value

Outcome = Literal["merged", "cancelled"]


class RunStarted(Value):
    """Somebody who may spend asked for this spec. Plan, config and names are frozen here."""

    kind: Literal["run_started"] = "run_started"
    version: Literal[1] = 1
    run_id: str
    issue: IssueRef
    ordinal: int
    title: str
    body: str
    author: Actor
    started_by: Actor
    plan: Pipeline
    config: RepoConfig
    base_branch: str
    base_sha: str
    branch: str
    folder: str
    parent: str | None = None


class CommandAccepted(Value):
    """A person's command that changes the run and has no entry of its own."""

    kind: Literal["command_accepted"] = "command_accepted"
    version: Literal[1] = 1
    verb: Literal["retry", "cancel"]
    by: Actor
    stage: str | None = None
    note: str = ""


class BudgetRaised(Value):
    """A person allowed the run to spend up to `run_usd` US dollars in all."""

    kind: Literal["budget_raised"] = "budget_raised"
    version: Literal[1] = 1
    run_usd: float
    by: Actor


class RunParked(Value):
    """The run needs a person, who may `/retry` or `/cancel`; `reason` says what for."""

    kind: Literal["run_parked"] = "run_parked"
    version: Literal[1] = 1
    reason: str


class RunFinished(Value):
    """The run is over and tidied up behind itself."""

    kind: Literal["run_finished"] = "run_finished"
    version: Literal[1] = 1
    outcome: Outcome


class Unreadable(Value):
    """Not stored: stands for an entry whose kind or version this release does not know, so that a rollback
    parks the run instead of misreading it."""

    kind: Literal["unreadable"] = "unreadable"
    version: Literal[1] = 1
    stored_kind: str
    stored_version: int
    problem: str
