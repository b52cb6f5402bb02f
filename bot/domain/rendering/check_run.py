"""The one check run: pending on every head until the last gate, so that branch protection can require it."""

from bot.domain.agents import Finding
from bot.domain.forge import Annotation, CheckConclusion, CheckRunReport
from bot.domain.rendering.markdown import cut
from bot.domain.run import Run

CHECK_RUN_NAME = "issuewright"
_MOST_ANNOTATIONS = 50
"""GitHub takes so many in a request."""

_LEVELS = {"error": "failure", "warning": "warning", "note": "notice"}


def check_run(run: Run, key: str) -> CheckRunReport | None:
    """What our check run says about the branch's head; None while nobody is to merge that. `key` is its external id.

    A required check that is missing blocks the merge as one that is pending does, so that heads which agents pass to
    each other need none. It says nothing that changes while it waits: where the run stands is told by the status
    comment, and every change of words here would cost a request.
    """
    if run.head is None or run.pull_number is None:
        return None
    conclusion, annotations = _conclusion(run), _annotations(run)
    # Whatever becomes of the gate: a check run that says `approved` must not stay when the approval is gone.
    was_shown = run.head in run.seen.get(run.plan.merge_gate.name, ())
    if not (conclusion or annotations or was_shown or run.parked):
        return None
    title, summary = _texts(run, conclusion)
    return CheckRunReport(
        name=CHECK_RUN_NAME,
        head_sha=run.head,
        external_id=key,
        status="completed" if conclusion else "in_progress",
        conclusion=conclusion,
        title=title,
        summary=summary,
        annotations=annotations,
    )


def _conclusion(run: Run) -> CheckConclusion | None:
    passed = run.passed.get(run.plan.merge_gate.name)
    if run.merged_sha or (passed is not None and passed.subject.head == run.head):
        return "success"
    if run.cancelled_by:
        return "cancelled"
    return None


def _texts(run: Run, conclusion: CheckConclusion | None) -> tuple[str, str]:
    where = f"#{run.started.issue.number} tells where the run stands."
    gate = run.plan.merge_gate.name
    passed = run.passed.get(gate)
    if conclusion == "success" and passed is not None:
        names = ", ".join(actor.login for actor in passed.by)
        return f"Approved by {names}", f"Gate `{gate}` is passed for this commit, as subject `{passed.subject.digest}`."
    if conclusion == "success":
        return "Merged", f"A person merged it. {where}"
    if conclusion == "cancelled":
        return "Cancelled", f"The run was cancelled. {where}"
    return "Not approved yet", f"Pending until people let this commit through gate `{gate}`. {where}"


def _annotations(run: Run) -> tuple[Annotation, ...]:
    """What was found in exactly these files: by the attempt that left this head, or asked for changes to it."""
    attempts = (attempt.finished for state in run.stages.values() for attempt in state.attempts)
    found: dict[tuple[str, int, str], Annotation] = {}
    for finished in attempts:
        if finished is None or run.head is None or finished.commit != run.head:
            continue
        for finding in (*finished.findings, *(f for verdict in finished.verdicts for f in verdict.findings)):
            if finding.path and finding.line:
                found.setdefault((finding.path, finding.line, finding.message), _annotation(finding, finished.stage))
    return tuple(found.values())[:_MOST_ANNOTATIONS]


def _annotation(finding: Finding, stage: str) -> Annotation:
    return Annotation.model_validate(
        {
            "path": finding.path,
            "line": finding.line,
            "level": _LEVELS[finding.severity],
            "title": stage,
            "message": cut(finding.message, 2000),
        }
    )
