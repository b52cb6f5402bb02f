"""The steps of a deployment: what each does, in terms of the adapters."""

from pathlib import Path
from typing import Any

from dbos import DBOS
from sqlalchemy import ColumnElement, Row, select

from bot.adapters.github_deployments import DeploymentState
from bot.domain.agents import Finding
from bot.domain.commands_run import Command
from bot.domain.config import EnvironmentConfig
from bot.domain.entries import DeploymentFinished, DeploymentStarted, Environment
from bot.domain.errors import NotFound, Rejected
from bot.domain.refs import AttemptRef
from bot.domain.run import Run
from bot.domain.trees import Workspace
from bot.domain.values import Value
from workflows.attempt_keys import deployment_ref
from workflows.claims import Claim
from workflows.deployment_files import built, laid_out, lay_out, lay_out_again, release_files, was_built
from workflows.repository_commands import Ran, run_repository_command
from workflows.schema.tables import deployments, runs
from workflows.services import Services

_TAIL = 2000
NOT_ANNOUNCED = 0
"""In place of a deployment's id where GitHub does not let us record one."""


class Done(Value):
    """What one step came to: `note` is a phrase for people, `evidence` the end of a command's output."""

    ok: bool
    note: str
    evidence: str = ""
    seconds: float = 0.0


def started(run: Run) -> DeploymentStarted:
    """The deployment that is under way."""
    if run.deploying is None:
        raise ValueError(f"{run.id} is deploying nothing")
    return run.deploying


def target(run: Run) -> EnvironmentConfig | None:
    """Where the deployment goes; None when nothing is configured for it."""
    deploy = run.started.config.deploy
    return deploy.production if started(run).environment == "production" else deploy.preview


def reference(run: Run, *, back: bool = False) -> AttemptRef:
    """What the deployment's workspace and command are known by, or those of its way `back`."""
    return deployment_ref(run.id, started(run).environment, started(run).number, back=back)


def release(run: Run) -> str:
    """The version that a deployment is known by: the issue, the environment's count, the commit."""
    return f"{run.started.issue.number}.{started(run).number}-{started(run).commit[:10]}"


def announce(here: Services, run: Run, claim: Claim) -> int:
    """GitHub's own record of the deployment; its id."""
    deploying, where = started(run), target(run)
    repository = here.github.repository(run.started.issue.repo)
    key = f"{run.id}:deploy:{deploying.environment}:{deploying.number}"
    environment = where.name if where else deploying.environment

    def find() -> str | None:
        found = repository.find_deployment(sha=deploying.commit, environment=environment, key=key)
        return None if found is None else str(found)

    def act() -> str:
        made = repository.create_deployment(
            sha=deploying.commit,
            environment=environment,
            description=f"Release {release(run)} of {run.id}",
            key=key,
            production=deploying.environment == "production",
        )
        return str(made)

    try:
        return int(here.effects.once(key, "deployment", act, find=find, claim=claim, run_id=run.id))
    except (Rejected, NotFound):
        # Without the permission the deployment goes on; only GitHub's page does not list it.
        return NOT_ANNOUNCED


def prepare(here: Services, run: Run, commit: str, back: bool) -> Workspace:
    """A fresh worktree at the commit to be deployed."""
    return lay_out(here, reference(run, back=back), run.started.issue.repo, commit)


def build(here: Services, run: Run, workspace: Workspace) -> Done:
    """Build the artifact by the repository's own command."""
    return _build(here, run, laid_out(here, workspace))


def smoke(here: Services, run: Run, workspace: Workspace) -> Done:
    """Try what was built, before it goes anywhere."""
    if run.started.config.deploy.smoke is not None:
        workspace, built = brought_here(here, run, workspace)
        if not built.ok:
            return built
    return command(here, run, workspace, "smoke test", run.started.config.deploy.smoke)


def brought_here(here: Services, run: Run, workspace: Workspace) -> tuple[Workspace, Done]:
    """The workspace on this machine, and how its build went. The one that had the files may be gone: that says nothing
    against the commit, so they are made, and built, once more."""
    there = built(here, workspace)
    if there is not None:
        return there, Done(ok=True, note="built before")
    again = lay_out_again(here, workspace)
    return again, _build(here, run, again)


