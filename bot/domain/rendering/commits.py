"""The texts of our commits: a subject that reads well in a log, and trailers that programs can read."""

import re

from bot.domain.agents import AgentResult
from bot.domain.run import Attempt, Run

_SUBJECT = 72
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def handoff_message(run: Run, attempt: Attempt, result: AgentResult, *, agent: str) -> str:
    """The message of an attempt's commit. `Issuewright-Journal` names the entry that started the attempt."""
    started = attempt.started
    summary = plain(result.summary)
    first, _, rest = summary.partition("\n")
    subject = _cut(f"{started.stage}: {first or run.started.title}")
    trailers = (
        f"Issuewright-Run: {run.id}",
        f"Issuewright-Stage: {started.stage}",
        f"Issuewright-Attempt: {started.number}",
        f"Issuewright-Journal: {attempt.seq}:{attempt.hash}",
        f"Issuewright-Agent: {agent}",
        f"Issuewright-Cost-USD: {result.cost_usd:.4f}",
    )
    body = _without_trailers(rest.strip())
    return "\n\n".join(part for part in (subject, body, "\n".join(trailers)) if part) + "\n"


def tidying_message(run: Run) -> str:
    """The message of the commit that takes the artifacts out."""
    subject = f"Take {run.started.folder} out of what is merged"
    return f"{subject}\n\nIssuewright-Run: {run.id}\n"


def commit_texts(run: Run) -> tuple[str, str]:
    """Title and message of the merge commit: what was built, for which issue, and who approved it."""
    gate = run.passed.get(run.plan.merge_gate.name)
    approved = [f"Approved-by: @{actor.login}" for actor in gate.by] if gate else []
    trailers = "\n".join((f"Issuewright-Run: {run.id}", f"Issuewright-Cost-USD: {run.cost_usd:.4f}", *approved))
    title = _cut(f"{plain(run.started.title)} (#{run.pull_number})")
    return title, f"Closes #{run.started.issue.number}.\n\n{trailers}"


def plain(text: str) -> str:
    """Text without control characters, its line ends as newlines."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _cut(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= _SUBJECT else line[: _SUBJECT - 1].rstrip() + "…"


def _without_trailers(text: str) -> str:
    """An agent's words must not look like our trailers."""
    return "\n".join(line for line in text.split("\n") if not line.lower().lstrip().startswith("issuewright-"))
