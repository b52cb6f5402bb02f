"""Natural keys of attempts and deployments, and of their effects."""

from bot.domain.refs import AttemptRef
from bot.domain.run import Run


def push_key(run_id: str, stage: str, number: int) -> str:
    """The effect that moves the run's branch to an attempt's commit."""
    return f"{AttemptRef(run_id=run_id, stage=stage, number=number).key}:push"


def deployment_ref(run_id: str, environment: str, number: int, *, back: bool = False) -> AttemptRef:
    """What a deployment's workspace and command are known by on their machine, or those of its way `back` to the last
    good version."""
    return AttemptRef(run_id=run_id, stage=f"deploy-{environment}" + ("-back" if back else ""), number=number)


def tidying_key(run: Run) -> str:
    """The effect (within its run) that moves the branch to a commit without artifacts, on top of the run's head. The
    branch may come back to a head that was tidied before: somebody has undone that."""
    before = run.tidied_from.count(run.head or "")
    return f"tidied:{run.head}" + (f":{before}" if before else "")
