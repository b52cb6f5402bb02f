"""Deployments on GitHub: its record of what is where, and workflows that are dispatched and waited for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from github.Repository import Repository

from bot.adapters.github_requests import github_time
from bot.domain.values import Value

DeploymentState = Literal["success", "failure", "error", "in_progress", "inactive"]
_DESCRIPTION = 140


class WorkflowRun(Value):
    """A run of a GitHub Actions workflow. `succeeded` is None while it has not ended."""

    id: int
    url: str
    succeeded: bool | None


def create(api: Repository, *, sha: str, environment: str, description: str, key: str, production: bool) -> int:
    """Its id. Required contexts are empty: whether to deploy was decided by the pipeline's gates."""
    wanted = {
        "ref": sha,
        "task": "deploy",
        "auto_merge": False,
        "required_contexts": [],
        "payload": {"issuewright": key},
        "environment": environment,
        "description": description[:_DESCRIPTION],
        "transient_environment": not production,
        "production_environment": production,
    }
    _, made = api.requester.requestJsonAndCheck("POST", f"{api.url}/deployments", input=wanted)
    return int(made["id"])


def find(api: Repository, *, sha: str, environment: str, key: str) -> int | None:
    """The deployment that was created with that key; None when there is none."""
    wanted = {"sha": sha, "environment": environment, "per_page": 100}
    _, found = api.requester.requestJsonAndCheck("GET", f"{api.url}/deployments", parameters=wanted)
    ours = [
        each["id"] for each in found if isinstance(each["payload"], dict) and each["payload"].get("issuewright") == key
    ]
    return min(ours, default=None)


def set_status(api: Repository, deployment_id: int, state: DeploymentState, description: str, url: str | None) -> None:
    """Say how it went."""
    said = {"state": state, "description": description[:_DESCRIPTION], **({"environment_url": url} if url else {})}
    api.requester.requestJsonAndCheck("POST", f"{api.url}/deployments/{deployment_id}/statuses", input=said)


def dispatch(api: Repository, workflow: str, ref: str, inputs: Mapping[str, str]) -> int:
    """Start a workflow (by its file's name) on a branch; returns its run's id."""
    wanted = {"ref": ref, "inputs": dict(inputs), "return_run_details": True}
    url = f"{api.url}/actions/workflows/{workflow}/dispatches"
    _, made = api.requester.requestJsonAndCheck("POST", url, input=wanted)
    return int(made["workflow_run_id"])


def find_dispatched(api: Repository, workflow: str, key: str, since: datetime) -> int | None:
    """The run whose name holds the key that its dispatch carried (`run-name: … ${{ inputs.issuewright }}`)."""
    wanted = {"event": "workflow_dispatch", "created": f">={github_time(since)}", "per_page": 100}
    _, found = api.requester.requestJsonAndCheck(
        "GET", f"{api.url}/actions/workflows/{workflow}/runs", parameters=wanted
    )
    ours = [
        each["id"] for each in found["workflow_runs"] if key in (each.get("display_title") or each.get("name") or "")
    ]
    return min(ours, default=None)


def workflow_run(api: Repository, run_id: int) -> WorkflowRun:
    """How a workflow's run stands."""
    _, found = api.requester.requestJsonAndCheck("GET", f"{api.url}/actions/runs/{run_id}")
    ended = found["status"] == "completed"
    return WorkflowRun(id=run_id, url=found["html_url"], succeeded=found["conclusion"] == "success" if ended else None)
