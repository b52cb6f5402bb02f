"""Pages about what machines say of a commit: a check run, a CI workflow's run, deployments."""

import json

from starlette.responses import Response

from bot.localhub.checks import find_check_run
from bot.localhub.deployments import deployments_of, statuses_of
from bot.localhub.errors import not_found
from bot.localhub.pages.code import REPO
from bot.localhub.pages.visit import Pages, Visit
from bot.localhub.shapes.checks import pulls_at
from bot.localhub.workflow_runs import find_run

pages = Pages()


@pages.get(REPO + "/runs/{run_id:int}")
def check_run(visit: Visit) -> Response:
    """A check run with its summary, text and annotations."""
    repo = visit.repo()
    run = find_check_run(visit.hub, visit.parameters["run_id"])
    if run is None or run.repo_id != repo.id:
        raise not_found()
    return visit.page(
        "check_run.html.j2",
        f"{run.name} · {repo.full_name}",
        repo=repo,
        tab="pulls",
        run=run,
        app=visit.hub.app(run.app_id),
        annotations=json.loads(run.annotations),
        pulls=[pull["number"] for pull in pulls_at(visit.view, repo, run.head_sha)],
    )


@pages.get(REPO + "/actions/runs/{run_id:int}")
def workflow_run(visit: Visit) -> Response:
    """A run of a CI workflow, which somebody plays here."""
    repo = visit.repo()
    run = find_run(visit.hub, repo, visit.parameters["run_id"])
    title = f"{run.name} #{run.run_number} · {repo.full_name}"
    return visit.page("workflow_run.html.j2", title, repo=repo, tab="code", run=run, inputs=json.loads(run.inputs))


@pages.get(REPO + "/deployments")
def deployments(visit: Visit) -> Response:
    """Every deployment of a repository, with what became of it."""
    repo = visit.repo()
    found = [(one, statuses_of(visit.hub, one)) for one in deployments_of(visit.hub, repo)[:100]]
    return visit.page(
        "deployments.html.j2", f"Deployments · {repo.full_name}", repo=repo, tab="code", deployments=found
    )
