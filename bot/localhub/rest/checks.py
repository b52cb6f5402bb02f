"""REST: check runs and commit statuses."""

import json

from bot.localhub import checks
from bot.localhub.api import Call, Routes
from bot.localhub.ci_records import CheckRun
from bot.localhub.errors import ApiError, forbidden, not_found
from bot.localhub.people import Role
from bot.localhub.records import Repo
from bot.localhub.shapes.checks import check_run_json, combined_status_json, status_json

routes = Routes()
RUN = "/repos/{owner}/{repo}/check-runs/{run_id:int}"


def _app_id(call: Call) -> int:
    """The calling App; people may look at check runs, not make them."""
    if call.caller.kind != "installation" or call.caller.app is None:
        raise forbidden("You must authenticate via a GitHub App.")
    return call.caller.app.id


def _find(call: Call, repo: Repo) -> CheckRun:
    run = checks.find_check_run(call.hub, int(call.parameters["run_id"]))
    if run is None or run.repo_id != repo.id:
        raise not_found()
    return run


def _commit(call: Call, repo: Repo) -> str:
    """The commit that the `{ref}` in the path names."""
    ref = call.parameters["ref"]
    sha = call.hub.git(repo).commit_id(ref)
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {ref}")
    return sha


@routes.add("POST", "/repos/{owner}/{repo}/check-runs", 201)
def create_check_run(call: Call) -> object:
    """GitHub's `checks/create`."""
    repo, app_id = call.repo(), _app_id(call)
    call.repo(Role.ADMIN, "checks", "write")
    run = checks.create_check_run(call.hub, repo, app_id, call.body(), call.actor)
    return check_run_json(call.view, repo, run)


@routes.get(RUN)
def get_check_run(call: Call) -> object:
    """GitHub's `checks/get`."""
    repo = call.repo(resource="checks")
    return check_run_json(call.view, repo, _find(call, repo))


@routes.add("PATCH", RUN)
def update_check_run(call: Call) -> object:
    """GitHub's `checks/update`."""
    repo, app_id = call.repo(), _app_id(call)
    call.repo(Role.ADMIN, "checks", "write")
    run = _find(call, repo)
    if run.app_id != app_id:
        message = "Invalid app_id - check run can only be modified by the GitHub App that created it."
        raise forbidden(message)
    return check_run_json(call.view, repo, checks.update_check_run(call.hub, repo, run, call.body(), call.actor))


@routes.get(f"{RUN}/annotations")
def list_annotations(call: Call) -> object:
    """GitHub's `checks/list-annotations`."""
    repo = call.repo(resource="checks")
    run = _find(call, repo)
    blob = f"{call.view.repo_page(repo)}/blob/{run.head_sha}/"
    optional = ("start_column", "end_column", "title", "raw_details")

    def show(annotation: dict[str, object]) -> object:
        empty = dict.fromkeys(optional)
        return {**empty, **annotation, "blob_href": blob + str(annotation.get("path", ""))}

    return call.page(json.loads(run.annotations), show)


@routes.get("/repos/{owner}/{repo}/commits/{ref:path}/check-runs")
def list_check_runs(call: Call) -> object:
    """GitHub's `checks/list-for-ref`."""
    repo, query = call.repo(resource="checks"), call.query
    latest = query.get("filter", "latest") != "all"
    runs = [
        run
        for run in checks.check_runs_at(call.hub, repo, _commit(call, repo), call.until(), latest)
        if query.get("check_name") in (None, run.name)
        and query.get("status") in (None, run.status)
        and query.get("app_id") in (None, str(run.app_id))
    ]
    shown = call.page(runs, lambda run: check_run_json(call.view, repo, run))
    return {"total_count": len(runs), "check_runs": shown}


@routes.get("/repos/{owner}/{repo}/commits/{ref:path}/status")
def get_combined_status(call: Call) -> object:
    """GitHub's `repos/get-combined-status-for-ref`."""
    repo = call.repo(resource="statuses")
    sha = _commit(call, repo)
    return combined_status_json(call.view, repo, sha, checks.statuses_at(call.hub, repo, sha, latest=True))


@routes.get("/repos/{owner}/{repo}/commits/{ref:path}/statuses")
def list_statuses(call: Call) -> object:
    """GitHub's `repos/list-commit-statuses-for-ref`."""
    repo = call.repo(resource="statuses")
    found = checks.statuses_at(call.hub, repo, _commit(call, repo), latest=False)
    return call.page(found, lambda status: status_json(call.view, repo, status))


@routes.add("POST", "/repos/{owner}/{repo}/statuses/{sha}", 201)
def create_status(call: Call) -> object:
    """GitHub's `repos/create-commit-status`."""
    repo = call.repo(Role.WRITE, "statuses", "write")
    status = checks.set_status(call.hub, repo, call.parameters["sha"], call.body(), call.actor)
    return status_json(call.view, repo, status)
