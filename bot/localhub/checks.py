"""What can be done with check runs and commit statuses."""

import json
import time
from typing import Any

from bot.localhub.ci_records import CheckRun, CheckSuite, Status
from bot.localhub.clock import as_made, iso
from bot.localhub.errors import ApiError, invalid, refuse_long
from bot.localhub.hub import Hub
from bot.localhub.records import Actor, Repo
from bot.localhub.shapes.checks import check_run_json, status_in_webhook, suite_json
from bot.localhub.webhooks import emit, view_for_webhooks

Json = dict[str, Any]
STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS = (
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "stale",
    "timed_out",
)
STATUS_STATES = ("error", "failure", "pending", "success")
TEXT_LIMIT = 65535
ANNOTATION_LIMIT = 50


def create_check_run(hub: Hub, repo: Repo, app_id: int, wanted: Json, by: Actor) -> CheckRun:
    """Add a check run to a commit. `wanted` is the request's JSON: name, head_sha, and what GitHub allows."""
    name, sha = wanted.get("name"), wanted.get("head_sha")
    if not isinstance(name, str) or not name:
        raise invalid("CheckRun", "name", "missing_field")
    if not isinstance(sha, str) or not sha:
        raise invalid("CheckRun", "head_sha", "missing_field")
    if hub.git(repo).commit_id(sha) != sha:
        raise ApiError(422, f"No commit found for SHA: {sha}")
    suite = _suite(hub, repo, app_id, sha)
    run_id = hub.store.new_id()
    hub.store.insert(
        "check_runs",
        id=run_id,
        repo_id=repo.id,
        suite_id=suite.id,
        app_id=app_id,
        name=name,
        head_sha=sha,
        external_id="",
        status="queued",
        annotations="[]",
        started_at=iso(),
        born=time.time(),
    )
    run = _change(hub, run_id, wanted)
    _announce(hub, repo, run, "created", by)
    if run.status == "completed":
        _announce(hub, repo, run, "completed", by)
    return run


def update_check_run(hub: Hub, repo: Repo, run: CheckRun, wanted: Json, by: Actor) -> CheckRun:
    """Change a check run: `check_run.completed` when that completes it."""
    changed = _change(hub, run.id, wanted)
    if changed.status == "completed" and run.status != "completed":
        _announce(hub, repo, changed, "completed", by)
    return changed


def _change(hub: Hub, run_id: int, wanted: Json) -> CheckRun:
    run = find_check_run(hub, run_id)
    assert run is not None
    status, conclusion = wanted.get("status"), wanted.get("conclusion")
    if status is not None and status not in STATUSES:
        raise invalid("CheckRun", "status", "invalid")
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise invalid("CheckRun", "conclusion", "invalid")
    if status == "completed" and conclusion is None and run.conclusion is None:
        raise invalid("CheckRun", "conclusion", "missing_field")
    columns: Json = {
        column: wanted[column]
        for column in ("name", "external_id", "details_url", "started_at", "completed_at")
        if wanted.get(column) is not None
    }
    if conclusion is not None:
        columns |= {"status": "completed", "conclusion": conclusion}
        columns.setdefault("completed_at", iso())
    elif status is not None:
        columns["status"] = status
        if status != "completed":
            columns |= {"conclusion": None, "completed_at": None}
    output = wanted.get("output")
    if output is not None:
        columns |= _output(run, output)
    if columns:
        hub.store.update("check_runs", run_id, **columns)
        hub.store.update("check_suites", run.suite_id, updated_at=iso())
    changed = find_check_run(hub, run_id)
    assert changed is not None
    return changed


def _output(run: CheckRun, output: Json) -> Json:
    for needed in ("title", "summary"):
        if getattr(run, needed) is None and not isinstance(output.get(needed), str):
            raise invalid("CheckRun", needed, "missing_field")
    columns: Json = {field: output[field] for field in ("title", "summary", "text") if field in output}
    for field in ("summary", "text"):
        refuse_long("CheckRun", columns.get(field), TEXT_LIMIT, field)
    annotations = output.get("annotations") or []
    if len(annotations) > ANNOTATION_LIMIT:
        message = f"No more than {ANNOTATION_LIMIT} annotations are allowed in a request"
        raise invalid("CheckRun", "annotations", "invalid", message)
    if annotations:
        # Each request adds to those that are there, so that more than fifty fit.
        columns["annotations"] = json.dumps(json.loads(run.annotations) + annotations)
    return columns


