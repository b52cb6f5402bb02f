"""Is a stage getting anywhere, and may it spend more? What is not ends in a person's hands."""

from bot.domain.agents import AgentStatus
from bot.domain.entries import AttemptFinished
from bot.domain.pipeline import Stage
from bot.domain.run import Run


def why_stuck(run: Run, stage: Stage) -> str | None:
    """Why this stage should not be tried again without a person; None when it should."""
    state = run.stages[stage.name]
    if state.refused >= stage.rounds:
        return f"{stage.name} did not succeed in {state.refused} attempts in a row"
    for sender in (s for s in run.plan.stages if _answers(s, stage)):
        sent_back = run.stages[sender.name].sent_back
        if sent_back >= sender.rounds:
            return f"{sender.name} sent the work back {sent_back} times in a row"
        if sent_back >= 2 and _says_the_same(run, sender.name):
            return f"{sender.name} found the same twice: {stage.name} makes no progress"
    finished = _finished(run, stage.name)
    if state.refused >= 2 and len(finished) >= 2:
        before, last = finished[-2:]
        if last.status is before.status is AgentStatus.BAD_OUTPUT:
            return f"{stage.name} gave no valid result twice: {last.detail}"
        answered = AgentStatus.BAD_OUTPUT not in (last.status, before.status)
        if answered and last.kept is not None and last.kept == before.kept:
            return f"{stage.name} made no progress: its last two attempts left the same files"
    return _over_budget(run, stage)


def reservation(run: Run, stage: Stage) -> float:
    """US dollars that one attempt at this stage may cost: what is set aside before it starts."""
    return stage.limits.max_usd if stage.limits.max_usd is not None else run.started.config.budget.attempt_usd


def estimate(run: Run) -> float:
    """US dollars that the run may cost when every stage succeeds at its first attempt."""
    return sum(reservation(run, stage) for stage in run.plan.stages)


def _over_budget(run: Run, stage: Stage) -> str | None:
    needed = reservation(run, stage)
    if run.cost_usd + needed <= run.cap_usd:
        return None
    spent = f"${run.cost_usd:.2f} of ${run.cap_usd:.2f} is spent"
    return f"{spent}, and the next attempt of {stage.name} may cost ${needed:.2f}: allow more with `/budget <usd>`"


def _answers(sender: Stage, stage: Stage) -> bool:
    """Whether what `sender` finds wanting goes to `stage`; a candidate that is not healthy may go to whoever ships."""
    return stage.name == (sender.sends_back_to or (sender.name if sender.ships else None))


def _says_the_same(run: Run, sender: str) -> bool:
    finished = _finished(run, sender)
    if len(finished) < 2:
        return False
    before, last = finished[-2:]
    return bool(last.findings) and {f.message for f in last.findings} == {f.message for f in before.findings}


def _finished(run: Run, stage: str) -> list[AttemptFinished]:
    return [a.finished for a in run.stages[stage].attempts if a.finished and a.started.mode == "work"]
