"""A conversation in order: comments, reviews, commits and events, each with what its template needs."""

import json
from dataclasses import dataclass
from typing import Any

from bot.localhub.git import Commit
from bot.localhub.pages.diffs import Thread, threads_of
from bot.localhub.pages.visit import Visit
from bot.localhub.records import Comment, Issue, IssueEvent, Pull, Repo, Review, User
from bot.localhub.review_comments import comments_on
from bot.localhub.shapes.commits import account_of

_QUIET = ("mentioned", "subscribed")


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `kind`: comment, review, commits or event; the field of that name is set."""

    kind: str
    at: float
    comment: Comment | None = None
    review: Review | None = None
    threads: tuple[Thread, ...] = ()
    event: IssueEvent | None = None
    detail: dict[str, Any] | None = None
    about: User | None = None
    labels: tuple[tuple[str, dict[str, str]], ...] = ()
    commits: tuple[tuple[Commit, User | None], ...] = ()


def timeline(visit: Visit, repo: Repo, issue: Issue, pull: Pull | None) -> list[Entry]:
    """Everything that happened on an issue or pull request, oldest first."""
    store = visit.hub.store
    entries = [
        Entry("comment", comment.born, comment=comment)
        for comment in store.all(Comment, "SELECT * FROM comments WHERE issue_id = ? ORDER BY id", issue.id)
    ]
    events = store.all(IssueEvent, "SELECT * FROM issue_events WHERE issue_id = ? ORDER BY id", issue.id)
    entries += [_event(visit, event) for event in events if event.event not in _QUIET]
    if pull is not None:
        entries += _reviews(visit, repo, issue, pull)
        entries += _commits(visit, repo, pull)
    return _together(sorted(entries, key=lambda entry: entry.at))


def _event(visit: Visit, event: IssueEvent) -> Entry:
    detail = json.loads(event.detail)
    about = visit.hub.user(detail["requested_reviewer"]) if "requested_reviewer" in detail else None
    labels = ((event.event, detail["label"]),) if "label" in detail else ()
    return Entry("event", event.born, event=event, detail=detail, about=about, labels=labels)


def _reviews(visit: Visit, repo: Repo, issue: Issue, pull: Pull) -> list[Entry]:
    own = visit.user.id if visit.user else None
    reviews = visit.hub.store.all(
        Review,
        "SELECT * FROM reviews WHERE issue_id = ? AND (state <> 'PENDING' OR author_id = ?) ORDER BY id",
        issue.id,
        own,
    )
    threads = threads_of(visit.hub, repo, pull, comments_on(visit.hub, issue, reader=own))
    found = []
    for review in reviews:
        begun = tuple(thread for thread in threads if thread.first.review_id == review.id)
        # An answer stands in its thread; a review that is nothing else needs no place of its own.
        if begun or review.body or review.state not in ("COMMENTED", "PENDING"):
            found.append(Entry("review", review.born, review=review, threads=begun))
    return found


def _commits(visit: Visit, repo: Repo, pull: Pull) -> list[Entry]:
    git, hub = visit.hub.git(repo), visit.hub
    span = f"{pull.base_sha}..{pull.head_sha}"
    commits = hub.remember(("list", repo.id, span), lambda: git.commits("--reverse", "--max-count=250", span))
    # A whole second is all that git keeps: what followed a commit at once was born later in that second.
    return [
        Entry("commits", commit.committer.at, commits=((commit, account_of(visit.view, commit.author)),))
        for commit in commits
    ]


def _together(entries: list[Entry]) -> list[Entry]:
    """Neighbours that read better as one: commits in a row, and labels by the same person at one time."""
    joined: list[Entry] = []
    for entry in entries:
        last = joined[-1] if joined else None
        if last and entry.commits and last.commits:
            joined[-1] = Entry("commits", last.at, commits=last.commits + entry.commits)
        elif last and _same_labelling(last, entry):
            joined[-1] = Entry(
                "event", last.at, event=last.event, detail=last.detail, labels=last.labels + entry.labels
            )
        else:
            joined.append(entry)
    return joined


def _same_labelling(last: Entry, entry: Entry) -> bool:
    if not (last.labels and entry.labels and last.event and entry.event):
        return False
    return last.event.actor_id == entry.event.actor_id and entry.at - last.at < 60
