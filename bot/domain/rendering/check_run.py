"""The one check run: pending on every head until the last gate, so that branch protection can require it."""

from bot.domain.forge import CheckConclusion, CheckRunReport
from bot.domain.run import Run
from bot.domain.standing import standing

CHECK_RUN_NAME = "issuewright"


def check_run(run: Run, key: str) -> CheckRunReport | None:
    """What our check run says about the branch's head; None before there is one. `key` is its external id."""
    if run.head is None or run.pull_number is None:
        return None
    conclusion = _conclusion(run)
    return CheckRunReport(
        name=CHECK_RUN_NAME,
        head_sha=run.head,
        external_id=key,
        status="completed" if conclusion else "in_progress",
        conclusion=conclusion,
        title=_title(run, conclusion),
        summary=standing(run),
    )


def _conclusion(run: Run) -> CheckConclusion | None:
    passed = run.passed.get(run.plan.merge_gate.name)
    if run.merged_sha or (passed is not None and passed.subject.head == run.head):
        return "success"
    if run.cancelled_by:
        return "cancelled"
    return None


def _title(run: Run, conclusion: CheckConclusion | None) -> str:
    if conclusion == "success":
        return "Approved"
    if conclusion == "cancelled":
        return "Cancelled"
    return "Waiting for approval" if run.gate else "In progress"
