"""The steps of a deployment: what each does, in terms of the adapters."""

import time
from pathlib import Path

import httpx

from bot.adapters.agents import agent as agent_named
from bot.adapters.processes import run_command
from bot.domain.agents import AgentRequest, AgentStatus, Finding, Limits
from bot.domain.commands_run import Command
from bot.domain.config import EnvironmentConfig
from bot.domain.entries import DeploymentFinished, DeploymentStarted, Environment
from bot.domain.refs import AttemptRef
from bot.domain.run import Run
from bot.domain.trees import Workspace
from bot.domain.values import Value
from workflows.attempt_keys import deployment_ref
from workflows.claims import Claim
from workflows.patience import patiently
from workflows.services import Services

_TAIL = 2000


class Done(Value):
    """What one step came to: `note` is a sentence for people, `evidence` the end of a command's output."""

    ok: bool
    note: str
    evidence: str = ""
    seconds: float = 0.0


def prepare(here: Services, run: Run) -> Workspace:
    """A fresh worktree at the commit to be deployed."""
    started = _started(run)
    return patiently(lambda: here.workspaces.prepare(_ref(run), run.started.issue.repo, start=started.commit))


def build(here: Services, run: Run, workspace: Workspace) -> Done:
    """Build the artifact by the repository's own command."""
    return _command(here, run, workspace, "build", run.started.config.deploy.build)


def smoke(here: Services, run: Run, workspace: Workspace) -> Done:
    """Try what was built, before it goes anywhere."""
    return _command(here, run, workspace, "smoke test", run.started.config.deploy.smoke)


def ship(here: Services, run: Run, workspace: Workspace, claim: Claim) -> Done:
    """Bring it to the environment. The command has a supervisor of its own: it survives us, and is not run twice."""
    target = _target(run)
    if target is None:
        return Done(ok=True, note="no environment is configured, so it was deployed nowhere")
    if target.command is None:
        return Done(ok=True, note=f"no way to deploy to {target.name} is configured")
    ref = _ref(run)
    request = AgentRequest(
        attempt=ref,
        issue=run.started.issue,
        title=run.started.title,
        role="operation",
        agent="operation",
        prompt="",
        workspace=workspace.path,
        limits=Limits(wall_seconds=target.timeout_seconds, idle_seconds=target.timeout_seconds),
        settings={"argv": target.command, "env": _environment(run)},
    )
    claim.check()
    here.operations.start(request, agent_named("operation").launch(request, here.operations.directory(ref)))
    result = here.operations.wait(ref)
    ok = result.status is AgentStatus.OK
    note = f"deployed to {target.name}" if ok else f"deploying to {target.name} failed ({result.status.value})"
    return Done(ok=ok, note=note, evidence=result.detail[-_TAIL:], seconds=result.seconds)


def verify(here: Services, run: Run, workspace: Workspace) -> Done:
    """Ask whether it works, several times if need be."""
    target = _target(run)
    if target is None or (target.health.command is None and target.health.url is None):
        return Done(ok=True, note="no health check is configured")
    last = Done(ok=False, note="")
    for attempt in range(target.health.tries):
        if attempt:
            time.sleep(target.health.wait_seconds)
        last = _ask(here, run, workspace, target)
        if last.ok:
            return last
    return last.model_copy(
        update={"note": f"{target.name} is not healthy after {target.health.tries} tries: {last.note}"}
    )


def finished(run: Run, environment: Environment, done: list[Done]) -> DeploymentFinished:
    """The deployment's entry: what was done, in order, and the evidence of what failed."""
    started, failed = _started(run), next((d for d in done if not d.ok), None)
    target = _target(run)
    findings = (Finding(message=failed.evidence or failed.note),) if failed else ()
    return DeploymentFinished(
        environment=environment,
        number=started.number,
        commit=started.commit,
        status="failure" if failed else "success",
        release=release(run),
        detail="; ".join(d.note for d in done),
        url=target.url if target else None,
        findings=findings,
        seconds=sum(d.seconds for d in done),
    )


def release(run: Run) -> str:
    """The version that a deployment is known by: the issue, the environment's count, the commit."""
    started = _started(run)
    return f"{run.started.issue.number}.{started.number}-{started.commit[:10]}"


def clean_up(here: Services, run: Run) -> None:
    """Nothing of the deployment is needed on this machine any more."""
    here.workspaces.release(_ref(run))
    if here.operations.directory(_ref(run)).exists():
        here.operations.release(_ref(run))


def _ask(here: Services, run: Run, workspace: Workspace, target: EnvironmentConfig) -> Done:
    if target.health.command is not None:
        return _command(here, run, workspace, "health check", target.health.command)
    assert target.health.url is not None
    try:
        answer = httpx.get(target.health.url, timeout=10.0, follow_redirects=False)
    except httpx.HTTPError as error:
        return Done(ok=False, note=f"{target.health.url} did not answer: {type(error).__name__}")
    ok = answer.is_success
    return Done(
        ok=ok, note=f"{target.health.url} answered {answer.status_code}", evidence="" if ok else answer.text[:500]
    )


def _command(here: Services, run: Run, workspace: Workspace, what: str, command: Command | None) -> Done:
    if command is None:
        return Done(ok=True, note=f"no {what} is configured")
    record = here.commands_directory / _ref(run).key / what.replace(" ", "-")
    timeout = run.started.config.deploy.timeout_seconds
    env = dict(pair.split("=", 1) for pair in _environment(run))
    result = run_command(command, cwd=Path(workspace.path), env=env, timeout=timeout, record=record)
    ok = result.exit_code == 0
    how = "timed out" if result.timed_out else f"exit code {result.exit_code}"
    note = f"{what}: ok" if ok else f"{what} failed ({how})"
    return Done(ok=ok, note=note, evidence="" if ok else result.output[-_TAIL:], seconds=result.seconds)


def _environment(run: Run) -> tuple[str, ...]:
    started = _started(run)
    return (f"ISSUEWRIGHT_COMMIT={started.commit}", f"ISSUEWRIGHT_RELEASE={release(run)}")


def _started(run: Run) -> DeploymentStarted:
    if run.deploying is None:
        raise ValueError(f"{run.id} is deploying nothing")
    return run.deploying


def _target(run: Run) -> EnvironmentConfig | None:
    deploy = run.started.config.deploy
    return deploy.production if _started(run).environment == "production" else deploy.preview


def _ref(run: Run) -> AttemptRef:
    started = _started(run)
    return deployment_ref(run.id, started.environment, started.number)
