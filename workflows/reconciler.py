"""The reconciler: reads on GitHub what deliveries should have told, and hands it to the same decision.

A pass costs a few requests a repository, however many runs wait: it asks for what has changed since the last pass.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.domain.errors import ForgeError, NotFound
from bot.domain.events import (
    CommandGiven,
    Event,
    IssueLabelled,
    PullRequestChanged,
    ReviewSubmitted,
    ReviewWasDismissed,
)
from bot.domain.forge import Comment, Review
from bot.domain.payloads import commands_in_comment, events_of_review
from bot.domain.refs import IssueRef, RepoRef
from workflows import converge, inbox
from workflows.clock import now, stamp
from workflows.database import insert_or
from workflows.schema.tables import watermarks
from workflows.services import Services
from workflows.turns import Turns

log = logging.getLogger("issuewright.reconciler")
_OVERLAP = timedelta(minutes=5)
"""How far a pass reaches back before the last one: clocks differ, and GitHub's lists lag."""
_ON_ITS_WAY = timedelta(seconds=10)
"""How old a review is whose delivery is not waited for any more: so long GitHub waits for the answer to one."""


def reconcile(here: Services, *, turns: Turns | None = None, rested: timedelta = timedelta()) -> int:
    """One pass over all repositories (with `turns`: but those that some worker began to read within `rested`); returns
    how many events will be heard that no delivery has told of (yet).

    What fails is logged, and tried next time, by whoever comes first.
    """
    new = 0
    for repo in here.repositories:
        turn = f"reading {repo}"
        try:
            if turns is not None and not turns.take(turn, rested=rested):
                continue
            new += _one_pass(here, repo)
        except Exception as trouble:
            # What is wrong with one repository must not keep the others from being read.
            if isinstance(trouble, ForgeError):
                log.warning("%s: could not be read, trying again later: %s", repo, trouble)
            else:
                log.exception("%s: the pass over it failed, trying again later", repo)
            if turns is not None:
                turns.give_back(turn)
    return new


def _one_pass(here: Services, repo: RepoRef) -> int:
    here.github.bot()  # has told the time, at the latest now
    began, until = now(), _read_until(here, repo)
    new = sum(inbox.hear(here, event) for event in _missed(here, repo, until))
    _now_read(here, repo, began - _OVERLAP)
    converge.tried_again(here)
    converge.left_open(here)
    return new


def _missed(here: Services, repo: RepoRef, since: datetime | None) -> Iterator[Event]:
    """Starts, then what people said, then how pull requests stand: in an order that the deliveries may have had."""
    yield from _labels(here, repo, since)
    # What has never been read needs no earlier start than the first run that is open.
    beginning = since or here.journal.first_open_since(repo)
    if beginning is None:
        return
    said = [*_comments(here, repo, beginning), *_pull_requests(here, repo, beginning)]
    yield from sorted(said, key=_when)
    yield from _held_up(here, repo)


def _labels(here: Services, repo: RepoRef, since: datetime | None) -> Iterator[Event]:
    repository = here.github.repository(repo)
    for label in here.trigger_labels:
        for issue in repository.open_issues_labelled(label, since):
            ref = IssueRef(repo=repo, number=issue.number)
            if issue.is_pull_request or here.journal.open_run_of(ref) is not None:
                continue
            try:
                put = repository.latest_label(issue.number, label)
            except NotFound:
                continue  # deleted or transferred, and still in the list
            if put is not None and here.journal.decided(f"label:{put.event_id}") is None:
                yield IssueLabelled(issue=ref, label=label)


def _comments(here: Services, repo: RepoRef, since: datetime) -> Iterator[Event]:
    bot_id = here.github.bot().id
    found = here.github.repository(repo).comments_anywhere(since)
    converge.comments(here, repo, [comment for comment in found if comment.author.id == bot_id])
    for comment in found:
        if comment.author.id != bot_id:
            place = IssueRef(repo=repo, number=comment.issue_number)
            yield from commands_in_comment(place, comment, edited=_was_edited(comment))


def _pull_requests(here: Services, repo: RepoRef, since: datetime) -> Iterator[Event]:
    repository, bot_id = here.github.repository(repo), here.github.bot().id
    for pull in repository.pull_requests_changed(since):
        ref = IssueRef(repo=repo, number=pull.number)
        run_id = here.journal.open_run_of(ref)
        run = here.journal.run(run_id) if run_id else None
        if run is None:
            continue
        for review in repository.reviews(pull.number):
            if review.state == "DISMISSED" and review.id in run.counted_reviews:
                yield ReviewWasDismissed(pull=ref, review_id=review.id)
            if review.author.id != bot_id:
                yield from _review(here, ref, review)
        if pull.merged or pull.state == "closed" or pull.head_sha != run.head:
            yield PullRequestChanged(pull=ref)


def _review(here: Services, pull: IssueRef, review: Review) -> Iterator[Event]:
    """What a review says and nobody has heard. Its verdict stays as it was given; its body may have been edited since,
    and GitHub does not tell. So its commands are only found here, and count as an edit's, unless its delivery, which
    brings them as they were written, was read, or is still on its way."""
    verdict_and_commands = events_of_review(pull, review, edited=True)
    commands = [event for event in verdict_and_commands if isinstance(event, CommandGiven)]
    verdict = [event for event in verdict_and_commands if isinstance(event, ReviewSubmitted)]
    if verdict and here.journal.decided(f"review:{review.id}") is None:
        yield from verdict
    if commands and now() - review.submitted_at > _ON_ITS_WAY and not here.journal.has_heard_review(review.id):
        yield from commands


def _held_up(here: Services, repo: RepoRef) -> Iterator[Event]:
    """A check that ends does not change the pull request that waits for it: it is asked about at every pass."""
    for run_id in here.journal.held_up_runs(repo):
        run = here.journal.run(run_id)
        if run is not None and run.pull_number is not None:
            yield PullRequestChanged(pull=IssueRef(repo=repo, number=run.pull_number))


def _was_edited(comment: Comment) -> bool:
    return comment.updated_at > comment.created_at


def _when(event: Event) -> tuple[bool, str]:
    """Oldest first; how a pull request stands comes after what was said about it."""
    match event:
        case CommandGiven():
            return False, event.at.isoformat()
        case ReviewSubmitted():
            return False, event.review.submitted_at.isoformat()
        case _:
            return True, ""


def _read_until(here: Services, repo: RepoRef) -> datetime | None:
    with here.database.read() as connection:
        query = select(watermarks.c.read_until).where(watermarks.c.repo == str(repo))
        stored = connection.execute(query).scalar()
    return None if stored is None else datetime.fromisoformat(stored)


def _now_read(here: Services, repo: RepoRef, until: datetime) -> None:
    values = {"read_until": stamp(until)}
    with here.database.write() as connection:
        statement = insert_or(connection, watermarks).values(repo=str(repo), **values)
        connection.execute(statement.on_conflict_do_update(index_elements=["repo"], set_=values))
