"""JSON of check runs, check suites and commit statuses."""

import json
from typing import Any

from bot.localhub.ci_records import CheckRun, CheckSuite, Status
from bot.localhub.records import Issue, Pull, Repo
from bot.localhub.shapes.commits import commit_json
from bot.localhub.shapes.people import app_json, user_json
from bot.localhub.shapes.pulls import small_pull_json
from bot.localhub.shapes.repos import repo_json, short_branch_json
from bot.localhub.view import View, node_id

Json = dict[str, Any]


def pulls_at(view: View, repo: Repo, sha: str) -> list[Json]:
    """The open pull requests whose head is this commit."""
    store = view.hub.store
    found = []
    for pull in store.all(
        Pull,
        "SELECT p.* FROM pulls p JOIN issues i ON i.id = p.issue_id"
        " WHERE i.repo_id = ? AND p.head_sha = ? AND i.state = 'open' ORDER BY i.number",
        repo.id,
        sha,
    ):
        issue = store.one(Issue, "SELECT * FROM issues WHERE id = ?", pull.issue_id)
        assert issue is not None
        found.append(small_pull_json(view, repo, issue, pull))
    return found


def check_run_json(view: View, repo: Repo, run: CheckRun) -> Json:
    """A `CheckRun`."""
    url = f"{view.repo_api(repo)}/check-runs/{run.id}"
    page = f"{view.repo_page(repo)}/runs/{run.id}"
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("CheckRun", run.id),
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": page,
        "details_url": run.details_url or page,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(json.loads(run.annotations)),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": run.suite_id},
        "app": app_json(view, view.hub.app(run.app_id)),
        "pull_requests": pulls_at(view, repo, run.head_sha),
    }


def suite_state(runs: list[CheckRun]) -> tuple[str, str | None]:
    """Status and conclusion of a suite from its check runs."""
    if not runs:
        return "queued", None
    if any(run.status != "completed" for run in runs):
        return ("in_progress" if any(run.status != "queued" for run in runs) else "queued"), None
    worst = ("failure", "timed_out", "cancelled", "action_required", "stale")
    conclusions = [run.conclusion for run in runs]
    return "completed", next((word for word in worst if word in conclusions), "success")


def suite_json(view: View, repo: Repo, suite: CheckSuite) -> Json:
    """A check suite as webhooks carry it inside a check run."""
    runs = view.hub.store.all(CheckRun, "SELECT * FROM check_runs WHERE suite_id = ?", suite.id)
    status, conclusion = suite_state(runs)
    return {
        "id": suite.id,
        "node_id": node_id("CheckSuite", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": f"{view.repo_api(repo)}/check-suites/{suite.id}",
        "before": None,
        "after": suite.head_sha,
        "pull_requests": pulls_at(view, repo, suite.head_sha),
        "app": app_json(view, view.hub.app(suite.app_id)),
        "created_at": suite.created_at,
        "updated_at": suite.updated_at,
    }


def status_json(view: View, repo: Repo, status: Status, creator: bool = True) -> Json:
    """A `Status`, or the simple form inside a combined status."""
    user = view.hub.user(status.creator_id)
    shape: Json = {
        "url": f"{view.repo_api(repo)}/statuses/{status.sha}",
        "avatar_url": f"{view.base}/avatars/u/{user.id}",
        "id": status.id,
        "node_id": node_id("StatusContext", status.id),
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": status.created_at,
        "updated_at": status.created_at,
    }
    return shape | {"creator": user_json(view, user)} if creator else shape


def status_in_webhook(view: View, repo: Repo, status: Status) -> Json:
    """A commit status as its webhook tells it."""
    store, commit = view.hub.store, view.hub.git(repo).commit(status.sha)
    branches = store.rows(
        "SELECT name, sha FROM refs WHERE repo_id = ? AND sha = ? AND name LIKE 'refs/heads/%' LIMIT 10",
        repo.id,
        status.sha,
    )
    shown = status_json(view, repo, status)
    kept = ("id", "avatar_url", "state", "description", "target_url", "context", "created_at", "updated_at")
    return {name: shown[name] for name in kept} | {
        "sha": status.sha,
        "name": repo.full_name,
        "commit": commit_json(view, repo, commit),
        "branches": [short_branch_json(view, repo, row["name"][11:], row["sha"]) for row in branches],
    }


def combined_status_json(view: View, repo: Repo, sha: str, statuses: list[Status]) -> Json:
    """A `Combined Commit Status`: each context's latest."""
    states = {status.state for status in statuses}
    if states & {"failure", "error"}:
        state = "failure"
    else:
        state = "success" if states == {"success"} else "pending"
    return {
        "state": state,
        "statuses": [status_json(view, repo, status, creator=False) for status in statuses],
        "sha": sha,
        "total_count": len(statuses),
        "repository": repo_json(view, repo),
        "commit_url": f"{view.repo_api(repo)}/commits/{sha}",
        "url": f"{view.repo_api(repo)}/commits/{sha}/status",
    }
