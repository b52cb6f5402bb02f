"""Bringing a build to its environment, by a command or a CI workflow, and asking whether it works there."""

import time
from collections.abc import Callable

from bot.adapters.agents import agent as agent_named
from bot.domain.agents import AgentRequest, AgentStatus, Limits
from bot.domain.commands_run import Command
from bot.domain.config import EnvironmentConfig
from bot.domain.errors import NotFound, Rejected
from bot.domain.run import Run
from bot.domain.trees import Workspace
from workflows.claims import Claim
from workflows.deployment_steps import Done, brought_here, command, environment_of, release_of, started, target
from workflows.patience import LISTED_WITHIN, delays, patiently
from workflows.services import Services

_TAIL = 2000
_ASK_AGAIN_SECONDS = 5.0
_UNTOLD = "?"
"""The remote id of a dispatch that GitHub has answered without naming its run."""


def ship(here: Services, run: Run, workspace: Workspace, claim: Claim) -> Done:
    """Bring it to the environment, if there is one."""
    where = target(run)
    if where is None:
        return Done(ok=True, note="no environment is configured, so it was deployed nowhere")
    if where.command is not None:
        return _by_command(here, run, workspace, where, where.command, claim)
    if where.workflow is not None:
        return _by_workflow(here, run, workspace, where, where.workflow, claim)
    return Done(ok=True, note=f"no way to deploy to {where.name} is configured")


def verify(here: Services, run: Run, workspace: Workspace) -> Done:
    """Ask whether it works, several times if need be."""
    where = target(run)
    if where is None or (where.health.command is None and where.health.url is None):
        return Done(ok=True, note="no health check is configured")
    if where.health.command is not None:
        # What it asks about was deployed: a build that fails here and now says nothing about that.
        workspace, _ = brought_here(here, run, workspace)
    last = Done(ok=False, note="")
    for attempt in range(where.health.tries):
        if attempt:
            time.sleep(where.health.wait_seconds)
        last = _ask(here, run, workspace, where)
        if last.ok:
            return last
    note = f"{where.name} is not healthy after {where.health.tries} tries: {last.note}"
    return last.model_copy(update={"note": note})


def _by_command(
    here: Services, run: Run, workspace: Workspace, where: EnvironmentConfig, argv: Command, claim: Claim
) -> Done:
    """The command has a supervisor of its own: it survives us, and is not run twice while its machine lives."""
    ref = workspace.attempt
    if not here.operations.knows(ref):
        # Under a command that runs, or has run, nothing is touched.
        workspace, built = brought_here(here, run, workspace)
        if not built.ok:
            return built
    request = AgentRequest(
        attempt=ref,
        issue=run.started.issue,
        title=run.started.title,
        role="operation",
        agent="operation",
        prompt="",
        workspace=workspace.path,
        limits=Limits(wall_seconds=where.timeout_seconds, idle_seconds=where.timeout_seconds),
        settings={"argv": argv, "env": environment_of(here, run, workspace)},
    )
    claim.check()
    here.operations.start(request, agent_named("operation").launch(request, here.operations.directory(ref)))
    result = here.operations.wait(ref)
    ok = result.status is AgentStatus.OK
    note = f"deployed to {where.name}" if ok else f"deploying to {where.name} failed ({result.status.value})"
    return Done(ok=ok, note=note, evidence=result.detail[-_TAIL:], seconds=result.seconds)


def _by_workflow(
    here: Services, run: Run, workspace: Workspace, where: EnvironmentConfig, workflow: str, claim: Claim
) -> Done:
    """Dispatch it once, with a key that its `run-name` should show, and wait for its end."""
    repository = here.github.repository(run.started.issue.repo)
    key = f"{workspace.attempt.key}:dispatch"
    production = started(run).environment == "production"
    branch = run.started.base_branch if production else run.started.branch
    inputs = {"commit": workspace.start, "release": release_of(here, run, workspace), "issuewright": key}

    def find() -> str | None:
        found = repository.find_dispatched_workflow(workflow, key, run.started_at)
        return None if found is None else str(found)

    def act() -> str:
        number = repository.dispatch_workflow(workflow, branch, inputs)
        return _UNTOLD if number is None else str(number)

    try:
        told = here.effects.once(key, "dispatch", act, find=find, claim=claim, run_id=run.id)
    except (Rejected, NotFound) as problem:
        return Done(ok=False, note=f"the workflow {workflow} could not be dispatched: {problem}")
    listed = _listed(find) if told == _UNTOLD else told
    if listed is None:
        # It runs, but nobody knows which one it is: another dispatch would deploy twice.
        why = "no run of it shows its key: put `${{ inputs.issuewright }}` into its `run-name`"
        return Done(ok=False, note=f"the workflow {workflow} was dispatched, but {why}")
    number = int(listed)
    ends = time.monotonic() + where.timeout_seconds
    while time.monotonic() < ends:
        now = patiently(lambda: repository.workflow_run(number))
        if now.succeeded is not None:
            how = "deployed" if now.succeeded else "deploying failed"
            return Done(ok=now.succeeded, note=f"{how} to {where.name} by {workflow}", evidence=now.url)
        time.sleep(_ASK_AGAIN_SECONDS)
    return Done(ok=False, note=f"the workflow {workflow} did not end within {where.timeout_seconds:.0f} s")


def _listed(find: Callable[[], str | None]) -> str | None:
    """The run that a dispatch has started, once GitHub lists it."""
    for delay in delays(LISTED_WITHIN.total_seconds()):
        if (found := patiently(find)) is not None:
            return found
        time.sleep(delay)
    return patiently(find)


def _ask(here: Services, run: Run, workspace: Workspace, where: EnvironmentConfig) -> Done:
    if where.health.command is not None:
        return command(here, run, workspace, "health check", where.health.command)
    # It brings the modules of its own command line along, and few repositories have a URL to ask.
    import httpx

    url = where.health.url or ""
    try:
        answer = httpx.get(url, timeout=10.0, follow_redirects=False)
    except httpx.HTTPError as error:
        return Done(ok=False, note=f"{url} did not answer ({type(error).__name__})")
    evidence = "" if answer.is_success else answer.text[:500]
    return Done(ok=answer.is_success, note=f"{url} answered {answer.status_code}", evidence=evidence)
