"""What can be done with reviews: write, with comments on lines, submit, dismiss."""

import time
from collections.abc import Sequence
from dataclasses import replace

from bot.localhub import review_comments
from bot.localhub.clock import iso
from bot.localhub.errors import ApiError, refuse_long
from bot.localhub.hub import Hub
from bot.localhub.issue_events import note, touch
from bot.localhub.protection import protection_of, standing_reviews
from bot.localhub.records import Actor, Issue, Repo, Review, ReviewComment
from bot.localhub.review_comments import LineComment
from bot.localhub.shapes.pulls import pull_json, review_json
from bot.localhub.threads import again, pull_of
from bot.localhub.webhooks import emit, view_for_webhooks

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def review(
    hub: Hub,
    repo: Repo,
    issue: Issue,
    event: str | None,
    body: str,
    commit: str | None,
    by: Actor,
    comments: Sequence[LineComment] = (),
) -> Review:
    """Review a pull request at `commit` (None: its head); without an event it stays pending, seen by its author
    alone. 422 for one's own approval, a second pending review, and lines that the diff does not show."""
    _check(issue, event, body, bool(comments), by)
    pull = pull_of(hub, issue)
    if commit is not None and hub.git(repo).commit_id(commit) != commit:
        raise ApiError(422, "Unprocessable Entity", ["The given commit_id is not part of the pull request"])
    if pending_review(hub, issue, by) is not None:
        raise ApiError(422, "Unprocessable Entity", ["User can only have one pending review per pull request"])
    written = _new(hub, issue, body, commit or pull.head_sha, by)
    for wanted in comments:
        review_comments.write(hub, repo, issue, written, wanted, by)
    return submit(hub, repo, issue, written, event, body, by) if event is not None else written


def _new(hub: Hub, issue: Issue, body: str, commit: str, by: Actor) -> Review:
    review_id = hub.store.new_id()
    hub.store.insert(
        "reviews",
        id=review_id,
        issue_id=issue.id,
        author_id=by.user.id,
        state="PENDING",
        body=body,
        commit_id=commit,
        born=time.time(),
    )
    written = find_review(hub, issue, review_id)
    assert written is not None
    return written


def pending_review(hub: Hub, issue: Issue, by: Actor) -> Review | None:
    """The review that somebody has begun and not submitted."""
    sql = "SELECT * FROM reviews WHERE issue_id = ? AND author_id = ? AND state = 'PENDING'"
    return hub.store.one(Review, sql, issue.id, by.user.id)


def add_to_pending(hub: Hub, repo: Repo, issue: Issue, wanted: LineComment, by: Actor) -> ReviewComment:
    """Comment on a line in one's pending review, begun now if there is none; nobody hears of it yet."""
    begun = pending_review(hub, issue, by) or _new(hub, issue, "", pull_of(hub, issue).head_sha, by)
    return review_comments.write(hub, repo, issue, begun, wanted, by)


def comment_on_line(
    hub: Hub, repo: Repo, issue: Issue, commit: str, wanted: LineComment | ReviewComment, body: str, by: Actor
) -> ReviewComment:
    """Comment on a line, or answer a comment, at once: a review of its own with nothing but that."""
    if hub.git(repo).commit_id(commit) != commit:
        raise ApiError(422, "Unprocessable Entity", ["The given commit_id is not part of the pull request"])
    written = _new(hub, issue, "", commit, by)
    if isinstance(wanted, LineComment):
        said = review_comments.write(hub, repo, issue, written, wanted, by)
    else:
        said = review_comments.answer(hub, issue, written, wanted, body, by)
    submit(hub, repo, issue, written, "COMMENT", "", by)
    return said


