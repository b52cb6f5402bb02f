"""A stage's comment: its attempts, what each said, what was found, and where to read more."""

from typing import Literal

from bot.domain.agents import AgentStatus, Finding, Opinion
from bot.domain.entries import AttemptFinished
from bot.domain.next_moves import next_moves
from bot.domain.pipeline import Stage
from bot.domain.rendering.links import Links
from bot.domain.rendering.markdown import cut, in_code
from bot.domain.run import Attempt, Run
from bot.domain.values import Value
from bot.domain.verdicts import Outcome

Mark = Literal["done", "live", "waiting", "failed", "to come"]

_LONGEST_SUMMARY = 1500
_LONGEST_MESSAGE = 300
_LONGEST_DETAIL = 4000
_MOST_FINDINGS = 25


class VerdictView(Value):
    """What one check said."""

    check: str
    outcome: Outcome
    summary: str


class FindingView(Value):
    """One row of the table of findings. `place` is Markdown."""

    severity: str
    place: str
    message: str


class AttemptView(Value):
    """One attempt. `result` says in a word or two what came of it; `artifacts` and `commit` are links; `more` counts
    the findings for which there is no room, `brief` is an attempt of which only the result is told."""

    number: int
    result: str
    passed: bool | None
    brief: bool = False
    summary: str = ""
    opinion: Opinion | None = None
    verdicts: tuple[VerdictView, ...] = ()
    findings: tuple[FindingView, ...] = ()
    more: int = 0
    questions: tuple[str, ...] = ()
    detail: str = ""
    commit: str = ""
    artifacts: tuple[str, ...] = ()
    cost_usd: float = 0.0
    seconds: float = 0.0


class StageView(Value):
    """A stage's comment. Attempts come newest first; `cut` tells that something was left out; `folder` is a link to
    the run's artifacts."""

    stage: str
    mark: Mark
    result: str
    attempts: tuple[AttemptView, ...]
    earlier: tuple[AttemptView, ...]
    cut: bool
    folder: str
    cost_usd: float
    seconds: float


def stage_view(run: Run, stage: str, links: Links, *, whole: int = 3) -> StageView:
    """Everything that a stage's comment says; of all but the `whole` newest attempts only the result."""
    plan = run.plan.stage(stage)
    newest = list(reversed(run.stages[stage].attempts))
    shown = [_attempt_view(run, plan, attempt, links, brief=n >= whole) for n, attempt in enumerate(newest)]
    finished = [attempt.finished for attempt in newest if attempt.finished]
    return StageView(
        stage=stage,
        mark=stage_mark(run, stage),
        result=shown[0].result,
        attempts=tuple(shown[:1]),
        earlier=tuple(shown[1:]),
        cut=len(finished) > whole or any(attempt.more for attempt in shown),
        folder=links.folder(run.started.branch, run.started.folder),
        cost_usd=sum(one.cost_usd for one in finished),
        seconds=sum(one.seconds for one in finished),
    )


def stage_mark(run: Run, stage: str) -> Mark:
    """Where a stage stands, as a sign in a table."""
    state = run.stages[stage]
    if state.done:
        return "done"
    if run.live is not None and run.live.stage == stage:
        return "live"
    if state.attempts:
        is_next = any(getattr(move, "stage", None) == stage for move in next_moves(run))
        last = state.attempts[-1].finished
        # Work that was handed on and has to be looked at again, after others' turn, has not failed.
        waits = last is not None and last.commit is not None
        return "live" if is_next else "to come" if waits and not run.parked else "failed"
    return "to come"


def result_of(finished: AttemptFinished) -> str:
    """What came of an attempt, in a few words."""
    if finished.status is not AgentStatus.OK:
        return _ENDED.get(finished.status, finished.status.value.replace("_", " "))
    refused = [verdict.check for verdict in finished.verdicts if verdict.refuses]
    if refused:
        return f"refused by {', '.join(refused)}"
    if finished.opinion == "changes":
        return f"asks for changes ({len(finished.findings)})"
    return "passes it" if finished.opinion == "pass" else "done"


_ENDED = {
    AgentStatus.AGENT_ERROR: "the agent failed",
    AgentStatus.BUDGET: "its budget was spent",
    AgentStatus.TIMEOUT: "ran out of time",
    AgentStatus.INTERRUPTED: "stopped",
    AgentStatus.BAD_OUTPUT: "gave no valid result",
    AgentStatus.CLI_ERROR: "the agent's program failed",
    AgentStatus.LOST: "lost with its machine",
}


def _attempt_view(run: Run, stage: Stage, attempt: Attempt, links: Links, *, brief: bool) -> AttemptView:
    number, finished = attempt.started.number, attempt.finished
    if finished is None:
        return AttemptView(number=number, result="at work", passed=None, brief=True)
    passed = finished.status is AgentStatus.OK and not any(verdict.refuses for verdict in finished.verdicts)
    commit, folder = finished.commit, run.started.folder
    rechecked = attempt.started.mode == "recheck" and passed
    result = AttemptView(
        number=number,
        result="checked what a person pushed" if rechecked else result_of(finished),
        passed=passed,
        brief=True,
        commit=links.commit(commit) if commit else "",
        cost_usd=finished.cost_usd,
        seconds=finished.seconds,
    )
    if brief:
        return result
    found = [*(finding for verdict in finished.verdicts for finding in verdict.findings), *finished.findings]
    verdicts = tuple(
        VerdictView(check=v.check, outcome=v.outcome, summary=cut(v.summary, _LONGEST_MESSAGE))
        for v in finished.verdicts
    )
    written = [name for name in stage.outputs if name in finished.contents]
    details = {
        "brief": False,
        "summary": cut(finished.summary, _LONGEST_SUMMARY),
        "opinion": finished.opinion,
        "verdicts": verdicts,
        "findings": tuple(_finding_view(finding, commit, links) for finding in found[:_MOST_FINDINGS]),
        "more": max(0, len(found) - _MOST_FINDINGS),
        "questions": tuple(cut(question, _LONGEST_MESSAGE) for question in finished.questions[:10]),
        "detail": "" if finished.status is AgentStatus.OK else cut(finished.detail, _LONGEST_DETAIL),
        "artifacts": tuple(links.artifact(commit, folder, name) for name in written) if commit else (),
    }
    return result.model_copy(update=details)


def _finding_view(finding: Finding, commit: str | None, links: Links) -> FindingView:
    """A place in refused work has no address: nobody but us has that commit."""
    place = ""
    if finding.path:
        shown = f"{finding.path}:{finding.line}" if finding.line else finding.path
        place = links.file(commit, finding.path, finding.line) if commit else in_code(shown)
    return FindingView(severity=finding.severity, place=place, message=cut(finding.message, _LONGEST_MESSAGE))
