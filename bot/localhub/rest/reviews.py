"""REST: reviews of pull requests."""

from bot.localhub import reviews
from bot.localhub.api import Call, Routes
from bot.localhub.errors import ApiError, not_found
from bot.localhub.people import Role
from bot.localhub.records import Issue, Repo, Review
from bot.localhub.rest.parameters import optional_text, text
from bot.localhub.rest.pulls import PULL, RESOURCE, own_or
from bot.localhub.rest.review_comments import line_comments
from bot.localhub.shapes.pulls import review_json
from bot.localhub.threads import find_pull

routes = Routes()
REVIEW = f"{PULL}/reviews/{{review_id:int}}"


def _find(call: Call, repo: Repo) -> tuple[Issue, Review]:
    """The review in the path; somebody else's pending one does not exist."""
    issue, _ = find_pull(call.hub, repo, call.number)
    review = reviews.find_review(call.hub, issue, int(call.parameters["review_id"]))
    if review is None or not _visible(call, review):
        raise not_found()
    return issue, review


def _visible(call: Call, review: Review) -> bool:
    own = call.caller.user is not None and review.author_id == call.caller.user.id
    return review.state != "PENDING" or own


@routes.get(f"{PULL}/reviews")
def list_reviews(call: Call) -> object:
    """GitHub's `pulls/list-reviews`."""
    repo = call.repo(resource=RESOURCE)
    issue, _ = find_pull(call.hub, repo, call.number)
    found = call.hub.store.all(
        Review, "SELECT * FROM reviews WHERE issue_id = ? AND born <= ? ORDER BY id", issue.id, call.until()
    )
    seen = [review for review in found if _visible(call, review)]
    return call.page(seen, lambda review: review_json(call.view, repo, issue, review))


@routes.add("POST", f"{PULL}/reviews")
def create_review(call: Call) -> object:
    """GitHub's `pulls/create-review`."""
    repo, body = call.repo(Role.READ, RESOURCE, "write"), call.body()
    issue, _ = find_pull(call.hub, repo, call.number)
    review = reviews.review(
        call.hub,
        repo,
        issue,
        optional_text(body, "event"),
        optional_text(body, "body") or "",
        optional_text(body, "commit_id"),
        call.actor,
        line_comments(body.get("comments") or []),
    )
    return review_json(call.view, repo, issue, review)


@routes.get(REVIEW)
def get_review(call: Call) -> object:
    """GitHub's `pulls/get-review`."""
    repo = call.repo(resource=RESOURCE)
    issue, review = _find(call, repo)
    return review_json(call.view, repo, issue, review)


@routes.add("PUT", REVIEW)
def update_review(call: Call) -> object:
    """GitHub's `pulls/update-review`."""
    repo, by = call.repo(Role.READ, RESOURCE, "write"), call.actor
    issue, review = _find(call, repo)
    own_or(call, repo, review.author_id, Role.WRITE)
    edited = reviews.edit(call.hub, repo, issue, review, text(call.body(), "body", "PullRequestReview"), by)
    return review_json(call.view, repo, issue, edited)


@routes.add("POST", f"{REVIEW}/events")
def submit_review(call: Call) -> object:
    """GitHub's `pulls/submit-review`."""
    repo, body = call.repo(Role.READ, RESOURCE, "write"), call.body()
    issue, review = _find(call, repo)
    if review.state != "PENDING":
        raise ApiError(422, "Unprocessable Entity", ["The review has been submitted already"])
    event = text(body, "event", "PullRequestReview")
    said = optional_text(body, "body") or review.body
    submitted = reviews.submit(call.hub, repo, issue, review, event, said, call.actor)
    return review_json(call.view, repo, issue, submitted)


@routes.add("PUT", f"{REVIEW}/dismissals")
def dismiss_review(call: Call) -> object:
    """GitHub's `pulls/dismiss-review`."""
    repo, body = call.repo(Role.WRITE, RESOURCE, "write"), call.body()
    issue, review = _find(call, repo)
    message = text(body, "message", "PullRequestReview")
    return review_json(call.view, repo, issue, reviews.dismiss(call.hub, repo, issue, review, message, call.actor))
