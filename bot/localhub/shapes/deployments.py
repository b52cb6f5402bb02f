"""JSON of deployments and of CI workflow runs."""

import json
from typing import Any
from urllib.parse import quote

from bot.localhub.ci_records import Deployment, DeploymentStatus, WorkflowRun
from bot.localhub.clock import iso
from bot.localhub.records import Repo
from bot.localhub.shapes.checks import pulls_at
from bot.localhub.shapes.people import optional_app, optional_user, user_json
from bot.localhub.shapes.repos import lite_repo_json
from bot.localhub.view import View, node_id

Json = dict[str, Any]


def deployment_json(view: View, repo: Repo, deployment: Deployment) -> Json:
    """A `Deployment`."""
    url = f"{view.repo_api(repo)}/deployments/{deployment.id}"
    return {
        "url": url,
        "id": deployment.id,
        "node_id": node_id("Deployment", deployment.id),
        "task": deployment.task,
        "original_environment": deployment.original_environment,
        "environment": deployment.environment,
        "description": deployment.description,
        "created_at": deployment.created_at,
        "updated_at": deployment.updated_at,
        "statuses_url": f"{url}/statuses",
        "repository_url": view.repo_api(repo),
        "creator": optional_user(view, deployment.creator_id),
        "sha": deployment.sha,
        "ref": deployment.ref,
        "payload": json.loads(deployment.payload),
        "transient_environment": bool(deployment.transient),
        "production_environment": bool(deployment.production),
        "performed_via_github_app": optional_app(view, deployment.via_app),
    }


def deployment_status_json(view: View, repo: Repo, status: DeploymentStatus) -> Json:
    """A `Deployment Status`."""
    deployment = f"{view.repo_api(repo)}/deployments/{status.deployment_id}"
    return {
        "url": f"{deployment}/statuses/{status.id}",
        "id": status.id,
        "node_id": node_id("DeploymentStatus", status.id),
        "state": status.state,
        "creator": optional_user(view, status.creator_id),
        "description": status.description,
        "environment": status.environment,
        "target_url": status.log_url,
        "created_at": status.created_at,
        "updated_at": status.created_at,
        "deployment_url": deployment,
        "repository_url": view.repo_api(repo),
        "environment_url": status.environment_url,
        "log_url": status.log_url,
        "performed_via_github_app": optional_app(view, status.via_app),
    }


def workflow_run_json(view: View, repo: Repo, run: WorkflowRun) -> Json:
    """A `Workflow Run`."""
    api, page = view.repo_api(repo), view.repo_page(repo)
    url = f"{api}/actions/runs/{run.id}"
    workflow = f"{api}/actions/workflows/{run.workflow_id}"
    commit = view.hub.git(repo).commit(run.head_sha)
    actor, shown = user_json(view, view.hub.user(run.actor_id)), lite_repo_json(view, repo)
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("WorkflowRun", run.id),
        "check_suite_id": run.id,
        "check_suite_node_id": node_id("CheckSuite", run.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.path,
        "run_number": run.run_number,
        "run_attempt": 1,
        "event": run.event,
        "display_title": run.title,
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": run.workflow_id,
        "url": url,
        "html_url": f"{page}/actions/runs/{run.id}",
        "pull_requests": pulls_at(view, repo, run.head_sha),
        "created_at": run.created_at,
        "updated_at": run.updated_at,
        "actor": actor,
        "triggering_actor": actor,
        "run_started_at": run.started_at or run.created_at,
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{api}/check-suites/{run.id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": None,
        "workflow_url": workflow,
        "head_commit": {
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": iso(commit.committer.at),
            "author": {"name": commit.author.name, "email": commit.author.email},
            "committer": {"name": commit.committer.name, "email": commit.committer.email},
        },
        "repository": shown,
        "head_repository": shown,
        "referenced_workflows": [],
    }


def workflow_json(view: View, repo: Repo, run: WorkflowRun) -> Json:
    """The workflow of a run, as webhooks carry it."""
    url = f"{view.repo_api(repo)}/actions/workflows/{run.workflow_id}"
    page = f"{view.repo_page(repo)}/blob/{quote(repo.default_branch)}/{quote(run.path)}"
    return {
        "id": run.workflow_id,
        "node_id": node_id("Workflow", run.workflow_id),
        "name": run.name,
        "path": run.path,
        "state": "active",
        "created_at": repo.created_at,
        "updated_at": repo.created_at,
        "url": url,
        "html_url": page,
        "badge_url": f"{view.repo_page(repo)}/workflows/{quote(run.name)}/badge.svg",
    }
