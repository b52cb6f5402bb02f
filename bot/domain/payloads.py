"""GitHub's webhook payloads, read into events: only the fields that we act on, everything else is passed over."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from bot.domain.commands import find
from bot.domain.comments import find_commands
from bot.domain.decisions import Ignored
from bot.domain.errors import UserError
from bot.domain.events import (
    CommandGiven,
    Event,
    IssueLabelled,
    PullRequestChanged,
    ReviewSubmitted,
    ReviewWasDismissed,
)
from bot.domain.forge import Actor, Comment, Issue, Review, ShownIssue
from bot.domain.refs import IssueRef, RepoRef
from bot.domain.values import writable


class _Payload(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _User(_Payload):
    id: int
    login: str
    type: str = "User"

    @property
    def actor(self) -> Actor:
        return Actor(id=self.id, login=self.login, is_bot=self.type != "User")


def _ghost(user: object) -> object:
    """GitHub's own stand-in for an account that is no more."""
    return {"id": 0, "login": "ghost"} if user is None else user


_Author = Annotated[_User, BeforeValidator(_ghost)]


class _Repository(_Payload):
    full_name: str
    default_branch: str | None = None


class _Issue(_Payload):
    number: int
    pull_request: dict[str, Any] | None = None


class _Label(_Payload):
    name: str


class _WholeIssue(_Issue):
    id: int
    title: str
    body: str | None
    user: _Author
    state: Literal["open", "closed"]
    labels: tuple[_Label, ...]
    updated_at: datetime


class _Comment(_Payload):
    id: int
    user: _Author
    body: str | None
    created_at: datetime
    updated_at: datetime


class _Pull(_Payload):
    number: int


class _CheckRun(_Payload):
    pull_requests: tuple[_Pull, ...] = ()


class _Review(_Payload):
    id: int
    user: _Author
    body: str | None
    state: str
    commit_id: str | None
    submitted_at: datetime | None


class _Delivery(_Payload):
    action: str = ""
    repository: _Repository
    sender: _User

    @property
    def repo(self) -> RepoRef:
        return RepoRef.parse(self.repository.full_name)


class _Issues(_Delivery):
    issue: _Issue
    label: _Label | None = None


class _IssueComment(_Delivery):
    issue: _Issue
    comment: _Comment


class _PullRequest(_Delivery):
    pull_request: _Pull


class _CheckRunDelivery(_Delivery):
    check_run: _CheckRun


class _PullRequestReview(_Delivery):
    pull_request: _Pull
    review: _Review


Parsed = tuple[Event, ...] | Ignored


def thread_of(payload: dict[str, Any]) -> str:
    """The issue or pull request that a delivery is about; whatever else a repository tells of has one name, too."""
    thread = payload.get("issue") or payload.get("pull_request")
    repository = payload.get("repository")
    name = repository.get("full_name") if isinstance(repository, dict) else None
    number = thread.get("number") if isinstance(thread, dict) else None
    return str(writable(f"{name}#{number}"))


def read_delivery(event_name: str, payload: dict[str, Any], bot_id: int | None) -> Parsed:
    """The events in one webhook payload, or why there are none.

    `bot_id` is our own numeric user id: what we did ourselves comes back and says nothing new. Raises UserError
    for a payload that lacks what GitHub always sends.
    """
    reader = _READERS.get(event_name)
    if reader is None:
        return Ignored(why=f"`{event_name}` is not an event that we act on")
    try:
        sender = _Delivery.model_validate(payload).sender
        if bot_id is not None and sender.id == bot_id:
            return Ignored(why="our own doing")
        return reader(payload)
    except (ValidationError, ValueError) as error:
        problem = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        where = ".".join(str(part) for part in problem["loc"]) or "the payload"
        raise UserError(f"`{event_name}` delivery not understood: {where}: {problem['msg']}") from None


def shown_issue(payload: dict[str, Any]) -> ShownIssue | None:
    """The issue as a delivery of `issues` showed it; None when it does not show all that a run starts from."""
    try:
        repo = _Delivery.model_validate(payload).repo
        found = _WholeIssue.model_validate(payload.get("issue"))
    except ValueError:
        return None
    issue = Issue(
        repo=repo,
        number=found.number,
        id=found.id,
        title=found.title,
        body=found.body or "",
        state=found.state,
        labels=tuple(label.name for label in found.labels),
        author=found.user.actor,
        is_pull_request=found.pull_request is not None,
    )
    return ShownIssue(issue=issue, at=found.updated_at)


def commands_in_comment(issue: IssueRef, comment: Comment, *, edited: bool) -> tuple[CommandGiven, ...]:
    """The commands that a comment gives. Also used by the reconciler, so that both ways read alike."""
    return _commands(issue, "comment", comment.id, comment.author, comment.body, comment.created_at, edited=edited)


