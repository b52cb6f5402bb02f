"""What can be done with deployments: record one, and what became of it."""

import json
import time
from typing import Any

from bot.localhub.checks_state import Outcome, outcome_of, outcomes
from bot.localhub.ci_records import Deployment, DeploymentStatus
from bot.localhub.clock import as_made, iso
from bot.localhub.errors import ApiError, invalid, not_found
from bot.localhub.hub import Hub
from bot.localhub.records import Actor, Repo
from bot.localhub.shapes.deployments import deployment_json, deployment_status_json
from bot.localhub.webhooks import emit, view_for_webhooks

Json = dict[str, Any]
STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")
DESCRIPTION_LIMIT = 140


def create(hub: Hub, repo: Repo, wanted: Json, by: Actor) -> Deployment:
    """Record a deployment of a ref: `deployment.created`. 409 unless the commit's checks (or those of
    `required_contexts`) have passed. `wanted` is the request's JSON."""
    ref = wanted.get("ref")
    if not isinstance(ref, str) or not ref:
        raise invalid("Deployment", "ref", "missing_field")
    sha = hub.git(repo).commit_id(ref)
    if sha is None:
        raise ApiError(422, f"No ref found for: {ref}")
    _check_contexts(hub, repo, sha, wanted.get("required_contexts"))
    environment = wanted.get("environment") or "production"
    deployment_id = hub.store.new_id()
    hub.store.insert(
        "deployments",
        id=deployment_id,
        repo_id=repo.id,
        sha=sha,
        ref=ref,
        task=wanted.get("task") or "deploy",
        environment=environment,
        original_environment=environment,
        description=wanted.get("description"),
        payload=json.dumps(wanted.get("payload", {})),
        transient=int(bool(wanted.get("transient_environment", False))),
        production=int(bool(wanted.get("production_environment", environment == "production"))),
        creator_id=by.user.id,
        via_app=by.via_app,
        **as_made(),
        born=time.time(),
    )
    made = find_deployment(hub, repo, deployment_id)
    if hub.installations_on(repo):
        shown = deployment_json(view_for_webhooks(hub), repo, made)
        content: Json = {"deployment": shown, "workflow": None, "workflow_run": None}
        emit(hub, repo, "deployment", "created", by.user, content)
    return made


def _check_contexts(hub: Hub, repo: Repo, sha: str, required: object) -> None:
    if isinstance(required, list):
        states = [(str(name), outcome_of(hub, repo, sha, str(name))) for name in required]
    else:
        states = [(name, outcome) for name, _, outcome in outcomes(hub, repo, sha)]
    if any(outcome is not Outcome.PASSED for _, outcome in states):
        contexts = [{"context": name, "state": outcome.value} for name, outcome in states]
        message = "Conflict: Commit status checks failed for " + sha[:7] + "."
        raise ApiError(409, message, [{"contexts": contexts, "resource": "Deployment", "field": "required_contexts"}])


def add_status(hub: Hub, repo: Repo, deployment: Deployment, wanted: Json, by: Actor) -> DeploymentStatus:
    """Record what became of a deployment: `deployment_status.created`. A success puts the environment's earlier
    deployments out of service, as GitHub does unless `auto_inactive` is false."""
    state, description = wanted.get("state"), wanted.get("description") or ""
    if state not in STATES:
        raise invalid("DeploymentStatus", "state", "inclusion")
    if len(description) > DESCRIPTION_LIMIT:
        message = f"description is too long (maximum is {DESCRIPTION_LIMIT} characters)"
        raise invalid("DeploymentStatus", "description", "custom", message)
    environment = wanted.get("environment") or deployment.environment
    hub.store.update("deployments", deployment.id, environment=environment, updated_at=iso())
    status = _insert_status(hub, deployment.id, str(state), description, environment, wanted, by)
    _announce(hub, repo, find_deployment(hub, repo, deployment.id), status, by)
    if state == "success" and wanted.get("auto_inactive", True) is not False:
        _retire_others(hub, repo, deployment.id, environment, by)
    return status


def _insert_status(
    hub: Hub, deployment_id: int, state: str, description: str, environment: str, wanted: Json, by: Actor
) -> DeploymentStatus:
    status_id = hub.store.new_id()
    hub.store.insert(
        "deployment_statuses",
        id=status_id,
        deployment_id=deployment_id,
        state=state,
        description=description,
        environment=environment,
        environment_url=wanted.get("environment_url") or "",
        log_url=wanted.get("log_url") or wanted.get("target_url") or "",
        creator_id=by.user.id,
        via_app=by.via_app,
        created_at=iso(),
        born=time.time(),
    )
    made = hub.store.one(DeploymentStatus, "SELECT * FROM deployment_statuses WHERE id = ?", status_id)
    assert made is not None
    return made


def _retire_others(hub: Hub, repo: Repo, current: int, environment: str, by: Actor) -> None:
    others = hub.store.all(
        Deployment,
        "SELECT * FROM deployments WHERE repo_id = ? AND environment = ? AND id < ?"
        " AND transient = 0 AND production = 0",
        repo.id,
        environment,
        current,
    )
    for other in others:
        last = statuses_of(hub, other)[:1]
        if last and last[0].state == "success":
            status = _insert_status(hub, other.id, "inactive", "", environment, {}, by)
            _announce(hub, repo, other, status, by)


def _announce(hub: Hub, repo: Repo, deployment: Deployment, status: DeploymentStatus, by: Actor) -> None:
    if not hub.installations_on(repo):
        return
    view = view_for_webhooks(hub)
    content: Json = {
        "deployment": deployment_json(view, repo, deployment),
        "deployment_status": deployment_status_json(view, repo, status),
    }
    emit(hub, repo, "deployment_status", "created", by.user, content)


def find_deployment(hub: Hub, repo: Repo, deployment_id: int) -> Deployment:
    """A repository's deployment by id; 404 without one."""
    sql = "SELECT * FROM deployments WHERE id = ? AND repo_id = ?"
    found = hub.store.one(Deployment, sql, deployment_id, repo.id)
    if found is None:
        raise not_found()
    return found


def deployments_of(hub: Hub, repo: Repo, until: float = float("inf")) -> list[Deployment]:
    """A repository's deployments, newest first."""
    sql = "SELECT * FROM deployments WHERE repo_id = ? AND born <= ? ORDER BY id DESC"
    return hub.store.all(Deployment, sql, repo.id, until)


def deployments_at(hub: Hub, repo: Repo, sha: str) -> list[tuple[Deployment, DeploymentStatus | None]]:
    """A commit's deployments, newest first, each with its last status."""
    found = [deployment for deployment in deployments_of(hub, repo) if deployment.sha == sha]
    return [(deployment, next(iter(statuses_of(hub, deployment)), None)) for deployment in found]


def statuses_of(hub: Hub, deployment: Deployment) -> list[DeploymentStatus]:
    """What became of a deployment, the latest first."""
    sql = "SELECT * FROM deployment_statuses WHERE deployment_id = ? ORDER BY id DESC"
    return hub.store.all(DeploymentStatus, sql, deployment.id)