def find_check_run(hub: Hub, run_id: int) -> CheckRun | None:
    """A check run by id."""
    return hub.store.one(CheckRun, "SELECT * FROM check_runs WHERE id = ?", run_id)


def check_runs_at(hub: Hub, repo: Repo, sha: str, until: float, latest: bool) -> list[CheckRun]:
    """A commit's check runs that are old enough, newest first; `latest`: one an App and name."""
    runs = hub.store.all(
        CheckRun,
        "SELECT * FROM check_runs WHERE repo_id = ? AND head_sha = ? AND born <= ? ORDER BY id DESC",
        repo.id,
        sha,
        until,
    )
    if not latest:
        return runs
    newest: dict[tuple[int, str], CheckRun] = {}
    for run in runs:
        newest.setdefault((run.app_id, run.name), run)
    return list(newest.values())


def _suite(hub: Hub, repo: Repo, app_id: int, sha: str) -> CheckSuite:
    sql = "SELECT * FROM check_suites WHERE repo_id = ? AND app_id = ? AND head_sha = ?"
    suite = hub.store.one(CheckSuite, sql, repo.id, app_id, sha)
    if suite is None:
        branch = hub.store.value(
            "SELECT substr(name, 12) FROM refs WHERE repo_id = ? AND sha = ? AND name LIKE 'refs/heads/%'",
            repo.id,
            sha,
        )
        hub.store.insert(
            "check_suites",
            id=hub.store.new_id(),
            repo_id=repo.id,
            app_id=app_id,
            head_sha=sha,
            head_branch=branch,
            **as_made(),
        )
        suite = hub.store.one(CheckSuite, sql, repo.id, app_id, sha)
    assert suite is not None
    return suite


def _announce(hub: Hub, repo: Repo, run: CheckRun, action: str, by: Actor) -> None:
    view = view_for_webhooks(hub)
    suite = _suite(hub, repo, run.app_id, run.head_sha)
    shown = check_run_json(view, repo, run) | {"check_suite": suite_json(view, repo, suite)}
    emit(hub, repo, "check_run", action, by.user, {"check_run": shown})


def set_status(hub: Hub, repo: Repo, sha: str, wanted: Json, by: Actor) -> Status:
    """Add a commit status."""
    state = wanted.get("state")
    if state not in STATUS_STATES:
        raise invalid("Status", "state", "invalid")
    if hub.git(repo).commit_id(sha) != sha:
        raise ApiError(422, f"No commit found for SHA: {sha}")
    status_id = hub.store.new_id()
    hub.store.insert(
        "statuses",
        id=status_id,
        repo_id=repo.id,
        sha=sha,
        state=state,
        context=wanted.get("context") or "default",
        description=wanted.get("description"),
        target_url=wanted.get("target_url"),
        creator_id=by.user.id,
        created_at=iso(),
        born=time.time(),
    )
    status = hub.store.one(Status, "SELECT * FROM statuses WHERE id = ?", status_id)
    assert status is not None
    _announce_status(hub, repo, status, by)
    return status


def _announce_status(hub: Hub, repo: Repo, status: Status, by: Actor) -> None:
    if hub.installations_on(repo):
        emit(hub, repo, "status", None, by.user, status_in_webhook(view_for_webhooks(hub), repo, status))


def statuses_at(hub: Hub, repo: Repo, sha: str, latest: bool) -> list[Status]:
    """A commit's statuses, newest first; `latest`: one a context."""
    statuses = hub.store.all(
        Status, "SELECT * FROM statuses WHERE repo_id = ? AND sha = ? ORDER BY id DESC", repo.id, sha
    )
    if not latest:
        return statuses
    newest: dict[str, Status] = {}
    for status in statuses:
        newest.setdefault(status.context, status)
    return list(newest.values())
