"""What people do to a pull request on its pages: comment on lines, review, dismiss, merge."""

from starlette.responses import Response

from bot.localhub import merges, reviews
from bot.localhub.errors import ApiError, not_found
from bot.localhub.pages.issues import thread_url
from bot.localhub.pages.pulls import PULL
from bot.localhub.pages.visit import Pages, Visit, go
from bot.localhub.people import Role
from bot.localhub.records import Issue, Pull, Repo
from bot.localhub.review_comments import LineComment, find_comment
from bot.localhub.threads import find_pull

pages = Pages()
_EVENTS = {"approve": "APPROVE", "request_changes": "REQUEST_CHANGES", "comment": "COMMENT"}


def _found(visit: Visit, role: Role = Role.READ) -> tuple[Repo, Issue, Pull]:
    repo = visit.repo(role)
    issue, pull = find_pull(visit.hub, repo, visit.number)
    return repo, issue, pull


@pages.post(PULL + "/line-comments")
def comment_on_line(visit: Visit) -> Response:
    """Comment on a line: at once, or as part of a review that is submitted later."""
    repo, issue, pull = _found(visit)
    by, body = visit.actor, visit.said("body")
    wanted = LineComment(visit.said("path"), body, visit.whole("line"), visit.said("side"))
    if visit.said("how") == "review" or reviews.pending_review(visit.hub, issue, by) is not None:
        _refuse_stale(visit, pull)
        said = reviews.add_to_pending(visit.hub, repo, issue, wanted, by)
    else:
        said = reviews.comment_on_line(visit.hub, repo, issue, visit.said("head") or pull.head_sha, wanted, body, by)
    return go(f"{thread_url(repo, issue)}/files#discussion_r{said.id}")


@pages.post(PULL + "/answers")
def answer(visit: Visit) -> Response:
    """Answer a comment on a line."""
    repo, issue, pull = _found(visit)
    to = find_comment(visit.hub, repo.id, visit.whole("to"))
    if to.issue_id != issue.id:
        raise not_found()
    said = reviews.comment_on_line(visit.hub, repo, issue, pull.head_sha, to, visit.said("body"), visit.actor)
    back = "/files" if visit.said("from") == "files" else ""
    return go(f"{thread_url(repo, issue)}{back}#discussion_r{said.id}")


@pages.post(PULL + "/reviews")
def review(visit: Visit) -> Response:
    """Submit a review: the pending one with its comments, or a new one."""
    repo, issue, pull = _found(visit)
    by, event, body = visit.actor, _EVENTS.get(visit.said("event")), visit.said("body")
    if event is None:
        raise ApiError(422, "Comment, approve or request changes?")
    _refuse_stale(visit, pull)
    pending = reviews.pending_review(visit.hub, issue, by)
    if pending is None:
        submitted = reviews.review(visit.hub, repo, issue, event, body, visit.said("head") or None, by)
    else:
        submitted = reviews.submit(visit.hub, repo, issue, pending, event, body, by)
    return go(f"{thread_url(repo, issue)}#pullrequestreview-{submitted.id}")


def _refuse_stale(visit: Visit, pull: Pull) -> None:
    """An approval is of what its page showed, never of commits that came while it was read."""
    if visit.said("head") not in ("", pull.head_sha):
        raise ApiError(409, "New commits were pushed while you read. Look at them, then decide.")


@pages.post(PULL + "/dismissals")
def dismiss(visit: Visit) -> Response:
    """Take a review out of force, with a reason."""
    repo, issue, _ = _found(visit, Role.WRITE)
    found = reviews.find_review(visit.hub, issue, visit.whole("review"))
    if found is None:
        raise not_found()
    if not visit.said("message").strip():
        raise ApiError(422, "Say why the review no longer counts.")
    reviews.dismiss(visit.hub, repo, issue, found, visit.said("message"), visit.actor)
    return go(thread_url(repo, issue))


@pages.post(PULL + "/merge", moves_refs=True)
def merge(visit: Visit) -> Response:
    """Merge what the page showed."""
    repo, issue, _ = _found(visit, Role.WRITE)
    method, head = visit.said("method") or "merge", visit.said("head") or None
    merges.merge(visit.hub, repo, issue, method, None, None, head, visit.actor)
    return go(thread_url(repo, issue))
