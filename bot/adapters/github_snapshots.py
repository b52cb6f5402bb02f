"""From PyGithub's objects to the domain's snapshots.

Only fields that GitHub sends in lists too are read: PyGithub would send a request of its own for any other.
"""

from datetime import UTC, datetime

from github.Issue import Issue as GithubIssue
from github.IssueComment import IssueComment
from github.IssueEvent import IssueEvent
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.PullRequest import PullRequest as GithubPullRequest
from github.PullRequestReview import PullRequestReview

from bot.domain.forge import Actor, Comment, Issue, Label, PullRequest, Review
from bot.domain.refs import RepoRef

# GitHub shows what a deleted account left behind under this name; 0 is nobody's id.
GHOST = Actor(id=0, login="ghost")


def actor(user: NamedUser | Organization | None) -> Actor:
    """A person or a machine account; the ghost where GitHub has no account any more."""
    if user is None:
        return GHOST
    return Actor(id=user.id, login=user.login, is_bot=user.type == "Bot")


def issue(repo: RepoRef, found: GithubIssue) -> Issue:
    """An issue; its payload must have `pull_request`, if only as null."""
    return Issue.model_validate(
        {
            "repo": repo,
            "number": found.number,
            "id": found.id,
            "title": found.title,
            "body": found.body or "",
            "state": found.state,
            "labels": tuple(label.name for label in found.labels),
            "author": actor(found.user),
            "is_pull_request": found.pull_request is not None,
        }
    )


def label(event: IssueEvent, *, is_last: bool) -> Label:
    """A `labeled` event, which may be the issue's last."""
    who, at = actor(event.actor), _utc(event.created_at)
    return Label(event_id=event.id, name=event.label.name, actor=who, at=at, is_last=is_last)


def comment(issue_number: int, found: IssueComment) -> Comment:
    """A comment on the conversation of an issue or pull request."""
    return Comment(
        id=found.id,
        issue_number=issue_number,
        author=actor(found.user),
        body=found.body or "",
        created_at=_utc(found.created_at),
        updated_at=_utc(found.updated_at),
    )


def review(pull_number: int, found: PullRequestReview) -> Review:
    """A submitted review."""
    return Review.model_validate(
        {
            "id": found.id,
            "pull_number": pull_number,
            "author": actor(found.user),
            "state": found.state,
            "body": found.body or "",
            "commit_id": found.commit_id or "",
            "submitted_at": _utc(found.submitted_at),
        }
    )


def pull_request(found: GithubPullRequest) -> PullRequest:
    """A pull request, from a list or by itself."""
    merged = found.merged_at is not None  # lists have no `merged`
    return PullRequest.model_validate(
        {
            "number": found.number,
            "node_id": found.node_id,
            "state": found.state,
            "draft": found.draft,
            "merged": merged,
            # Until the merge GitHub puts the commit of its own trial merge here.
            "merge_commit_sha": found.merge_commit_sha if merged else None,
            # Lists do not say it, and asking would be one more request.
            "mergeable_state": found._rawData.get("mergeable_state") or "unknown",
            "head_ref": found.head.ref,
            "head_sha": found.head.sha,
            "base_ref": found.base.ref,
            "base_sha": found.base.sha,
            "author": actor(found.user),
        }
    )


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)
