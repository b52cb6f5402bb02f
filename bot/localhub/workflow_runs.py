"""CI workflows without a CI: a run is recorded when one is dispatched, and a test or a person plays its outcome."""

import json
import re
import time
import zlib
from typing import Any

import yaml

from bot.localhub.ci_records import WorkflowRun
from bot.localhub.clock import as_made, iso
from bot.localhub.errors import ApiError, not_found
from bot.localhub.hub import Hub
from bot.localhub.records import Actor, Repo
from bot.localhub.shapes.deployments import workflow_json, workflow_run_json
from bot.localhub.webhooks import emit, view_for_webhooks

Json = dict[str, Any]
FOLDER = ".github/workflows"
STATUSES = ("queued", "in_progress", "completed")
CONCLUSIONS = ("success", "failure", "cancelled", "neutral", "skipped", "timed_out", "action_required", "stale")
MOST_INPUTS = 25
MOST_INPUT_CHARACTERS = 65_535
_INPUT = re.compile(r"\$\{\{\s*(?:github\.event\.)?inputs\.([\w-]+)\s*\}\}")


def workflow_id(path: str) -> int:
    """A number that stays the same for a workflow file."""
    return zlib.crc32(path.encode())


def find_workflow(hub: Hub, repo: Repo, wanted: str, ref: str | None = None) -> tuple[str, Json]:
    """Path and content of a workflow, named by its file or number, on `ref` (None: the default branch); 404 without."""
    git = hub.git(repo)
    commit = git.commit_id(ref or repo.default_branch)
    entries = git.directory(commit, FOLDER) if commit else []
    for path, kind, sha, _ in entries:
        if kind == "blob" and wanted in (path.rpartition("/")[2], str(workflow_id(path))):
            return path, _read(git.run("cat-file", "blob", sha))
    raise not_found()


def _read(content: bytes) -> Json:
    """A workflow file's mapping, empty when it is none. YAML reads a bare `on` as true."""
    try:
        read = yaml.safe_load(content)
    except yaml.YAMLError:
        return {}
    return {"on" if key is True else str(key): value for key, value in read.items()} if isinstance(read, dict) else {}


def _inputs(workflow: Json, given: Json) -> Json | None:
    """The inputs that a dispatched run sees, defaults filled in; None when the workflow cannot be dispatched."""
    triggers = workflow.get("on")
    triggers = {triggers: None} if isinstance(triggers, str) else triggers
    triggers = dict.fromkeys(triggers) if isinstance(triggers, list) else triggers
    if not isinstance(triggers, dict) or "workflow_dispatch" not in triggers:
        return None
    declared: Json = (triggers["workflow_dispatch"] or {}).get("inputs") or {}
    unexpected = [name for name in given if name not in declared]
    if unexpected:
        raise ApiError(422, f"Unexpected inputs provided: {json.dumps(unexpected)}")
    defaults = {name: (about or {}).get("default", "") for name, about in declared.items()}
    for name, about in declared.items():
        if (about or {}).get("required") and name not in given and not defaults[name]:
            raise ApiError(422, f"Required input '{name}' not provided")
    return defaults | given


def dispatch(hub: Hub, repo: Repo, workflow: str, ref: str, inputs: Json, by: Actor) -> WorkflowRun:
    """Start a workflow by hand: a queued run, `workflow_dispatch` and `workflow_run.requested`. 422 unless the
    file on that ref can be started so."""
    find_workflow(hub, repo, workflow)
    branch = ref.removeprefix("refs/heads/")
    sha = hub.git(repo).commit_id(branch)
    if sha is None:
        raise ApiError(422, f"No ref found for: {ref}")
    if len(inputs) > MOST_INPUTS or len(json.dumps(inputs)) > MOST_INPUT_CHARACTERS:
        raise ApiError(422, "inputs are too large.")
    try:
        path, content = find_workflow(hub, repo, workflow, branch)
    except ApiError:
        path, content = "", {}
    known = _inputs(content, inputs)
    if known is None:
        raise ApiError(422, "Workflow does not have 'workflow_dispatch' trigger")
    run = _start(hub, repo, path, content, branch, sha, known, by)
    if hub.installations_on(repo):
        sent: Json = {"inputs": inputs, "ref": f"refs/heads/{branch}", "workflow": path}
        emit(hub, repo, "workflow_dispatch", None, by.user, sent)
        _announce(hub, repo, run, "requested", by)
    return run


def _start(
    hub: Hub, repo: Repo, path: str, content: Json, branch: str, sha: str, inputs: Json, by: Actor
) -> WorkflowRun:
    name = str(content.get("name") or path)
    title = _INPUT.sub(lambda found: str(inputs.get(found[1], "")), str(content.get("run-name") or name))
    earlier = hub.store.value("SELECT count(*) FROM workflow_runs WHERE repo_id = ? AND path = ?", repo.id, path)
    run_id = hub.store.new_id()
    hub.store.insert(
        "workflow_runs",
        id=run_id,
        repo_id=repo.id,
        workflow_id=workflow_id(path),
        path=path,
        name=name,
        title=title,
        run_number=earlier + 1,
        event="workflow_dispatch",
        head_branch=branch,
        head_sha=sha,
        inputs=json.dumps(inputs),
        status="queued",
        actor_id=by.user.id,
        **as_made(),
        born=time.time(),
    )
    return find_run(hub, repo, run_id)


def play(hub: Hub, repo: Repo, run: WorkflowRun, status: str, conclusion: str | None) -> WorkflowRun:
    """Move a run on, as its CI would: `workflow_run.in_progress`, `workflow_run.completed`."""
    if status not in STATUSES or (status == "completed") != (conclusion in CONCLUSIONS):
        raise ApiError(422, "A run is queued, in_progress, or completed with a conclusion")
    if run.status == "completed":
        raise ApiError(422, "This run is completed")
    started = run.started_at or (iso() if status != "queued" else None)
    hub.store.update(
        "workflow_runs", run.id, status=status, conclusion=conclusion, started_at=started, updated_at=iso()
    )
    moved = find_run(hub, repo, run.id)
    if status != run.status and status != "queued" and hub.installations_on(repo):
        _announce(hub, repo, moved, status, Actor(hub.user(run.actor_id)))
    return moved


def find_run(hub: Hub, repo: Repo, run_id: int) -> WorkflowRun:
    """A repository's run by id; 404 without one."""
    found = hub.store.one(WorkflowRun, "SELECT * FROM workflow_runs WHERE id = ? AND repo_id = ?", run_id, repo.id)
    if found is None:
        raise not_found()
    return found


def runs_of(hub: Hub, repo: Repo, until: float = float("inf")) -> list[WorkflowRun]:
    """A repository's runs, newest first."""
    sql = "SELECT * FROM workflow_runs WHERE repo_id = ? AND born <= ? ORDER BY id DESC"
    return hub.store.all(WorkflowRun, sql, repo.id, until)


def _announce(hub: Hub, repo: Repo, run: WorkflowRun, action: str, by: Actor) -> None:
    view = view_for_webhooks(hub)
    content: Json = {
        "workflow_run": workflow_run_json(view, repo, run),
        "workflow": workflow_json(view, repo, run),
    }
    emit(hub, repo, "workflow_run", action, by.user, content)
