"""Rows as values, continued: what machines say of commits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CheckSuite:
    """All check runs of one App on one commit."""

    id: int
    repo_id: int
    app_id: int
    head_sha: str
    head_branch: str | None
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class CheckRun:
    """A check run; `annotations` is a JSON array."""

    id: int
    repo_id: int
    suite_id: int
    app_id: int
    name: str
    head_sha: str
    external_id: str
    details_url: str | None
    status: str
    conclusion: str | None
    started_at: str | None
    completed_at: str | None
    title: str | None
    summary: str | None
    text: str | None
    annotations: str
    born: float


@dataclass(frozen=True, slots=True)
class Status:
    """A commit status, the older form of a check."""

    id: int
    repo_id: int
    sha: str
    state: str
    context: str
    description: str | None
    target_url: str | None
    creator_id: int
    created_at: str
    born: float


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of a commit to an environment; `payload` is JSON."""

    id: int
    repo_id: int
    sha: str
    ref: str
    task: str
    environment: str
    original_environment: str
    description: str | None
    payload: str
    transient: int
    production: int
    creator_id: int
    via_app: int | None
    created_at: str
    updated_at: str
    born: float


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """What became of a deployment; the last one counts."""

    id: int
    deployment_id: int
    state: str
    description: str
    environment: str
    environment_url: str
    log_url: str
    creator_id: int
    via_app: int | None
    created_at: str
    born: float


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A run of a CI workflow (`path` in the repository); `title` is this run's own name, `inputs` is JSON."""

    id: int
    repo_id: int
    workflow_id: int
    path: str
    name: str
    title: str
    run_number: int
    event: str
    head_branch: str | None
    head_sha: str
    inputs: str
    status: str
    conclusion: str | None
    actor_id: int
    created_at: str
    updated_at: str
    started_at: str | None
    born: float
