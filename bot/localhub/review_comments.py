"""What can be done with comments on lines of a diff: write them, with a review or alone, and answer them."""

import time
from dataclasses import dataclass

from bot.localhub.clock import as_made, iso
from bot.localhub.errors import ApiError, not_found, refuse_long
from bot.localhub.git import FileChange
from bot.localhub.hub import Hub
from bot.localhub.hunks import hunk_up_to, line_at, patch_lines
from bot.localhub.records import Actor, Issue, Repo, Review, ReviewComment
from bot.localhub.shapes.pulls import files_of, pull_json
from bot.localhub.shapes.review_comments import review_comment_json
from bot.localhub.threads import again, pull_of
from bot.localhub.webhooks import emit, view_for_webhooks

SIDES = ("LEFT", "RIGHT")


@dataclass(frozen=True)
class LineComment:
    """A comment to be written; `line` None when it is told by `position`, GitHub's older way."""

    path: str
    body: str
    line: int | None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    position: int | None = None


def write(hub: Hub, repo: Repo, issue: Issue, review: Review, wanted: LineComment, by: Actor) -> ReviewComment:
    """Add a comment to a review, unannounced; 422 unless the diff shows its line."""
    if not wanted.body.strip():
        raise ApiError(422, "Unprocessable Entity", ["Body can't be blank"])
    refuse_long("PullRequestReviewComment", wanted.body)
    patch = _file(hub, repo, issue, review.commit_id, wanted.path).patch
    if wanted.line is None:
        lines = patch_lines(patch)
        known = wanted.position is not None and 0 < wanted.position < len(lines)
        line = lines[wanted.position or 0] if known else None
    else:
        line = line_at(patch, wanted.side, wanted.line)
    if patch is None or line is None or line.number is None or wanted.side not in SIDES:
        raise ApiError(422, "Unprocessable Entity", ["Line could not be resolved"])
    number = wanted.line or line.number
    start, start_side = wanted.start_line, wanted.start_side or wanted.side
    if start is not None and (start >= number or line_at(patch, start_side, start) is None):
        raise ApiError(422, "Unprocessable Entity", ["Start line could not be resolved"])
    return _insert(
        hub,
        issue,
        review,
        wanted.body,
        by,
        path=wanted.path,
        side=line.side if wanted.line is None else wanted.side,
        line=number,
        start_side=start_side if start is not None else None,
        start_line=start,
        position=line.position,
        diff_hunk=hunk_up_to(patch, line),
        commit_id=review.commit_id,
        in_reply_to=None,
    )


def answer(hub: Hub, issue: Issue, review: Review, to: ReviewComment, body: str, by: Actor) -> ReviewComment:
    """Add an answer to a thread, unannounced; an answer to an answer belongs to the first comment."""
    if not body.strip():
        raise ApiError(422, "Unprocessable Entity", ["Body can't be blank"])
    refuse_long("PullRequestReviewComment", body)
    return _insert(
        hub,
        issue,
        review,
        body,
        by,
        path=to.path,
        side=to.side,
        line=to.line,
        start_side=to.start_side,
        start_line=to.start_line,
        position=to.position,
        diff_hunk=to.diff_hunk,
        commit_id=to.commit_id,
        in_reply_to=to.in_reply_to or to.id,
    )


def _insert(hub: Hub, issue: Issue, review: Review, body: str, by: Actor, **where: object) -> ReviewComment:
    comment_id = hub.store.new_id()
    hub.store.insert(
        "review_comments",
        id=comment_id,
        repo_id=issue.repo_id,
        issue_id=issue.id,
        review_id=review.id,
        author_id=by.user.id,
        body=body,
        **as_made(),
        born=time.time(),
        **where,
    )
    return find_comment(hub, issue.repo_id, comment_id)


def _file(hub: Hub, repo: Repo, issue: Issue, commit: str, path: str) -> FileChange:
    """A file of the pull request's diff as it is at a commit."""
    pull = pull_of(hub, issue)
    found = next((file for file in files_of(hub, repo, pull, commit) if file.path == path), None)
    if found is None:
        raise ApiError(422, "Unprocessable Entity", ["Path could not be resolved"])
    return found


def find_comment(hub: Hub, repo_id: int, comment_id: int) -> ReviewComment:
    """A comment by id; 404 when the repository has none of that id."""
    sql = "SELECT * FROM review_comments WHERE id = ? AND repo_id = ?"
    found = hub.store.one(ReviewComment, sql, comment_id, repo_id)
    if found is None:
        raise not_found()
    return found


def comments_of(hub: Hub, review: Review) -> list[ReviewComment]:
    """The comments that a review brought, oldest first."""
    return hub.store.all(ReviewComment, "SELECT * FROM review_comments WHERE review_id = ? ORDER BY id", review.id)


def comments_on(hub: Hub, issue: Issue, until: float = float("inf"), reader: int | None = None) -> list[ReviewComment]:
    """All comments on a pull request's lines that are published, or the reader's own, oldest first."""
    return hub.store.all(
        ReviewComment,
        "SELECT c.* FROM review_comments c JOIN reviews r ON r.id = c.review_id"
        " WHERE c.issue_id = ? AND c.born <= ? AND (r.state <> 'PENDING' OR r.author_id = ?) ORDER BY c.id",
        issue.id,
        until,
        reader,
    )


def edit(hub: Hub, repo: Repo, issue: Issue, old: ReviewComment, body: str, by: Actor) -> ReviewComment:
    """Change what a comment says: `pull_request_review_comment.edited`."""
    if not body.strip():
        raise ApiError(422, "Unprocessable Entity", ["Body can't be blank"])
    refuse_long("PullRequestReviewComment", body)
    hub.store.update("review_comments", old.id, body=body, updated_at=iso())
    said = find_comment(hub, repo.id, old.id)
    announce(hub, repo, issue, said, by, before=old.body)
    return said


def announce(hub: Hub, repo: Repo, issue: Issue, comment: ReviewComment, by: Actor, before: str | None = None) -> None:
    """Send `pull_request_review_comment.created`, or `edited` when there was something `before`."""
    if not hub.installations_on(repo):
        return
    view, fresh = view_for_webhooks(hub), again(hub, issue)
    content = {
        "comment": review_comment_json(view, repo, fresh, comment),
        "pull_request": pull_json(view, repo, fresh, pull_of(hub, fresh)),
    }
    if before is not None:
        content["changes"] = {"body": {"from": before}}
    emit(hub, repo, "pull_request_review_comment", "created" if before is None else "edited", by.user, content)
