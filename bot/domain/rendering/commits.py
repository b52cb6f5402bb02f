"""The texts of our commits: a subject that reads well in a log, and trailers that programs can read. GitHub reads them,
too, and does what they say: what strangers and agents say in them does nothing."""

import re

from bot.domain.agents import AgentResult
from bot.domain.run import Attempt, Run
from bot.domain.wording import NOTHING

_SUBJECT = 72
_TITLE = 256
"""Characters that GitHub takes for the title of a pull request."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SKIPS_CI = re.compile(r"(?i)\[(skip\s+ci|ci\s+skip|no\s+ci|skip\s+actions|actions\s+skip)\]")
_NAMES = re.compile(r"(?i)(?<=#)(?=\d)|(?<=\bgh-)(?=\d)|(?<=/issues/)(?=\d)|(?<=/pull/)(?=\d)|(?<=@)(?=\w)")
"""The places within the names of issues (`#12`, `GH-12`, a URL) and of people at which they can be broken."""
_TRAILER = re.compile(r"(?i)\s*(issuewright-|[\w-]+-by\s*:|on-behalf-of\s*:|(skip|request)-checks\s*:)")
"""How a line begins that programs would believe: ours, who signed or wrote it, whether it is to be checked."""


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
    body = _without_trailers(rest)
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


def pull_request_title(run: Run) -> str:
    """The pull request's title, which becomes a commit's when a person merges it."""
    return _cut(plain(run.started.title), _TITLE)


def plain(text: str) -> str:
    """Text without control characters, its line ends as newlines, in which nothing is an order to GitHub: to skip its
    checks, to close or link an issue, to call a person."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    # A commit is no Markdown: a backslash would be seen. A space of no width is not, and no name goes on behind it.
    return _NAMES.sub(NOTHING, _SKIPS_CI.sub(r"(\1)", text))


def _cut(line: str, longest: int = _SUBJECT) -> str:
    line = " ".join(line.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def _without_trailers(text: str) -> str:
    """An agent's words must not look like trailers, ours or anybody's."""
    return "\n".join(line for line in text.split("\n") if not _TRAILER.match(line)).strip()
