"""What can be done with reviews: submit, dismiss."""

import time

from bot.localhub.clock import iso
from bot.localhub.errors import ApiError, refuse_long
from bot.localhub.hub import Hub
from bot.localhub.issue_events import note, touch
from bot.localhub.records import Actor, Issue, Repo, Review
from bot.localhub.shapes.pulls import pull_json, review_json
from bot.localhub.threads import again, pull_of
from bot.localhub.webhooks import emit, view_for_webhooks

STATES = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


def review(hub: Hub, repo: Repo, issue: Issue, event: str | None, body: str, commit: str | None, by: Actor) -> Review:
    """Review a pull request at `commit` (None: its head); without an event it stays pending, seen by its author
    alone. 422 for one's own approval."""
    _check(issue, event, body, by)
    pull = pull_of(hub, issue)
    if commit is not None and hub.git(repo).commit_id(commit) != commit:
        raise ApiError(422, "Unprocessable Entity", ["The given commit_id is not part of the pull request"])
    review_id = hub.store.new_id()
    hub.store.insert(
        "reviews",
        id=review_id,
        issue_id=issue.id,
        author_id=by.user.id,
        state="PENDING",
        body=body,
        commit_id=commit or pull.head_sha,
        born=time.time(),
    )
    written = find_review(hub, issue, review_id)
    assert written is not None
    return submit(hub, repo, issue, written, event, body, by) if event is not None else written


def submit(hub: Hub, repo: Repo, issue: Issue, pending: Review, event: str, body: str, by: Actor) -> Review:
    """Publish a pending review: `pull_request_review.submitted`."""
    _check(issue, event, body, by)
    hub.store.update("reviews", pending.id, state=STATES[event], body=body, submitted_at=iso(), born=time.time())
    hub.store.run("DELETE FROM review_requests WHERE issue_id = ? AND user_id = ?", issue.id, by.user.id)
    touch(hub, issue)
    return _announce(hub, repo, issue, pending.id, "submitted", by)


def dismiss(hub: Hub, repo: Repo, issue: Issue, given: Review, message: str, by: Actor) -> Review:
    """Take an approval or a request for changes out of force: `pull_request_review.dismissed`."""
    if given.state not in ("APPROVED", "CHANGES_REQUESTED"):
        raise ApiError(422, "Can not dismiss a commented pull request review")
    hub.store.update("reviews", given.id, state="DISMISSED")
    touch(hub, issue)
    dismissed = {"state": given.state.lower(), "review_id": given.id, "dismissal_message": message}
    note(hub, issue, "review_dismissed", by, {"dismissed_review": dismissed})
    return _announce(hub, repo, issue, given.id, "dismissed", by)


def find_review(hub: Hub, issue: Issue, review_id: int) -> Review | None:
    """A pull request's review by id."""
    return hub.store.one(Review, "SELECT * FROM reviews WHERE id = ? AND issue_id = ?", review_id, issue.id)


def _check(issue: Issue, event: str | None, body: str, by: Actor) -> None:
    if event is not None and event not in STATES:
        raise ApiError(422, "Unprocessable Entity", ["Event is not included in the list"])
    if event in ("REQUEST_CHANGES", "COMMENT") and not body.strip():
        raise ApiError(422, "Unprocessable Entity", ["Review body can't be blank"])
    if issue.author_id == by.user.id and event in ("APPROVE", "REQUEST_CHANGES"):
        what = "approve" if event == "APPROVE" else "request changes on"
        raise ApiError(422, "Unprocessable Entity", [f"Can not {what} your own pull request"])
    refuse_long("PullRequestReview", body)


def _announce(hub: Hub, repo: Repo, issue: Issue, review_id: int, action: str, by: Actor) -> Review:
    current = find_review(hub, issue, review_id)
    assert current is not None
    if hub.installations_on(repo):
        view, fresh = view_for_webhooks(hub), again(hub, issue)
        # Webhooks write the state in small letters and an empty body as null, the REST API does neither.
        shown = review_json(view, repo, fresh, current)
        shown |= {"state": current.state.lower(), "body": current.body or None}
        content = {"review": shown, "pull_request": pull_json(view, repo, fresh, pull_of(hub, fresh))}
        emit(hub, repo, "pull_request_review", action, by.user, content)
    return current
