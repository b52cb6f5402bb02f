"""Natural keys of an attempt's effects."""

from bot.domain.refs import AttemptRef


def push_key(run_id: str, stage: str, number: int) -> str:
    """The effect that moves the run's branch to an attempt's commit."""
    return f"{AttemptRef(run_id=run_id, stage=stage, number=number).key}:push"
