"""Control operations for tests and people who act as GitHub's other half: rules of branches, outcomes of CI."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from bot.localhub import workflow_runs
from bot.localhub.hub import Hub
from bot.localhub.protection import Protection, protect, protection_of
from bot.localhub.shapes.deployments import workflow_run_json
from bot.localhub.view import View

Json = dict[str, Any]


class Outcome(BaseModel):
    """What becomes of a CI workflow's run: `conclusion` when it is completed."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["queued", "in_progress", "completed"] = "completed"
    conclusion: str | None = None


def add_ci(router: APIRouter, hub: Hub) -> None:
    """Add these operations to the control interface."""
    store = hub.store

    @router.get("/repositories/{owner}/{name}/protection/{branch:path}")
    def get_rules(owner: str, name: str, branch: str) -> Protection | None:
        with store.transaction():
            return protection_of(hub, hub.repo_named(owner, name), branch)

    @router.put("/repositories/{owner}/{name}/protection/{branch:path}")
    def set_rules(owner: str, name: str, branch: str, rules: Protection) -> Protection:
        with store.transaction():
            protect(hub, hub.repo_named(owner, name), branch, rules)
        return rules

    @router.delete("/repositories/{owner}/{name}/protection/{branch:path}")
    def lift_rules(owner: str, name: str, branch: str) -> None:
        with store.transaction():
            protect(hub, hub.repo_named(owner, name), branch, None)

    @router.get("/repositories/{owner}/{name}/workflow-runs")
    def list_runs(owner: str, name: str) -> list[Json]:
        with store.transaction():
            repo, view = hub.repo_named(owner, name), View(hub, hub.base_url)
            return [workflow_run_json(view, repo, run) for run in workflow_runs.runs_of(hub, repo)]

    @router.post("/repositories/{owner}/{name}/workflow-runs/{run_id}")
    def play_run(owner: str, name: str, run_id: int, outcome: Outcome) -> Json:
        with store.transaction():
            repo, view = hub.repo_named(owner, name), View(hub, hub.base_url)
            run = workflow_runs.find_run(hub, repo, run_id)
            moved = workflow_runs.play(hub, repo, run, outcome.status, outcome.conclusion)
            return workflow_run_json(view, repo, moved)