def _build(here: Services, run: Run, workspace: Workspace) -> Done:
    done = command(here, run, workspace, "build", run.started.config.deploy.build)
    if done.ok:
        was_built(here, workspace)
    return done


def command(here: Services, run: Run, workspace: Workspace, what: str, argv: Command | None) -> Done:
    """Run one of the repository's commands in the workspace; one that is not configured is no failure."""
    if argv is None:
        return Done(ok=True, note=f"no {what} is configured")
    ran = run_repository_command(
        here,
        argv,
        Path(workspace.path),
        record=f"{workspace.attempt.key}/{what.replace(' ', '-')}",
        env=dict(pair.split("=", 1) for pair in environment_of(here, run, workspace)),
        timeout=run.started.config.deploy.timeout_seconds,
    )
    return _done(what, ran)


def environment_of(here: Services, run: Run, workspace: Workspace) -> tuple[str, ...]:
    """What a deployment's commands find in their environment, as `NAME=value`."""
    return (f"ISSUEWRIGHT_COMMIT={workspace.start}", f"ISSUEWRIGHT_RELEASE={release_of(here, run, workspace)}")


def release_of(here: Services, run: Run, workspace: Workspace) -> str:
    """The version that the workspace's commit is known by: a rollback brings back an earlier one under its own name."""
    if workspace.start == started(run).commit:
        return release(run)
    good = _newest_good(here, run, deployments.c.commit_sha == workspace.start)
    return good.release if good is not None else release(run)


def last_good(here: Services, run: Run) -> str | None:
    """The commit that was last known to work in production; None when there was none."""
    good = _newest_good(here, run)
    return None if good is None else good.commit_sha


def _newest_good(here: Services, run: Run, *which: ColumnElement[bool]) -> Row[Any] | None:
    """The newest deployment to the repository's production that worked."""
    worked = (deployments.c.environment == "production") & (deployments.c.status == "success")
    query = select(deployments).join(runs).where(runs.c.repo == str(run.started.issue.repo), worked, *which)
    with here.database.read() as connection:
        return connection.execute(query.order_by(deployments.c.finished_at.desc()).limit(1)).first()


def finished(run: Run, environment: Environment, done: list[Done], back: list[Done]) -> DeploymentFinished:
    """The deployment's entry: what was done, in order, and the evidence of what failed."""
    failed = next((step for step in done if not step.ok), None)
    rolled_back = bool(back) and all(step.ok for step in back)
    notes = [step.note for step in done]
    if back:
        notes.append(
            "the last good version was brought back" if rolled_back else "bringing back the last good version failed"
        )
    where = target(run)
    return DeploymentFinished(
        environment=environment,
        number=started(run).number,
        commit=started(run).commit,
        status="success" if failed is None else "rolled_back" if rolled_back else "failure",
        release=release(run),
        detail="; ".join(notes),
        url=where.url if where else None,
        findings=(Finding(message=failed.evidence or failed.note),) if failed else (),
        seconds=sum(step.seconds for step in (*done, *back)),
    )


def report(here: Services, run: Run, announced: int, entry: DeploymentFinished, claim: Claim) -> None:
    """Tell GitHub's record how it went; saying it again does no harm."""
    if announced == NOT_ANNOUNCED:
        return
    repository = here.github.repository(run.started.issue.repo)
    state: DeploymentState = "success" if entry.status == "success" else "failure"

    def act() -> None:
        repository.set_deployment_status(announced, state, entry.detail, entry.url)

    key = f"{run.id}:deployed:{announced}"
    try:
        here.effects.repeatable(key, "deployment-status", act, claim=claim, run_id=run.id)
    except (Rejected, NotFound) as refused:
        # What is deployed stays so, whatever GitHub's page says.
        DBOS.logger.warning(f"{run.id}: the deployment's status is not on GitHub: {refused}")


def clean_up(here: Services, run: Run) -> None:
    """Nothing of the deployment is needed on this machine any more."""
    for back in (False, True):
        ref = reference(run, back=back)
        release_files(here, ref)
        if here.operations.directory(ref).exists():
            here.operations.release(ref)


def _done(what: str, ran: Ran) -> Done:
    note = f"{what}: ok" if ran.ok else f"{what} failed ({ran.how})"
    return Done(ok=ran.ok, note=note, evidence="" if ran.ok else ran.output[-_TAIL:], seconds=ran.seconds)
