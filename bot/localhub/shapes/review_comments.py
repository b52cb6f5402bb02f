"""JSON of comments on lines of a diff, which follow their line as the pull request changes."""

from typing import Any

from bot.localhub.hub import Hub
from bot.localhub.hunks import follow, line_at
from bot.localhub.people import association
from bot.localhub.records import Issue, Pull, Repo, ReviewComment
from bot.localhub.shapes.issues import reactions_json
from bot.localhub.shapes.people import user_json
from bot.localhub.shapes.pulls import files_of
from bot.localhub.view import View, node_id

Json = dict[str, Any]


def current_line(hub: Hub, repo: Repo, pull: Pull, comment: ReviewComment, number: int) -> tuple[int, int] | None:
    """Where a line that a comment names stands in the diff of today: its number and position. None when it is
    outdated: changed since, or no longer part of the diff."""
    if comment.commit_id != pull.head_sha and comment.side == "RIGHT":
        key = ("since", repo.id, comment.commit_id, pull.head_sha, comment.path)
        since = hub.remember(key, lambda: _change_since(hub, repo, comment, pull.head_sha))
        if since is None:
            return None
        moved = follow(since, number)
        if moved is None:
            return None
        number = moved
    patch = next((file.patch for file in files_of(hub, repo, pull) if file.path == comment.path), None)
    line = line_at(patch, comment.side, number)
    return None if line is None else (number, line.position)


def _change_since(hub: Hub, repo: Repo, comment: ReviewComment, head: str) -> str | None:
    """The patch of the commented file from then to now, empty when nothing changed, None when it is gone."""
    git = hub.git(repo)
    if git.entry(head, comment.path) is None:
        return None
    text = git.text("--literal-pathspecs", "diff", "-U0", comment.commit_id, head, "--", comment.path)
    return text[text.find("\n@@ ") + 1 :] if "\n@@ " in text else ""


def review_comment_json(view: View, repo: Repo, issue: Issue, comment: ReviewComment) -> Json:
    """A `Pull Request Review Comment`."""
    shape = legacy_review_comment_json(view, repo, issue, comment)
    return shape | {"subject_type": "line"}


def legacy_review_comment_json(view: View, repo: Repo, issue: Issue, comment: ReviewComment) -> Json:
    """A `Legacy Review Comment`, as the list of one review has it."""
    hub, api = view.hub, view.repo_api(repo)
    author = hub.user(comment.author_id)
    pull = hub.store.one(Pull, "SELECT * FROM pulls WHERE issue_id = ?", issue.id)
    assert pull is not None
    url, pull_url = f"{api}/pulls/comments/{comment.id}", f"{api}/pulls/{issue.number}"
    page = f"{view.repo_page(repo)}/pull/{issue.number}#discussion_r{comment.id}"
    now = current_line(hub, repo, pull, comment, comment.line)
    start = current_line(hub, repo, pull, comment, comment.start_line) if comment.start_line and now else None
    shape: Json = {
        "url": url,
        "pull_request_review_id": comment.review_id,
        "id": comment.id,
        "node_id": node_id("PullRequestReviewComment", comment.id),
        "diff_hunk": comment.diff_hunk,
        "path": comment.path,
        "commit_id": pull.head_sha if now else comment.commit_id,
        "original_commit_id": comment.commit_id,
        "user": user_json(view, author),
        "body": comment.body,
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "html_url": page,
        "pull_request_url": pull_url,
        "author_association": association(hub, repo, author),
        "_links": {"self": {"href": url}, "html": {"href": page}, "pull_request": {"href": pull_url}},
        "reactions": reactions_json(view, "review comment", comment.id, url),
        "start_line": start[0] if start else None,
        "original_start_line": comment.start_line,
        "start_side": comment.start_side,
        "line": now[0] if now else None,
        "original_line": comment.line,
        "side": comment.side,
        "original_position": comment.position,
        "position": now[1] if now else None,
    }
    if comment.in_reply_to is not None:
        shape["in_reply_to_id"] = comment.in_reply_to
    return shape
