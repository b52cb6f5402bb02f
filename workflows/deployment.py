"""A deployment: build, deploy and verify one commit, top to bottom like a runbook; each step is recorded."""

from dbos import DBOS

from bot.domain.decisions import Decision
from bot.domain.entries import DeploymentFinished, Environment
from bot.domain.events import MoveMade
from bot.domain.run import Run
from bot.domain.trees import Workspace
from workflows import deployment_steps as steps
from workflows import shipping
from workflows.claims import Claim
from workflows.deployment_steps import Done
from workflows.drive import record
from workflows.outages import through_outages
from workflows.services import Services, services
from workflows.steps import step


@DBOS.workflow(name="deploy", max_recovery_attempts=None)
def deploy(run_id: str, environment: Environment, number: int) -> None:
    """Execute the deployment that the journal says is under way, and report its end to the journal."""
    here = services()
    run = through_outages(lambda: here.journal.run(run_id))
    if run is None or not run.is_deploying(environment, number):
        return
    finished = _deploy(here, run, environment)
    outcome = MoveMade(entry=finished, cause=f"deploy:{environment}:{number}:finished")
    step("record", Decision, record, here, run_id, outcome)
    steps.clean_up(here, run)


def _deploy(here: Services, run: Run, environment: Environment) -> DeploymentFinished:
    """Stop at the first thing that fails; say in words what was done and what was not."""
    claim = here.claims.take(f"deploy:{run.id}")
    announced = step("announce", int, steps.announce, here, run, claim)
    done = _bring(here, run, steps.started(run).commit, claim, back=False)
    brought_back: list[Done] = []
    if environment == "production" and not done[-1].ok:
        last_good = step("last good", str | None, steps.last_good, here, run)
        brought_back = _bring(here, run, last_good, claim, back=True) if last_good else []
    finished = steps.finished(run, environment, done, brought_back)
    step("report", type(None), steps.report, here, run, announced, finished, claim)
    return finished


def _bring(here: Services, run: Run, commit: str, claim: Claim, *, back: bool) -> list[Done]:
    """Bring a commit to the deployment's environment, and see that it works there."""
    workspace = step("prepare", Workspace, steps.prepare, here, run, commit, back)
    done: list[Done] = [step("build", Done, steps.build, here, run, workspace)]
    if done[-1].ok:
        done.append(step("smoke", Done, steps.smoke, here, run, workspace))
    if done[-1].ok:
        done.append(step("ship", Done, shipping.ship, here, run, workspace, claim))
    if done[-1].ok:
        done.append(step("verify", Done, shipping.verify, here, run, workspace))
    return done
