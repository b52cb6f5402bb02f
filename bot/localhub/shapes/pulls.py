"""JSON of pull requests and reviews."""

from typing import Any

from bot.localhub.diffs import changed_files
from bot.localhub.git import FileChange
from bot.localhub.hub import Hub
from bot.localhub.mergeability import mergeability
from bot.localhub.people import association
from bot.localhub.records import Issue, Pull, Repo, Review, User
from bot.localhub.shapes.issues import label_json, labels_of
from bot.localhub.shapes.people import optional_user, user_json
from bot.localhub.shapes.repos import repo_json, small_repo_json
from bot.localhub.view import View, node_id

Json = dict[str, Any]


def files_of(hub: Hub, repo: Repo, pull: Pull, at: str | None = None) -> list[FileChange]:
    """What a pull request changes: its head (or the commit `at`) against the place where it left its base."""
    head = at or pull.head_sha

    def find() -> list[FileChange]:
        git = hub.git(repo)
        start = git.merge_base(pull.base_sha, head) or pull.base_sha
        return changed_files(git, start, head)

    return hub.remember(("files", repo.id, pull.base_sha, head), find)


def commit_count(hub: Hub, repo: Repo, pull: Pull) -> int:
    """How many commits a pull request brings."""
    key = ("commits", repo.id, pull.base_sha, pull.head_sha)
    return hub.remember(key, lambda: hub.git(repo).count(pull.base_sha, pull.head_sha))


def _end(view: View, repo: Repo, owner: Json, ref: str, sha: str) -> Json:
    return {
        "label": f"{repo.owner}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": owner,
        "repo": repo_json(view, repo),
    }


def pull_json(view: View, repo: Repo, issue: Issue, pull: Pull) -> Json:
    """A `Pull Request Simple`: as lists show it, without what must be computed."""
    api, page = view.repo_api(repo), f"{view.repo_page(repo)}/pull/{issue.number}"
    url, as_issue = f"{api}/pulls/{issue.number}", f"{api}/issues/{issue.number}"
    author, owner = view.hub.user(issue.author_id), user_json(view, view.hub.user(repo.owner_id))
    links = {
        "self": url,
        "html": page,
        "issue": as_issue,
        "comments": f"{as_issue}/comments",
        "review_comments": f"{url}/comments",
        "review_comment": f"{api}/pulls/comments{{/number}}",
        "commits": f"{url}/commits",
        "statuses": f"{api}/statuses/{pull.head_sha}",
    }
    return {
        "url": url,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": as_issue,
        "number": issue.number,
        "state": issue.state,
        "locked": False,
        "title": issue.title,
        "user": user_json(view, author),
        "body": issue.body,
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": issue.closed_at,
        "merged_at": pull.merged_at,
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [user_json(view, user) for user in requested_reviewers(view.hub, issue)],
        "requested_teams": [],
        "labels": [label_json(view, repo, label) for label in labels_of(view, issue)],
        "milestone": None,
        "draft": bool(pull.draft),
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "head": _end(view, repo, owner, pull.head_ref, pull.head_sha),
        "base": _end(view, repo, owner, pull.base_ref, pull.base_sha),
        "_links": {name: {"href": href} for name, href in links.items()},
        "author_association": association(view.hub, repo, author),
        "auto_merge": None,
        "active_lock_reason": None,
    }


def full_pull_json(view: View, repo: Repo, issue: Issue, pull: Pull) -> Json:
    """A `Pull Request`, with its merge state and its size."""
    hub = view.hub
    files = files_of(hub, repo, pull)
    mergeable, state = mergeability(hub, repo, issue, pull)
    return pull_json(view, repo, issue, pull) | {
        "merged": pull.merged_at is not None,
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": state,
        "merged_by": optional_user(view, pull.merged_by),
        "comments": hub.store.value("SELECT count(*) FROM comments WHERE issue_id = ?", issue.id),
        "review_comments": hub.store.value(
            "SELECT count(*) FROM review_comments c JOIN reviews r ON r.id = c.review_id"
            " WHERE c.issue_id = ? AND r.state <> 'PENDING'",
            issue.id,
        ),
        "maintainer_can_modify": False,
        "commits": commit_count(hub, repo, pull),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "changed_files": len(files),
    }


def small_pull_json(view: View, repo: Repo, issue: Issue, pull: Pull) -> Json:
    """A `Pull Request Minimal`, as check runs name the pull requests they are about."""
    return {
        "id": pull.id,
        "number": issue.number,
        "url": f"{view.repo_api(repo)}/pulls/{issue.number}",
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": small_repo_json(view, repo)},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": small_repo_json(view, repo)},
    }


def requested_reviewers(hub: Hub, issue: Issue) -> list[User]:
    """The people whose review is awaited."""
    return hub.store.all(
        User,
        "SELECT u.* FROM users u JOIN review_requests r ON r.user_id = u.id WHERE r.issue_id = ? ORDER BY u.id",
        issue.id,
    )


def review_json(view: View, repo: Repo, issue: Issue, review: Review) -> Json:
    """A `Pull Request Review`."""
    author = view.hub.user(review.author_id)
    page = f"{view.repo_page(repo)}/pull/{issue.number}#pullrequestreview-{review.id}"
    pull_url = f"{view.repo_api(repo)}/pulls/{issue.number}"
    shape: Json = {
        "id": review.id,
        "node_id": node_id("PullRequestReview", review.id),
        "user": user_json(view, author),
        "body": review.body,
        "state": review.state,
        "html_url": page,
        "pull_request_url": pull_url,
        "author_association": association(view.hub, repo, author),
        "_links": {"html": {"href": page}, "pull_request": {"href": pull_url}},
        "commit_id": review.commit_id,
    }
    if review.submitted_at is not None:
        shape["submitted_at"] = review.submitted_at
    return shape
