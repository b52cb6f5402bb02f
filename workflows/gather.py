"""Gathering the facts that a decision reads: from GitHub, just now, and no more of them than the event needs."""

import time

from bot.domain.agents import Finding
from bot.domain.events import CommandGiven, Event, IssueLabelled, PullRequestChanged, ReviewSubmitted
from bot.domain.facts import Facts
from bot.domain.forge import PullRequest, Review, ShownIssue
from bot.domain.permissions import Permission
from bot.domain.refs import IssueRef
from bot.domain.run import Run
from bot.domain.votes import MAY_DECIDE
from workflows.attempt_keys import push_key, tidying_key
from workflows.clock import now
from workflows.patience import LISTED_WITHIN, patiently
from workflows.services import Services
from workflows.start_facts import start_facts

_UNTIL_IT_SAYS_SOMETHING = (0.5, 1.0, 2.0, 3.0, 4.0)
"""The waits before each new look at a review that says nothing."""
_UNTIL_IT_MAY_SAY_MORE = (1.0, 2.0)
"""The same for one that has a body, and perhaps nothing else."""


def gather(services: Services, event: Event, run: Run | None, shown: ShownIssue | None = None) -> Facts:
    """The facts for one event about the issue's open run (None: it has none). `shown` is the issue as the delivery of
    the event showed it."""
    bot = patiently(services.github.bot)
    match event:
        case IssueLabelled():
            start = patiently(lambda: start_facts(services, event, shown))
            permission = Permission.NONE
            if run is None and start is not None and start.label is not None:
                permission = _permission(services, event.issue, start.label.actor.login)
            return Facts(now=now(), bot=bot, permission=permission, start=start)
        case CommandGiven():
            permission = _permission(services, event.issue, event.by.login)
            if run is None and event.verb == "spec":
                start = patiently(lambda: start_facts(services, event, shown))
                return Facts(now=now(), bot=bot, permission=permission, start=start)
            needs_head = run is not None and event.verb == "approve"
            pull = _pull(services, run) if needs_head and run else None
            lapsed = _lapsed(services, run) if needs_head and run else ()
            return Facts(now=now(), bot=bot, permission=permission, pull=pull, lapsed=lapsed)
        case ReviewSubmitted():
            permission = _permission(services, event.pull, event.review.author.login)
            said = _line_comments(services, event) if _may_reject(run, event.review, permission) else ()
            pull = _pull(services, run) if run is not None and run.blocked else None
            lapsed = _lapsed(services, run) if event.review.state == "APPROVED" and run else ()
            return Facts(
                now=now(),
                bot=bot,
                permission=permission,
                pull=pull,
                line_comments=said,
                lapsed=lapsed,
                withdrawn=run is not None and _decides_on_the_merge(run) and _is_withdrawn(services, event),
            )
        case PullRequestChanged() if run is not None and (run.blocked or not event.only_a_check):
            pull = _pull(services, run)
            ours = pull is not None and _is_being_pushed(services, run, pull.head_sha)
            return Facts(now=now(), bot=bot, pull=pull, head_is_ours=ours)
        case _:
            return Facts(now=now(), bot=bot)


def _may_reject(run: Run | None, review: Review, permission: Permission) -> bool:
    can_be_rejected = run is not None and run.rejectable is not None
    return can_be_rejected and review.state == "CHANGES_REQUESTED" and permission >= MAY_DECIDE


def _line_comments(services: Services, event: ReviewSubmitted) -> tuple[Finding, ...]:
    """What a review says of single lines. Its delivery may be faster than GitHub's list, so that an empty list is
    looked at again while the review is new."""
    repository = services.github.repository(event.pull.repo)

    def look() -> tuple[Finding, ...]:
        return tuple(patiently(lambda: repository.review_comments(event.pull.number, event.review.id)))

    said = look()
    for wait in _waits_for_comments(event.review):
        if said:
            break
        time.sleep(wait)
        said = look()
    return said


def _waits_for_comments(review: Review) -> tuple[float, ...]:
    """GitHub takes no request for changes that says nothing: without a body it has comments."""
    if now() - review.submitted_at > LISTED_WITHIN:
        return ()
    return _UNTIL_IT_MAY_SAY_MORE if review.body.strip() else _UNTIL_IT_SAYS_SOMETHING


def _decides_on_the_merge(run: Run) -> bool:
    """What an earlier gate lets through is asked about again; what is merged cannot be taken back."""
    return run.gate is None or run.gate.gate == run.plan.merge_gate.name


def _is_withdrawn(services: Services, event: ReviewSubmitted) -> bool:
    """Whether the review was dismissed meanwhile, or its author asked for changes after it."""
    review, repository = event.review, services.github.repository(event.pull.repo)
    all_of_them = patiently(lambda: repository.reviews(event.pull.number))
    later = {each.state for each in all_of_them if each.author.id == review.author.id and each.id > review.id}
    dismissed = any(each.id == review.id and each.state == "DISMISSED" for each in all_of_them)
    return dismissed or (review.state == "APPROVED" and "CHANGES_REQUESTED" in later)


def _permission(services: Services, issue: IssueRef, login: str) -> Permission:
    repository = services.github.repository(issue.repo)
    return patiently(lambda: repository.permission(login))


def _lapsed(services: Services, run: Run) -> tuple[int, ...]:
    """Those whose approval of the open gate counted when they gave it, and who have lost the permission since."""
    approved = run.gate.approvals if run.gate else ()
    issue = run.started.issue
    return tuple(one.id for one in approved if _permission(services, issue, one.login) < MAY_DECIDE)


def _pull(services: Services, run: Run) -> PullRequest | None:
    """The run's pull request. When its head is not the one we know, the branch itself is asked: what GitHub says
    of a pull request can lag behind a push."""
    number = run.pull_number
    if number is None:
        return None
    repository = services.github.repository(run.started.issue.repo)
    pull = patiently(lambda: repository.pull_request(number))
    if pull.state == "open" and pull.head_sha != run.head:
        head = patiently(lambda: repository.branch_head(run.started.branch))
        pull = pull.model_copy(update={"head_sha": head or pull.head_sha})
    return pull


def _is_being_pushed(services: Services, run: Run, head: str) -> bool:
    """Whether we have just pushed this head ourselves, and not reported it yet."""
    if run.live is not None:
        key = f"{push_key(run.id, run.live.stage, run.live.number)}:{head}"
    else:
        key = f"{run.id}:{tidying_key(run)}"
    return services.effects.intended(key) == head
