"""A gate's comment: exactly what is to be approved, what stands behind it, how, by whom and until when."""

from datetime import datetime, timedelta

from bot.domain.gates import Subject
from bot.domain.pipeline import CODE, Gate, Stage
from bot.domain.refs import IssueRef
from bot.domain.rendering.deployments import deployed
from bot.domain.rendering.links import Links
from bot.domain.rendering.markdown import cut
from bot.domain.rendering.stages import result_of
from bot.domain.run import Run
from bot.domain.values import Value

_LONGEST_SUMMARY = 200
_LONGEST_QUESTION = 500


class ShownFile(Value):
    """An artifact that is to be read: a link to it, and the beginning of its digest."""

    link: str
    digest: str


class Behind(Value):
    """One stage's part in the work: what the agent says of it, and what the checks found."""

    stage: str
    result: str
    summary: str
    checks: str
    commit: str


class GateView(Value):
    """A gate's comment. `commit`, `range`, `since` and `changes` are links; `since` leads from what was shown last time
    to what is shown now. `expires` is a time in words."""

    gate: str
    round: int
    head: str
    digest: str
    commit: str
    range: str
    since: str
    changes: str
    files: tuple[ShownFile, ...]
    behind: tuple[Behind, ...]
    candidate: str
    questions: tuple[str, ...]
    approvals: int
    asked: str
    rejects_to: str
    expires: str | None
    reminds_after_hours: float | None
    on_expiry: str
    merges: bool
    method: str


def gate_view(run: Run, subject: Subject, links: Links) -> GateView:
    """Everything that a gate's comment says."""
    gate = run.plan.gate(subject.gate)
    started = run.started
    pull = IssueRef(repo=started.issue.repo, number=run.pull_number or started.issue.number)
    before = [head for head in run.seen.get(gate.name, ()) if head != subject.head]
    decided = _before_the_last_gate(run, gate)
    stages = [stage for stage in run.plan.stages_before(gate.name) if stage.name not in decided]
    is_judged = run.judged is not None and run.judged.head == subject.head
    contents = run.judged.contents if run.judged is not None and is_judged else run.contents
    # What is to be merged does not hold them any more: they are read where they were last.
    readable = run.artifacts_at if run.artifacts_at is not None and run.tidied == subject.head else subject.head
    return GateView(
        gate=gate.name,
        round=run.rounds.get(gate.name, 1),
        head=subject.head,
        digest=subject.digest,
        commit=links.commit(subject.head),
        range=links.range(started.base_sha, subject.head),
        since=links.range(before[-1], subject.head) if before else "",
        changes=links.changes(pull) if run.pull_number else "",
        files=tuple(
            ShownFile(link=links.artifact(readable, started.folder, name), digest=contents[name][:12])
            for name in gate.shows
            # Code is no file: the changes show it.
            if name in contents and name != CODE
        ),
        behind=tuple(behind for stage in stages if (behind := _behind(run, stage, links)) is not None),
        candidate=deployed(run, "candidate"),
        questions=tuple(_questions(run, stages)),
        approvals=gate.approvals,
        asked=started.started_by.login,
        rejects_to=gate.rejects_to,
        expires=_expiry(run, gate),
        reminds_after_hours=gate.remind_after_hours,
        on_expiry="the run is cancelled" if gate.on_expiry == "cancel" else "the run stops and asks for help",
        merges=gate.name == run.plan.merge_gate.name,
        method=started.config.merge.method,
    )


def _behind(run: Run, stage: Stage, links: Links) -> Behind | None:
    """The stage's last attempt that was handed on, which is what the subject holds."""
    finished = [a.finished for a in run.stages[stage.name].attempts if a.finished and a.finished.commit]
    if not finished:
        return None
    last = finished[-1]
    checks = "; ".join(verdict.summary for verdict in last.verdicts if verdict.summary)
    return Behind(
        stage=stage.name,
        result=result_of(last),
        summary=cut(last.summary.strip().partition("\n")[0], _LONGEST_SUMMARY),
        checks=cut(checks, _LONGEST_SUMMARY),
        commit=links.commit(last.commit or ""),
    )


def _before_the_last_gate(run: Run, gate: Gate) -> set[str]:
    """Stages that people have decided about at an earlier gate."""
    earlier: set[str] = set()
    for other in run.plan.gates:
        if other.name == gate.name:
            break
        earlier = {stage.name for stage in run.plan.stages_before(other.name)}
    return earlier


def _questions(run: Run, stages: list[Stage]) -> list[str]:
    questions: list[str] = []
    for stage in stages:
        attempts = run.stages[stage.name].attempts
        last = attempts[-1].finished if attempts else None
        questions.extend(f"{stage.name}: {cut(q, _LONGEST_QUESTION)}" for q in (last.questions if last else ()))
    return questions[:10]


def _expiry(run: Run, gate: Gate) -> str | None:
    if gate.expire_after_hours is None or run.gate is None:
        return None
    return in_words(run.gate.opening_at + timedelta(hours=gate.expire_after_hours))


def in_words(at: datetime) -> str:
    """A time for people anywhere: `2026-11-20 14:30 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
