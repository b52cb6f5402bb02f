"""The status comment: where a run stands, what comes next, what it costs, who decides, how to stop it."""

from bot.domain.agents import AgentStatus
from bot.domain.pipeline import Gate, Stage
from bot.domain.progress import estimate
from bot.domain.rendering.deployments import deployed
from bot.domain.rendering.links import Links
from bot.domain.rendering.markdown import cut
from bot.domain.rendering.stages import Mark, result_of, stage_mark
from bot.domain.run import Run
from bot.domain.standing import standing
from bot.domain.values import Value

_MOST_EVIDENCE = 5
_LONGEST = 300


class StepView(Value):
    """A line of the status table: one stage or gate. `commit` is a link."""

    name: str
    is_gate: bool
    mark: Mark
    note: str
    attempts: int = 0
    commit: str = ""
    cost_usd: float = 0.0


class StatusView(Value):
    """The status comment. `trouble` is why the run needs a person, `evidence` what was found wrong last; `branch` and
    `folder` are links, `candidate` and `production` tell what was deployed there last, `expected` is US dollars if all
    goes well at once, `cap` what may be spent at most."""

    headline: str
    trouble: str
    steps: tuple[StepView, ...]
    evidence: tuple[str, ...]
    pull: int | None
    branch: str
    folder: str
    spent: float
    expected: float
    cap: float
    day_cap: float
    asked: str
    is_over: bool
    candidate: str = ""
    production: str = ""


def status_view(run: Run, links: Links) -> StatusView:
    """Everything that the status comment says of the run's present state."""
    started = run.started
    return StatusView(
        headline="needs your help" if run.parked or run.unreadable else standing(run),
        trouble=cut(run.unreadable or run.parked or "", 2000),
        steps=tuple(_stage_line(run, s, links) if isinstance(s, Stage) else _gate_line(run, s) for s in run.plan.steps),
        evidence=tuple(_evidence(run)),
        pull=run.pull_number,
        branch=links.branch(started.branch) if run.head else "",
        folder=links.folder(started.branch, started.folder) if run.head else "",
        spent=run.cost_usd,
        expected=estimate(run),
        cap=run.cap_usd,
        day_cap=started.config.budget.day_usd,
        asked=started.started_by.login,
        is_over=run.is_over or run.is_winding_up,
        candidate=deployed(run, "candidate"),
        production=deployed(run, "production"),
    )


def _evidence(run: Run) -> list[str]:
    """What stands against the work at this moment, a line each."""
    lines: list[str] = []
    for name, state in run.stages.items():
        last = state.attempts[-1].finished if state.attempts else None
        if state.done or last is None:
            continue
        lines += [f"{verdict.check}: {verdict.summary}" for verdict in last.verdicts if verdict.refuses]
        if last.opinion == "changes":
            lines += [f"{name}: {finding.message}" for finding in last.findings if finding.severity == "error"]
        if last.status is not AgentStatus.OK and last.detail:
            lines.append(f"{name}: {last.detail}")
    return [cut(" ".join(line.split()), _LONGEST) for line in lines[:_MOST_EVIDENCE]]


def _stage_line(run: Run, stage: Stage, links: Links) -> StepView:
    state = run.stages[stage.name]
    finished = [a.finished for a in state.attempts if a.finished]
    commit = next((f.commit for f in reversed(finished) if f.commit), None)
    mark = stage_mark(run, stage.name)
    last = result_of(finished[-1]) if finished else ""
    note = {"live": "at work", "failed": last, "done": last, "to come": "looks again" if finished else "to come"}
    return StepView(
        name=stage.name,
        is_gate=False,
        mark=mark,
        note=note.get(mark, "to come"),
        attempts=len(state.attempts),
        commit=links.commit(commit) if commit else "",
        cost_usd=sum(f.cost_usd for f in finished),
    )


def _gate_line(run: Run, gate: Gate) -> StepView:
    passed = run.passed.get(gate.name)
    if passed is not None:
        names = ", ".join(f"@{actor.login}" for actor in passed.by)
        return StepView(name=gate.name, is_gate=True, mark="done", note=f"approved by {names}")
    if run.gate is not None and run.gate.gate == gate.name:
        note = f"waits for approval ({len(run.gate.approvals)} of {gate.approvals})"
        return StepView(name=gate.name, is_gate=True, mark="waiting", note=note)
    return StepView(name=gate.name, is_gate=True, mark="to come", note="to come")
