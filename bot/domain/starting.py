"""May this spec start a run, and with what plan and names?"""

from collections.abc import Iterable

from bot.domain.config import CONFIG_PATH, plan
from bot.domain.decisions import Decision, Ignored, Refusal, Start
from bot.domain.entries import RunStarted
from bot.domain.facts import Facts, StartFacts
from bot.domain.forge import Actor
from bot.domain.permissions import Permission
from bot.domain.pipeline import Pipeline
from bot.domain.refs import ARTIFACTS, IssueRef, branch_name, run_id, spec_name
from bot.domain.roles import misfit
from bot.domain.wording import fenced, quoted

MAY_SPEND = Permission.WRITE
"""Whoever starts a run spends money: this permission is needed for it."""


def start(facts: Facts, *, by: Actor, cause: str, pipeline: str | None) -> Decision:
    """The run's first entry, or why there is none. `pipeline` overrides the repository's choice."""
    wanted = facts.start
    if wanted is None:
        return Ignored(why="nothing is known of the issue")
    objection = _objection(wanted, facts.permission, by)
    if objection is not None:
        return Refusal(reason=objection, cause=cause)
    name = pipeline or wanted.config.pipeline
    chosen = wanted.config.pipelines.get(name) or wanted.pipelines.get(name)
    if chosen is None:
        where = "" if pipeline else f" (named in `{CONFIG_PATH}`)"
        known = _listed({*wanted.pipelines, *wanted.config.pipelines})
        return Refusal(reason=f"There is no pipeline {quoted(name)}{where}. There is {known}.", cause=cause)
    if (problem := misfit(chosen, wanted.roles)) is not None:
        return Refusal(reason=f"I cannot start: in the pipeline {quoted(name)}, {problem}.", cause=cause)
    return Start(entry=_first_entry(wanted, chosen, by), cause=cause)


def _objection(wanted: StartFacts, permission: Permission, by: Actor) -> str | None:
    """What stands against a run of whatever pipeline, for the person who asked; None when nothing does."""
    if wanted.issue.is_pull_request:
        return "A run starts from an issue, and this is a pull request."
    if wanted.issue.state == "closed":
        return "This issue is closed: reopen it, and ask again."
    if permission < MAY_SPEND:
        needed = f"{MAY_SPEND.name.lower()} permission"
        return f"Starting a run spends money, so it needs {needed}, which @{by.login} does not have."
    if not wanted.base_sha:
        return f"There is no branch `{wanted.base_branch}` here yet: push a first commit, and ask again."
    if wanted.config_problem is not None:
        problem = f"the configuration on `{wanted.base_branch}` has a problem"
        return f"I cannot start: {problem}.\n\n{fenced(wanted.config_problem)}"
    pipelines = (*wanted.pipelines.values(), *wanted.config.pipelines.values())
    gates = {gate.name for pipeline in pipelines for gate in pipeline.gates}
    unknown = next((gate for gate in wanted.config.gates if gate not in gates), None)
    if unknown is not None:
        # A slip in a gate's name would quietly ask for fewer approvals than somebody meant to.
        known = _listed(gates)
        return f"`{CONFIG_PATH}` sets something for a gate `{unknown}`, which no pipeline has. There is {known}."
    return None


def _first_entry(wanted: StartFacts, pipeline: Pipeline, by: Actor) -> RunStarted:
    issue = IssueRef(repo=wanted.issue.repo, number=wanted.issue.number)
    ordinal = wanted.runs_before + 1
    return RunStarted(
        run_id=run_id(issue, ordinal),
        issue=issue,
        ordinal=ordinal,
        title=wanted.issue.title,
        body=wanted.issue.body,
        author=wanted.issue.author,
        started_by=by,
        plan=plan(pipeline, wanted.config),
        config=wanted.config,
        base_branch=wanted.base_branch,
        base_sha=wanted.base_sha,
        branch=branch_name(issue, wanted.issue.title, ordinal),
        folder=f"{ARTIFACTS}/{spec_name(issue, wanted.issue.title, ordinal)}",
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
