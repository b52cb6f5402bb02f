"""What GitHub tells us, as immutable snapshots: the forge's side of every decision.

Times are GitHub's own, UTC, whole seconds. Ids are GitHub's numeric ids.
"""

from datetime import datetime
from typing import Literal

from bot.domain.refs import RepoRef
from bot.domain.values import Text, Value

ReviewState = Literal["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"]
CheckStatus = Literal["queued", "in_progress", "completed"]
CheckConclusion = Literal["success", "failure", "neutral", "cancelled", "action_required"]


class Actor(Value):
    """Who did something. `is_bot` is true for Apps and other machine accounts."""

    id: int
    login: str
    is_bot: bool = False


class Label(Value):
    """The fact that somebody put a label on an issue: the id is that of the `labeled` issue event. `is_last` when
    nothing that GitHub lists among the events has happened to the issue since; what its text says is not among them."""

    event_id: int
    name: Text
    actor: Actor
    at: datetime
    is_last: bool = False


def is_same_label(one: str, other: str) -> bool:
    """Whether two names are one label: GitHub keeps their case, and does not tell them apart by it."""
    return one.casefold() == other.casefold()


class Issue(Value):
    """An issue as it stands."""

    repo: RepoRef
    number: int
    id: int
    title: Text
    body: Text
    state: Literal["open", "closed"]
    labels: tuple[Text, ...]
    author: Actor
    is_pull_request: bool = False


class ShownIssue(Value):
    """An issue as a delivery showed it, whose last change was `at`."""

    issue: Issue
    at: datetime


class Comment(Value):
    """A comment on an issue or on a pull request's conversation."""

    id: int
    issue_number: int
    author: Actor
    body: Text
    created_at: datetime
    updated_at: datetime


class Review(Value):
    """A submitted pull request review; `commit_id` is the head that the reviewer saw."""

    id: int
    pull_number: int
    author: Actor
    state: ReviewState
    body: Text
    commit_id: str
    submitted_at: datetime


class PullRequest(Value):
    """A pull request as it stands."""

    number: int
    node_id: str
    state: Literal["open", "closed"]
    draft: bool
    merged: bool
    merge_commit_sha: str | None
    mergeable_state: str = "unknown"
    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    author: Actor


class Annotation(Value):
    """A remark at a line (from 1) of a head commit's file."""

    path: str
    line: int
    level: Literal["notice", "warning", "failure"]
    title: str
    message: str


class CheckRunReport(Value):
    """What our one check run says about a head commit."""

    name: str
    head_sha: str
    external_id: str
    status: CheckStatus
    conclusion: CheckConclusion | None = None
    title: str
    summary: str
    annotations: tuple[Annotation, ...] = ()


class Merged(Value):
    """GitHub merged it; `sha` is the commit on the base branch."""

    sha: str


class MergeRefused(Value):
    """GitHub would not merge. `head_moved` tells a changed head (409) from rules that are not met (405)."""

    head_moved: bool
    reason: str