def submit(hub: Hub, repo: Repo, issue: Issue, pending: Review, event: str, body: str, by: Actor) -> Review:
    """Publish a pending review and its comments: `pull_request_review.submitted`, and one
    `pull_request_review_comment.created` a comment."""
    comments = review_comments.comments_of(hub, pending)
    _check(issue, event, body, bool(comments), by)
    hub.store.update("reviews", pending.id, state=STATES[event], body=body, submitted_at=iso(), born=time.time())
    hub.store.run("DELETE FROM review_requests WHERE issue_id = ? AND user_id = ?", issue.id, by.user.id)
    touch(hub, issue)
    submitted = _announce(hub, repo, issue, pending.id, "submitted", by)
    for comment in comments:
        review_comments.announce(hub, repo, issue, comment, by)
    return submitted


def edit(hub: Hub, repo: Repo, issue: Issue, old: Review, body: str, by: Actor) -> Review:
    """Change what a review says, but not its verdict: `pull_request_review.edited`, once it is published."""
    if not body.strip():
        raise ApiError(422, "Unprocessable Entity", ["Review body can't be blank"])
    refuse_long("PullRequestReview", body)
    hub.store.update("reviews", old.id, body=body)
    if old.state == "PENDING":
        return replace(old, body=body)
    touch(hub, issue)
    return _announce(hub, repo, issue, old.id, "edited", by, before=old.body)


def dismiss(hub: Hub, repo: Repo, issue: Issue, given: Review, message: str, by: Actor) -> Review:
    """Take an approval or a request for changes out of force: `pull_request_review.dismissed`."""
    if given.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise ApiError(422, "Can not dismiss a commented pull request review")
    hub.store.update("reviews", given.id, state="DISMISSED")
    touch(hub, issue)
    dismissed = {"state": given.state.lower(), "review_id": given.id, "dismissal_message": message}
    note(hub, issue, "review_dismissed", by, {"dismissed_review": dismissed})
    return _announce(hub, repo, issue, given.id, "dismissed", by)


def dismiss_stale(hub: Hub, repo: Repo, issue: Issue, by: Actor) -> None:
    """After a push: take approvals out of force where the base branch demands it."""
    rules = protection_of(hub, repo, pull_of(hub, issue).base_ref)
    if rules is not None and rules.reviews is not None and rules.reviews.dismiss_stale:
        for given in standing_reviews(hub, issue):
            if given.state == "APPROVED":
                dismiss(hub, repo, issue, given, "", by)


def find_review(hub: Hub, issue: Issue, review_id: int) -> Review | None:
    """A pull request's review by id."""
    return hub.store.one(Review, "SELECT * FROM reviews WHERE id = ? AND issue_id = ?", review_id, issue.id)


def _check(issue: Issue, event: str | None, body: str, has_comments: bool, by: Actor) -> None:
    if event is not None and event not in STATES:
        raise ApiError(422, "Unprocessable Entity", ["Event is not included in the list"])
    if event in ("REQUEST_CHANGES", "COMMENT") and not body.strip() and not has_comments:
        raise ApiError(422, "Unprocessable Entity", ["Review body can't be blank"])
    if issue.author_id == by.user.id and event in ("APPROVE", "REQUEST_CHANGES"):
        what = "approve" if event == "APPROVE" else "request changes on"
        raise ApiError(422, "Unprocessable Entity", [f"Can not {what} your own pull request"])
    refuse_long("PullRequestReview", body)


def _announce(
    hub: Hub, repo: Repo, issue: Issue, review_id: int, action: str, by: Actor, before: str | None = None
) -> Review:
    current = find_review(hub, issue, review_id)
    assert current is not None
    if hub.installations_on(repo):
        view, fresh = view_for_webhooks(hub), again(hub, issue)
        # Webhooks write the state in small letters and an empty body as null, the REST API does neither.
        shown = review_json(view, repo, fresh, current)
        shown |= {"state": current.state.lower(), "body": current.body or None}
        content = {"review": shown, "pull_request": pull_json(view, repo, fresh, pull_of(hub, fresh))}
        if before is not None:
            content["changes"] = {"body": {"from": before}}
        emit(hub, repo, "pull_request_review", action, by.user, content)
    return current
