"""REST: CI workflows, as far as they can be dispatched and looked at."""

import operator

from bot.localhub import workflow_runs
from bot.localhub.api import Answer, Call, Routes
from bot.localhub.ci_records import WorkflowRun
from bot.localhub.clock import epoch
from bot.localhub.errors import ApiError
from bot.localhub.people import Role
from bot.localhub.records import Repo
from bot.localhub.rest.parameters import moment, text
from bot.localhub.shapes.deployments import workflow_run_json

routes = Routes()
ACTIONS = "/repos/{owner}/{repo}/actions"
RESOURCE = "actions"


@routes.add("POST", f"{ACTIONS}/workflows/{{workflow}}/dispatches", 204)
def create_workflow_dispatch(call: Call) -> object:
    """GitHub's `actions/create-workflow-dispatch`."""
    repo, body = call.repo(Role.WRITE, RESOURCE, "write"), call.body()
    inputs = body.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise ApiError(422, "Invalid request.\n\nFor 'properties/inputs', this is not an object.")
    ref = text(body, "ref", "WorkflowDispatch")
    run = workflow_runs.dispatch(call.hub, repo, call.parameters["workflow"], ref, inputs, call.actor)
    if not body.get("return_run_details"):
        return None
    shown = workflow_run_json(call.view, repo, run)
    details = {"workflow_run_id": run.id, "run_url": shown["url"], "html_url": shown["html_url"]}
    return Answer(details, 200)


def _list(call: Call, repo: Repo, runs: list[WorkflowRun]) -> object:
    query = call.query
    fitting = [
        run
        for run in runs
        if query.get("status") in (None, run.status, run.conclusion)
        and query.get("event") in (None, run.event)
        and query.get("branch") in (None, run.head_branch)
        and query.get("head_sha") in (None, run.head_sha)
        and _was_created(run, query.get("created"))
    ]
    shown = call.page(fitting, lambda run: workflow_run_json(call.view, repo, run))
    return {"total_count": len(fitting), "workflow_runs": shown}


def _was_created(run: WorkflowRun, span: str | None) -> bool:
    """Whether a run fits `created`: a moment, one with a comparison before it, or `from..to`."""
    if not span:
        return True
    at = epoch(run.created_at)
    start, dots, end = span.partition("..")
    if dots:
        return (start == "*" or at >= moment(start)) and (end == "*" or at <= moment(end))
    for sign, holds in ((">=", operator.ge), ("<=", operator.le), (">", operator.gt), ("<", operator.lt)):
        if span.startswith(sign):
            return bool(holds(at, moment(span[len(sign) :])))
    return run.created_at.startswith(span)


@routes.get(f"{ACTIONS}/workflows/{{workflow}}/runs")
def list_runs_of_workflow(call: Call) -> object:
    """GitHub's `actions/list-workflow-runs`."""
    repo = call.repo(resource=RESOURCE)
    path, _ = workflow_runs.find_workflow(call.hub, repo, call.parameters["workflow"])
    runs = [run for run in workflow_runs.runs_of(call.hub, repo, call.until()) if run.path == path]
    return _list(call, repo, runs)


@routes.get(f"{ACTIONS}/runs")
def list_runs(call: Call) -> object:
    """GitHub's `actions/list-workflow-runs-for-repo`."""
    repo = call.repo(resource=RESOURCE)
    return _list(call, repo, workflow_runs.runs_of(call.hub, repo, call.until()))


@routes.get(f"{ACTIONS}/runs/{{run_id:int}}")
def get_run(call: Call) -> object:
    """GitHub's `actions/get-workflow-run`."""
    repo = call.repo(resource=RESOURCE)
    return workflow_run_json(call.view, repo, workflow_runs.find_run(call.hub, repo, int(call.parameters["run_id"])))
