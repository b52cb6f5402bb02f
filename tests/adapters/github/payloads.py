"""Answers as GitHub gives them: the fields that its description requires and the bot or PyGithub reads."""

from typing import Any

Payload = dict[str, Any]

API = "http://127.0.0.1:9/api/v3"
REPO = f"{API}/repos/acme/tally"
SHA = "a" * 40
OTHER_SHA = "b" * 40
NOON = "2026-11-20T12:00:00Z"


def user(login: str = "maya", id: int = 7, kind: str = "User") -> Payload:
    return {"login": login, "id": id, "node_id": f"U_{id}", "type": kind, "url": f"{API}/users/{login}"}


BOT = user("issuewright[bot]", 99, "Bot")


def issue(number: int = 3, **changes: Any) -> Payload:
    """An issue; a real one has no `pull_request` at all."""
    return {
        "id": 1000 + number,
        "node_id": f"I_{number}",
        "url": f"{REPO}/issues/{number}",
        "html_url": f"http://127.0.0.1:9/acme/tally/issues/{number}",
        "number": number,
        "title": "Add /health",
        "body": "It should answer 200.",
        "state": "open",
        "labels": [{"id": 1, "name": "spec", "color": "ededed", "url": f"{REPO}/labels/spec"}],
        "user": user(),
        "created_at": NOON,
        "updated_at": NOON,
    } | changes


def comment(id: int = 50, body: str = "Hello", author: Payload | None = None, **changes: Any) -> Payload:
    return {
        "id": id,
        "node_id": f"IC_{id}",
        "url": f"{REPO}/issues/comments/{id}",
        "html_url": f"http://127.0.0.1:9/acme/tally/issues/3#issuecomment-{id}",
        "issue_url": f"{REPO}/issues/3",
        "user": author or user(),
        "body": body,
        "created_at": NOON,
        "updated_at": NOON,
    } | changes


def event(id: int, kind: str = "labeled", label: str | None = "spec", actor: Payload | None = None) -> Payload:
    found: Payload = {
        "id": id,
        "node_id": f"LE_{id}",
        "url": f"{REPO}/issues/events/{id}",
        "actor": actor or user(),
        "event": kind,
        "commit_id": None,
        "commit_url": None,
        "created_at": NOON,
    }
    return found if label is None else found | {"label": {"name": label, "color": "ededed"}}


def pull(number: int = 4, head: str = "issuewright/3-add-health", **changes: Any) -> Payload:
    """A pull request as lists show it: without `merged`, `mergeable` and the counts."""
    repo = {"id": 1, "name": "tally", "full_name": "acme/tally", "url": REPO, "owner": user("acme", 1)}
    return {
        "id": 2000 + number,
        "node_id": f"PR_{number}",
        "url": f"{REPO}/pulls/{number}",
        "html_url": f"http://127.0.0.1:9/acme/tally/pull/{number}",
        "issue_url": f"{REPO}/issues/{number}",
        "number": number,
        "title": "Add /health",
        "body": None,
        "state": "open",
        "draft": True,
        "user": BOT,
        "head": {"label": f"acme:{head}", "ref": head, "sha": SHA, "user": user("acme", 1), "repo": repo},
        "base": {"label": "acme:main", "ref": "main", "sha": OTHER_SHA, "user": user("acme", 1), "repo": repo},
        "merge_commit_sha": "c" * 40,
        "merged_at": None,
        "created_at": NOON,
        "updated_at": NOON,
    } | changes


def review(id: object = 80, state: str = "APPROVED", **changes: Any) -> Payload:
    return {
        "id": id,
        "node_id": f"PRR_{id}",
        "user": user(),
        "body": "",
        "state": state,
        "html_url": f"http://127.0.0.1:9/acme/tally/pull/4#pullrequestreview-{id}",
        "pull_request_url": f"{REPO}/pulls/4",
        "commit_id": SHA,
        "submitted_at": NOON,
    } | changes


def check_run(id: int = 70, external_id: str = "acme--tally--3") -> Payload:
    return {
        "id": id,
        "node_id": f"CR_{id}",
        "url": f"{REPO}/check-runs/{id}",
        "name": "issuewright",
        "head_sha": SHA,
        "external_id": external_id,
        "status": "in_progress",
        "conclusion": None,
        "started_at": NOON,
        "completed_at": None,
        "output": {"title": "Building", "summary": "", "text": None, "annotations_count": 0},
        "pull_requests": [],
        "app": {"id": 1001, "slug": "issuewright"},
    }


def installation(id: int = 5, **changes: Any) -> Payload:
    return {
        "id": id,
        "html_url": f"http://127.0.0.1:9/settings/installations/{id}",
        "app_id": 1001,
        "app_slug": "issuewright",
        "account": user("acme", 1),
        "permissions": {},
    } | changes


def token(value: str = "ghs_1001_secret", expires_at: str = "2099-01-01T00:00:00Z", **changes: Any) -> Payload:
    return {"token": value, "expires_at": expires_at, "permissions": {}, "repository_selection": "all"} | changes
