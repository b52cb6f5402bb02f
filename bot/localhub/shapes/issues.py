"""JSON of issues, labels, comments, reactions and issue events."""

import json
from typing import Any
from urllib.parse import quote

from bot.localhub.people import association
from bot.localhub.records import Comment, Issue, IssueEvent, Label, Pull, Reaction, Repo, Review
from bot.localhub.shapes.people import optional_app, optional_user, user_json
from bot.localhub.view import View, node_id

Json = dict[str, Any]
CONTENTS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def label_json(view: View, repo: Repo, label: Label) -> Json:
    """A `Label`."""
    return {
        "id": label.id,
        "node_id": node_id("Label", label.id),
        "url": f"{view.repo_api(repo)}/labels/{quote(label.name)}",
        "name": label.name,
        "color": label.color,
        "default": bool(label.is_default),
        "description": label.description,
    }


def labels_of(view: View, issue: Issue, until: float = float("inf")) -> list[Label]:
    """The labels on an issue in the order in which they were put on, up to a moment."""
    return view.hub.store.all(
        Label,
        "SELECT l.* FROM labels l JOIN issue_labels i ON i.label_id = l.id"
        " WHERE i.issue_id = ? AND i.born <= ? ORDER BY i.born, l.id",
        issue.id,
        until,
    )


def reactions_json(view: View, subject: str, subject_id: int, url: str) -> Json:
    """A `Reaction Rollup`."""
    counts = {
        row["content"]: row["n"]
        for row in view.hub.store.rows(
            "SELECT content, count(*) AS n FROM reactions WHERE subject = ? AND subject_id = ? GROUP BY content",
            subject,
            subject_id,
        )
    }
    rollup: Json = {"url": f"{url}/reactions", "total_count": sum(counts.values())}
    return rollup | {content: counts.get(content, 0) for content in CONTENTS}


def issue_json(view: View, repo: Repo, issue: Issue) -> Json:
    """An `Issue`; a pull request shows itself by its `pull_request` links."""
    store = view.hub.store
    author = view.hub.user(issue.author_id)
    url = f"{view.repo_api(repo)}/issues/{issue.number}"
    kind = "PullRequest" if issue.is_pull else "Issue"
    pull = store.one(Pull, "SELECT * FROM pulls WHERE issue_id = ?", issue.id) if issue.is_pull else None
    page = f"{view.repo_page(repo)}/{'pull' if pull else 'issues'}/{issue.number}"
    shape: Json = {
        "url": url,
        "repository_url": view.repo_api(repo),
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": page,
        "id": issue.id,
        "node_id": node_id(kind, pull.id if pull else issue.id),
        "number": issue.number,
        "title": issue.title,
        "user": user_json(view, author),
        "labels": [label_json(view, repo, label) for label in labels_of(view, issue)],
        "state": issue.state,
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": store.value("SELECT count(*) FROM comments WHERE issue_id = ?", issue.id),
        "created_at": issue.created_at,
        "updated_at": issue.updated_at,
        "closed_at": issue.closed_at,
        "author_association": association(view.hub, repo, author),
        "active_lock_reason": None,
        "body": issue.body,
        "closed_by": optional_user(view, issue.closed_by),
        "reactions": reactions_json(view, "issue", issue.id, url),
        "timeline_url": f"{url}/timeline",
        "performed_via_github_app": optional_app(view, issue.via_app),
        "state_reason": issue.state_reason,
    }
    if pull:
        shape["draft"] = bool(pull.draft)
        shape["pull_request"] = {
            "url": f"{view.repo_api(repo)}/pulls/{issue.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": pull.merged_at,
        }
    return shape


def issue_in_webhook(view: View, repo: Repo, issue: Issue) -> Json:
    """An issue as webhooks carry it: they do not say who closed it."""
    shape = issue_json(view, repo, issue)
    del shape["closed_by"]
    return shape


def comment_json(view: View, repo: Repo, issue: Issue, comment: Comment) -> Json:
    """An `Issue Comment`."""
    author = view.hub.user(comment.author_id)
    url = f"{view.repo_api(repo)}/issues/comments/{comment.id}"
    place = f"{'pull' if issue.is_pull else 'issues'}/{issue.number}#issuecomment-{comment.id}"
    return {
        "url": url,
        "html_url": f"{view.repo_page(repo)}/{place}",
        "issue_url": f"{view.repo_api(repo)}/issues/{issue.number}",
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "user": user_json(view, author),
        "created_at": comment.created_at,
        "updated_at": comment.updated_at,
        "author_association": association(view.hub, repo, author),
        "body": comment.body,
        "reactions": reactions_json(view, "comment", comment.id, url),
        "performed_via_github_app": optional_app(view, comment.via_app),
    }


def reaction_json(view: View, reaction: Reaction) -> Json:
    """A `Reaction`."""
    return {
        "id": reaction.id,
        "node_id": node_id("Reaction", reaction.id),
        "user": optional_user(view, reaction.user_id),
        "content": reaction.content,
        "created_at": reaction.created_at,
    }


def event_json(view: View, repo: Repo, event: IssueEvent) -> Json:
    """An `Issue Event`."""
    api = view.repo_api(repo)
    shape: Json = {
        "id": event.id,
        "node_id": node_id("IssueEvent", event.id),
        "url": f"{api}/issues/events/{event.id}",
        "actor": optional_user(view, event.actor_id),
        "event": event.event,
        "commit_id": event.commit_id,
        "commit_url": f"{api}/commits/{event.commit_id}" if event.commit_id else None,
        "created_at": event.created_at,
        "performed_via_github_app": optional_app(view, event.via_app),
    }
    detail: Json = json.loads(event.detail)
    for field in ("requested_reviewer", "review_requester"):
        if field in detail:
            detail[field] = optional_user(view, detail[field])
    return shape | detail


def commented_json(view: View, repo: Repo, issue: Issue, comment: Comment) -> Json:
    """A comment as the timeline shows it."""
    shape = comment_json(view, repo, issue, comment)
    return shape | {"event": "commented", "actor": shape["user"]}


def reviewed_json(view: View, review: Json, record: Review) -> Json:
    """A review as the timeline shows it."""
    return review | {"event": "reviewed", "state": record.state.lower()}
