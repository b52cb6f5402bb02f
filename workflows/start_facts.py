"""What the start of a run depends on: the issue as it was when somebody asked, and the rules of the base branch."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.adapters.github import Repository
from bot.domain.errors import IssuewrightError, Transient
from bot.domain.events import CommandGiven, IssueLabelled
from bot.domain.facts import StartFacts
from bot.domain.forge import Issue, Label, ShownIssue, is_same_label
from bot.domain.refs import RepoRef
from workflows.clock import now
from workflows.configurations import Configuration
from workflows.patience import LISTED_WITHIN
from workflows.services import Services

_SAME_MOMENT = timedelta(seconds=2)
"""How far apart GitHub may note an issue's change and the event that tells of it, which have whole seconds."""


def start_facts(services: Services, event: IssueLabelled | CommandGiven, shown: ShownIssue | None) -> StartFacts | None:
    """The facts for a label or for `/spec`; None for a label that starts nothing here, of which nothing else is read.
    Config and pipelines are those of the base branch's commit, which the run then starts from. `shown` is the issue as
    the event's delivery showed it."""
    repository = services.github.repository(event.issue.repo)
    branch = (isinstance(event, IssueLabelled) and event.default_branch) or repository.default_branch()
    base = _head(services, repository, event.issue.repo, branch)
    found = services.configurations.at(event.issue.repo, branch, base, repository) if base else Configuration(base)
    put, asked_at = None, event.at if isinstance(event, CommandGiven) else None
    if isinstance(event, IssueLabelled):
        if not is_same_label(event.label, found.config.trigger.label):
            return None
        put = _label(repository, event, shown)
        asked_at = put.at if put is not None else None
    is_as_shown = put is not None and put.is_last
    return StartFacts(
        issue=_issue(shown, asked_at, lambda: repository.issue(event.issue.number), is_as_shown=is_as_shown),
        label=put,
        base_branch=branch,
        base_sha=base,
        config=found.config,
        config_problem=found.problem,
        pipelines=services.templates.pipelines(),
        roles=services.templates.roles(),
        runs_before=services.journal.runs_of(event.issue),
    )


def _head(services: Services, repository: Repository, repo: RepoRef, branch: str) -> str:
    """The branch's newest commit, which git names without a request to the API; that is asked where git says nothing.
    Empty when there is none."""
    try:
        return services.workspaces.head_without_mirror(repo, branch) or ""
    except IssuewrightError:
        return repository.branch_head(branch) or ""


def _label(repository: Repository, event: IssueLabelled, shown: ShownIssue | None) -> Label | None:
    """Who put the label there last. Raises Transient while GitHub does not list what its delivery has told of."""
    put = repository.latest_label(event.issue.number, event.label)
    if shown is None or not any(is_same_label(event.label, each) for each in shown.issue.labels):
        return put
    is_listed = put is not None and put.at >= shown.at - _SAME_MOMENT
    if not is_listed and now() - shown.at < LISTED_WITHIN:
        raise Transient(f"GitHub does not list the label of {event.issue} yet")
    return put


def _issue(
    shown: ShownIssue | None, asked_at: datetime | None, read: Callable[[], Issue], *, is_as_shown: bool
) -> Issue:
    """The issue with the text that whoever asked had before them: what its author wrote there a moment later is not
    what they asked for. All else is read, unless it is known to be as it was; the text too where the delivery tells of
    another moment."""
    if shown is None or asked_at is None or abs(shown.at - asked_at) > _SAME_MOMENT:
        return read()
    if is_as_shown:
        return shown.issue
    return read().model_copy(update={"title": shown.issue.title, "body": shown.issue.body})