def events_of_review(pull: IssueRef, review: Review, *, edited: bool) -> tuple[Event, ...]:
    """What a review says: its verdict, and the commands in its body (its own verdict is not counted twice, and a
    dismissed one not at all). `edited` when the body may be another than the one that was submitted."""
    said = _commands(pull, "review", review.id, review.author, review.body, review.submitted_at, edited=edited)
    if review.state != "COMMENTED":
        said = tuple(c for c in said if c.verb not in ("approve", "reject"))
    if review.state in ("APPROVED", "CHANGES_REQUESTED"):
        return (ReviewSubmitted(pull=pull, review=review), *said)
    return said


def _commands(
    issue: IssueRef,
    source: Literal["comment", "review"],
    source_id: int,
    by: Actor,
    body: str,
    at: datetime,
    *,
    edited: bool,
) -> tuple[CommandGiven, ...]:
    # A short form that is none of ours belongs to another bot.
    return tuple(
        CommandGiven(
            issue=issue,
            source=source,
            source_id=source_id,
            line=found.line,
            verb=found.verb,
            argument=found.argument,
            text=found.text,
            by=by,
            at=at,
            edited=edited,
            explicit=found.explicit,
        )
        for found in find_commands(body)
        if found.explicit or find(found.verb) is not None
    )


def _issues(payload: dict[str, Any]) -> Parsed:
    delivery = _Issues.model_validate(payload)
    if delivery.action != "labeled" or delivery.label is None:
        return Ignored(why=f"`issues.{delivery.action}` starts nothing (labels arrive as `labeled`)")
    if delivery.issue.pull_request is not None:
        return Ignored(why="a label on a pull request starts nothing")
    issue = IssueRef(repo=delivery.repo, number=delivery.issue.number)
    branch = delivery.repository.default_branch
    return (IssueLabelled(issue=issue, label=delivery.label.name, default_branch=branch),)


def _issue_comment(payload: dict[str, Any]) -> Parsed:
    delivery = _IssueComment.model_validate(payload)
    if delivery.action not in ("created", "edited"):
        return Ignored(why=f"`issue_comment.{delivery.action}` gives no command")
    issue = IssueRef(repo=delivery.repo, number=delivery.issue.number)
    comment = Comment(
        id=delivery.comment.id,
        issue_number=issue.number,
        author=delivery.comment.user.actor,
        body=delivery.comment.body or "",
        created_at=delivery.comment.created_at,
        updated_at=delivery.comment.updated_at,
    )
    commands = commands_in_comment(issue, comment, edited=delivery.action == "edited")
    return commands or Ignored(why="the comment gives no command")


def _pull_request(payload: dict[str, Any]) -> Parsed:
    delivery = _PullRequest.model_validate(payload)
    if delivery.action not in ("synchronize", "closed"):
        return Ignored(why=f"`pull_request.{delivery.action}` changes neither head nor state")
    pull = IssueRef(repo=delivery.repo, number=delivery.pull_request.number)
    return (PullRequestChanged(pull=pull, by=delivery.sender.actor),)


def _pull_request_review(payload: dict[str, Any]) -> Parsed:
    delivery = _PullRequestReview.model_validate(payload)
    if delivery.action == "dismissed":
        ref = IssueRef(repo=delivery.repo, number=delivery.pull_request.number)
        return (ReviewWasDismissed(pull=ref, review_id=delivery.review.id, by=delivery.sender.actor),)
    if delivery.action != "submitted":
        return Ignored(why=f"`pull_request_review.{delivery.action}` decides nothing")
    pull = IssueRef(repo=delivery.repo, number=delivery.pull_request.number)
    review = Review.model_validate(
        {
            "id": delivery.review.id,
            "pull_number": pull.number,
            "author": delivery.review.user.actor,
            "state": delivery.review.state.upper(),
            "body": delivery.review.body or "",
            "commit_id": delivery.review.commit_id or "",
            "submitted_at": delivery.review.submitted_at,
        }
    )
    said = events_of_review(pull, review, edited=False)
    return said or Ignored(why="the review decides nothing and gives no command")


def _check_run(payload: dict[str, Any]) -> Parsed:
    delivery = _CheckRunDelivery.model_validate(payload)
    if delivery.action != "completed":
        return Ignored(why=f"`check_run.{delivery.action}` lets nothing be merged")
    pulls = [IssueRef(repo=delivery.repo, number=pull.number) for pull in delivery.check_run.pull_requests]
    return tuple(PullRequestChanged(pull=pull, only_a_check=True) for pull in pulls) or Ignored(
        why="it belongs to no pull request"
    )


_READERS: dict[str, Callable[[dict[str, Any]], Parsed]] = {
    "issues": _issues,
    "issue_comment": _issue_comment,
    "pull_request": _pull_request,
    "pull_request_review": _pull_request_review,
    "check_run": _check_run,
}
