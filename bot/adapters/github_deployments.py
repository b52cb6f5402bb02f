"""Deployments on GitHub: its record of what is where, and CI workflows that are dispatched and waited for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from github import GithubException

from bot.adapters.github_errors import forge_errors
from bot.adapters.github_repository import RepositoryApi
from bot.adapters.github_requests import github_time
from bot.domain.values import Value

DeploymentState = Literal["success", "failure", "error", "in_progress", "inactive"]
_DESCRIPTION = 140


class WorkflowRun(Value):
    """A run of a CI workflow. `succeeded` is None while it has not ended."""

    id: int
    url: str
    succeeded: bool | None


class DeploymentActs(RepositoryApi):
    """What we read and change of a repository's deployments and CI workflows."""

    @forge_errors
    def create_deployment(self, *, sha: str, environment: str, description: str, key: str, production: bool) -> int:
        """GitHub's record that a commit goes to an environment; its id. 1 request."""
        wanted = {
            "ref": sha,
            "task": "deploy",
            "auto_merge": False,
            "required_contexts": [],  # whether to deploy was decided by the pipeline's gates
            "payload": {"issuewright": key},
            "environment": environment,
            "description": description[:_DESCRIPTION],
            "transient_environment": not production,
            "production_environment": production,
        }
        api = self._api
        _, made = api.requester.requestJsonAndCheck("POST", f"{api.url}/deployments", input=wanted)
        return int(made["id"])

    @forge_errors
    def find_deployment(self, *, sha: str, environment: str, key: str) -> int | None:
        """The record that was made with that key; None when there is none. 1 request."""
        wanted = {"sha": sha, "environment": environment, "per_page": 100}
        api = self._api
        _, found = api.requester.requestJsonAndCheck("GET", f"{api.url}/deployments", parameters=wanted)
        told = [(each["id"], each["payload"]) for each in found]
        ours = [each for each, payload in told if isinstance(payload, dict) and payload.get("issuewright") == key]
        return min(ours, default=None)

    @forge_errors
    def set_deployment_status(
        self, deployment_id: int, state: DeploymentState, description: str, url: str | None = None
    ) -> None:
        """Say how it went. 1 request."""
        said = {"state": state, "description": description[:_DESCRIPTION], **({"environment_url": url} if url else {})}
        api = self._api
        api.requester.requestJsonAndCheck("POST", f"{api.url}/deployments/{deployment_id}/statuses", input=said)

    @forge_errors
    def dispatch_workflow(self, workflow: str, ref: str, inputs: Mapping[str, str]) -> int | None:
        """Start a CI workflow (by its file's name) on a branch; its run's id, None where GitHub does not tell it.
        1 request; 2 where an older server does not know what we ask it to tell, or refuses for another reason."""
        wanted = {"ref": ref, "inputs": dict(inputs)}
        api = self._api
        url = f"{api.url}/actions/workflows/{workflow}/dispatches"
        try:
            _, made = api.requester.requestJsonAndCheck("POST", url, input={**wanted, "return_run_details": True})
        except GithubException as error:
            if error.status not in (400, 422):
                raise
            # Nothing was started: what is refused for another reason is refused again.
            _, made = api.requester.requestJsonAndCheck("POST", url, input=wanted)
        return int(made["workflow_run_id"]) if made and "workflow_run_id" in made else None

    @forge_errors
    def find_dispatched_workflow(self, workflow: str, key: str, since: datetime) -> int | None:
        """The run whose name holds the key that its dispatch carried (`run-name: … ${{ inputs.issuewright }}`).
        1 request."""
        wanted = {"event": "workflow_dispatch", "created": f">={github_time(since)}", "per_page": 100}
        api = self._api
        url = f"{api.url}/actions/workflows/{workflow}/runs"
        _, found = api.requester.requestJsonAndCheck("GET", url, parameters=wanted)
        names = {each["id"]: each.get("display_title") or each.get("name") or "" for each in found["workflow_runs"]}
        return min((number for number, name in names.items() if key in name), default=None)

    @forge_errors
    def workflow_run(self, run_id: int) -> WorkflowRun:
        """How a CI workflow's run stands. 1 request."""
        api = self._api
        _, found = api.requester.requestJsonAndCheck("GET", f"{api.url}/actions/runs/{run_id}")
        succeeded = found["conclusion"] == "success" if found["status"] == "completed" else None
        return WorkflowRun(id=run_id, url=found["html_url"], succeeded=succeeded)
