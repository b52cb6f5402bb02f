"""The reconciler: reads on GitHub what deliveries should have told, and hands it to the same decision."""

import logging

from bot.domain.errors import ForgeError, NotFound
from bot.domain.events import CommandGiven, Event, IssueLabelled, PullRequestChanged
from bot.domain.forge import Comment, PullRequest
from bot.domain.payloads import commands_in_comment, events_of_review
from bot.domain.refs import IssueRef, RepoRef
from bot.domain.run import Run
from workflows import inbox
from workflows.claims import Claim
from workflows.services import Services

log = logging.getLogger("issuewright.reconciler")


def reconcile(here: Services) -> int:
    """One pass over all repositories; returns how many events were new. What fails is logged, and tried next time."""
    new = 0
    claim = here.claims.take("reconciler")
    for repo in here.repositories:
        try:
            new += sum(_deliver(here, event, claim) for event in _missed(here, repo))
        except ForgeError as trouble:
            log.warning("%s: could not be read, trying again later: %s", repo, trouble)
    return new


def _missed(here: Services, repo: RepoRef) -> list[Event]:
    found: list[Event] = []
    repository = here.github.repository(repo)
    open_issues: set[int] = set()
    for run_id in here.journal.open_runs():
        run = here.journal.run(run_id)
        if run is None or run.started.issue.repo != repo:
            continue
        open_issues.add(run.started.issue.number)
        found += _events_of_run(here, run)
    for label in here.trigger_labels:
        for issue in repository.open_issues_labelled(label):
            if issue.number not in open_issues:
                found.append(IssueLabelled(issue=IssueRef(repo=repo, number=issue.number), label=label))
    return found


def _events_of_run(here: Services, run: Run) -> list[Event]:
    """Commands and reviews that came since the run began, and the pull request as it stands."""
    repo = run.started.issue.repo
    repository = here.github.repository(repo)
    bot_id = here.github.bot().id
    places = [run.started.issue]
    found: list[Event] = []
    if run.pull_number is not None:
        places.append(IssueRef(repo=repo, number=run.pull_number))
    for place in places:
        for comment in repository.comments(place.number, since=run.started_at):
            if comment.author.id != bot_id:
                found += commands_in_comment(place, comment, edited=_was_edited(comment))
    if run.pull_number is not None:
        pull_ref = places[-1]
        for review in repository.reviews(run.pull_number):
            if review.author.id != bot_id:
                found += events_of_review(pull_ref, review)
        pull = repository.pull_request(run.pull_number)
        if _differs(run, pull):
            found.append(PullRequestChanged(pull=pull_ref))
    return sorted(found, key=_when)


def _deliver(here: Services, event: Event, claim: Claim) -> bool:
    """Decide and acknowledge one event as the inbox would; False when it was decided before."""
    if isinstance(event, CommandGiven) and here.journal.decided(event.cause) is not None:
        return False
    try:
        decision = inbox.decide(here, event)
        inbox.acknowledge(here, event, decision, claim)
    except NotFound as gone:
        log.info("%s is gone: %s", event, gone)
        return False
    return decision.decided != "ignored"


def _was_edited(comment: Comment) -> bool:
    return comment.updated_at > comment.created_at


def _differs(run: Run, pull: PullRequest) -> bool:
    return pull.merged or pull.state == "closed" or pull.head_sha != run.head


def _when(event: Event) -> str:
    """Oldest first, as the deliveries would have come."""
    match event:
        case CommandGiven():
            return event.at.isoformat()
        case _:
            review = getattr(event, "review", None)
            return "" if review is None else str(review.submitted_at.isoformat())
