"""REST: comments on lines of a pull request's diff."""

from typing import Any

from bot.localhub import review_comments, reviews
from bot.localhub.api import Call, Routes
from bot.localhub.errors import ApiError, not_found
from bot.localhub.people import Role
from bot.localhub.records import Issue, Repo, Review, ReviewComment
from bot.localhub.rest.parameters import optional_number, optional_text, text
from bot.localhub.rest.pulls import PULL, RESOURCE, own_or
from bot.localhub.review_comments import LineComment
from bot.localhub.shapes.review_comments import legacy_review_comment_json, review_comment_json
from bot.localhub.threads import find_pull

routes = Routes()
COMMENT = "/repos/{owner}/{repo}/pulls/comments/{comment_id:int}"
KIND = "PullRequestReviewComment"


def line_comments(value: Any) -> list[LineComment]:
    """The `comments` of a review that is being written."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ApiError(422, "Invalid request.\n\nFor 'properties/comments', this is not an array of objects.")
    return [line_comment(item) for item in value]


def line_comment(item: dict[str, Any]) -> LineComment:
    """One comment on a line, as a request describes it."""
    return LineComment(
        path=text(item, "path", KIND),
        body=text(item, "body", KIND),
        line=optional_number(item, "line"),
        side=optional_text(item, "side") or "RIGHT",
        start_line=optional_number(item, "start_line"),
        start_side=optional_text(item, "start_side"),
        position=optional_number(item, "position"),
    )


def _reader(call: Call) -> int | None:
    return call.caller.user.id if call.caller.user else None


@routes.get(f"{PULL}/comments")
def list_review_comments(call: Call) -> object:
    """GitHub's `pulls/list-review-comments`."""
    repo = call.repo(resource=RESOURCE)
    issue, _ = find_pull(call.hub, repo, call.number)
    found = review_comments.comments_on(call.hub, issue, call.until())
    if call.query.get("direction") == "desc":
        found.reverse()
    return call.page(found, lambda comment: review_comment_json(call.view, repo, issue, comment))


@routes.get("/repos/{owner}/{repo}/pulls/comments")
def list_all_review_comments(call: Call) -> object:
    """GitHub's `pulls/list-review-comments-for-repo`."""
    repo = call.repo(resource=RESOURCE)
    pulls = call.hub.store.all(Issue, "SELECT * FROM issues WHERE repo_id = ? AND is_pull ORDER BY id", repo.id)
    everything = [
        (issue, comment) for issue in pulls for comment in review_comments.comments_on(call.hub, issue, call.until())
    ]
    everything.sort(key=lambda both: both[1].id, reverse=call.query.get("direction") == "desc")
    return call.page(everything, lambda both: review_comment_json(call.view, repo, *both))


@routes.add("POST", f"{PULL}/comments", 201)
def create_review_comment(call: Call) -> object:
    """GitHub's `pulls/create-review-comment`."""
    repo, body, by = call.repo(Role.READ, RESOURCE, "write"), call.body(), call.actor
    issue, pull = find_pull(call.hub, repo, call.number)
    said = text(body, "body", KIND)
    to = optional_number(body, "in_reply_to")
    if to is not None:
        return _answer(call, repo, issue, to, said, pull.head_sha)
    commit, wanted = text(body, "commit_id", KIND), line_comment(body)
    made = reviews.comment_on_line(call.hub, repo, issue, commit, wanted, said, by)
    return review_comment_json(call.view, repo, issue, made)


@routes.add("POST", f"{PULL}/comments/{{comment_id:int}}/replies", 201)
def create_reply(call: Call) -> object:
    """GitHub's `pulls/create-reply-for-review-comment`."""
    repo, body = call.repo(Role.READ, RESOURCE, "write"), call.body()
    issue, pull = find_pull(call.hub, repo, call.number)
    return _answer(call, repo, issue, int(call.parameters["comment_id"]), text(body, "body", KIND), pull.head_sha)


def _answer(call: Call, repo: Repo, issue: Issue, to: int, said: str, head: str) -> object:
    first = review_comments.find_comment(call.hub, repo.id, to)
    if first.issue_id != issue.id:
        raise not_found()
    made = reviews.comment_on_line(call.hub, repo, issue, head, first, said, call.actor)
    return review_comment_json(call.view, repo, issue, made)


def _find(call: Call, repo: Repo) -> tuple[Issue, ReviewComment]:
    """The comment in the path; one in somebody else's pending review does not exist."""
    comment = review_comments.find_comment(call.hub, repo.id, int(call.parameters["comment_id"]))
    issue = call.hub.store.one(Issue, "SELECT * FROM issues WHERE id = ?", comment.issue_id)
    assert issue is not None
    visible = review_comments.comments_on(call.hub, issue, reader=_reader(call))
    if comment.id not in {each.id for each in visible}:
        raise not_found()
    return issue, comment


@routes.get(COMMENT)
def get_review_comment(call: Call) -> object:
    """GitHub's `pulls/get-review-comment`."""
    repo = call.repo(resource=RESOURCE)
    issue, comment = _find(call, repo)
    return review_comment_json(call.view, repo, issue, comment)


@routes.add("PATCH", COMMENT)
def edit_review_comment(call: Call) -> object:
    """GitHub's `pulls/update-review-comment`."""
    repo, by = call.repo(Role.READ, RESOURCE, "write"), call.actor
    issue, comment = _find(call, repo)
    own_or(call, repo, comment.author_id, Role.WRITE)
    edited = review_comments.edit(call.hub, repo, issue, comment, text(call.body(), "body", KIND), by)
    return review_comment_json(call.view, repo, issue, edited)


@routes.get(f"{PULL}/reviews/{{review_id:int}}/comments")
def list_comments_of_review(call: Call) -> object:
    """GitHub's `pulls/list-comments-for-review`."""
    repo = call.repo(resource=RESOURCE)
    issue, _ = find_pull(call.hub, repo, call.number)
    review = reviews.find_review(call.hub, issue, int(call.parameters["review_id"]))
    if review is None or not _may_read(call, review):
        raise not_found()
    found = [comment for comment in review_comments.comments_of(call.hub, review) if comment.born <= call.until()]
    return call.page(found, lambda comment: legacy_review_comment_json(call.view, repo, issue, comment))


def _may_read(call: Call, review: Review) -> bool:
    return review.state != "PENDING" or review.author_id == _reader(call)
