"""May this spec start a run, and with what plan and names?"""

from bot.domain.config import CONFIG_PATH, plan
from bot.domain.decisions import Decision, Ignored, Refusal, Start
from bot.domain.entries import RunStarted
from bot.domain.facts import Facts
from bot.domain.forge import Actor
from bot.domain.permissions import Permission
from bot.domain.refs import IssueRef, branch_name, run_id, spec_name
from bot.domain.wording import fenced, quoted

MAY_SPEND = Permission.WRITE
"""Whoever starts a run spends money: this permission is needed for it."""


def start(facts: Facts, *, by: Actor, cause: str, pipeline: str | None) -> Decision:
    """The run's first entry, or why there is none. `pipeline` overrides the repository's choice."""
    wanted = facts.start
    if wanted is None:
        return Ignored(why="nothing is known of the issue")
    issue = IssueRef(repo=wanted.issue.repo, number=wanted.issue.number)
    if wanted.issue.is_pull_request:
        return Refusal(reason="A run starts from an issue, and this is a pull request.", cause=cause)
    if wanted.issue.state == "closed":
        return Refusal(reason="This issue is closed: reopen it, and ask again.", cause=cause)
    if facts.permission < MAY_SPEND:
        needed = f"{MAY_SPEND.name.lower()} permission"
        reason = f"Starting a run spends money, so it needs {needed}, which @{by.login} does not have."
        return Refusal(reason=reason, cause=cause)
    if wanted.config_problem is not None:
        problem = f"the configuration on `{wanted.base_branch}` has a problem"
        reason = f"I cannot start: {problem}.\n\n{fenced(wanted.config_problem)}"
        return Refusal(reason=reason, cause=cause)
    name = pipeline or wanted.config.pipeline
    chosen = wanted.config.pipelines.get(name) or wanted.pipelines.get(name)
    if chosen is None:
        known = ", ".join(f"`{n}`" for n in sorted({*wanted.pipelines, *wanted.config.pipelines}))
        where = "" if pipeline else f" (named in `{CONFIG_PATH}`)"
        return Refusal(reason=f"There is no pipeline {quoted(name)}{where}. There is {known}.", cause=cause)
    ordinal = wanted.runs_before + 1
    entry = RunStarted(
        run_id=run_id(issue, ordinal),
        issue=issue,
        ordinal=ordinal,
        title=wanted.issue.title,
        body=wanted.issue.body,
        author=wanted.issue.author,
        started_by=by,
        plan=plan(chosen, wanted.config),
        config=wanted.config,
        base_branch=wanted.base_branch,
        base_sha=wanted.base_sha,
        branch=branch_name(issue, wanted.issue.title, ordinal),
        folder=f"specs/{spec_name(issue, wanted.issue.title, ordinal)}",
    )
    return Start(entry=entry, cause=cause)
