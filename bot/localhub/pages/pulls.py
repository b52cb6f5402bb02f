"""Pull request pages: the list, conversation, commits, files and checks."""

import re
from typing import Any

from starlette.responses import Response

from bot.localhub import pulls, reviews
from bot.localhub.checks import check_runs_at, statuses_at
from bot.localhub.checks_state import rollup
from bot.localhub.deployments import deployments_at
from bot.localhub.errors import ApiError
from bot.localhub.hub import Hub
from bot.localhub.pages.code import REPO, plain_text
from bot.localhub.pages.diffs import place_threads, shown_files, threads_of
from bot.localhub.pages.issues import list_threads, thread_url, thread_values
from bot.localhub.pages.merge_box import merge_box
from bot.localhub.pages.timeline import timeline
from bot.localhub.pages.visit import Pages, Visit, go
from bot.localhub.people import Role, role_of
from bot.localhub.protection import standing_reviews
from bot.localhub.records import Issue, Pull, Repo, User
from bot.localhub.review_comments import comments_on
from bot.localhub.shapes.commits import account_of
from bot.localhub.shapes.pulls import commit_count, files_of, requested_reviewers
from bot.localhub.threads import find_issue, find_pull, pull_of

pages = Pages()
PULL = REPO + "/pull/{number:int}"


@pages.get(REPO + "/pulls")
def list_pulls(visit: Visit) -> Response:
    """The pull requests of a repository."""
    return list_threads(visit, visit.repo(), is_pull=True)


def _values(visit: Visit, repo: Repo, issue: Issue, pull: Pull, section: str) -> dict[str, Any]:
    """What each of a pull request's pages needs."""
    hub, files = visit.hub, files_of(visit.hub, repo, pull)
    return {
        "repo": repo,
        "tab": "pulls",
        "section": section,
        "issue": issue,
        "pull": pull,
        "commit_count": commit_count(hub, repo, pull),
        "file_count": len(files),
        "additions": sum(file.additions for file in files),
        "deletions": sum(file.deletions for file in files),
        "check_count": len(check_runs_at(hub, repo, pull.head_sha, float("inf"), latest=True))
        + len(statuses_at(hub, repo, pull.head_sha, latest=True)),
        "state": rollup(hub, repo, pull.head_sha),
        **thread_values(visit, repo, issue),
    }


def _title(repo: Repo, issue: Issue) -> str:
    return f"{issue.title} · Pull request #{issue.number} · {repo.full_name}"


@pages.get(PULL)
def conversation(visit: Visit) -> Response:
    """A pull request's conversation, reviewers and merge box."""
    repo = visit.repo()
    issue = find_issue(visit.hub, repo, visit.number)
    if not issue.is_pull:
        return go(thread_url(repo, issue))
    pull = pull_of(visit.hub, issue)
    return visit.page(
        "pull_conversation.html.j2",
        _title(repo, issue),
        **_values(visit, repo, issue, pull, "conversation"),
        entries=timeline(visit, repo, issue, pull),
        reviewers=_reviewers(visit.hub, issue),
        askable=_askable(visit.hub, repo, issue),
        box=merge_box(visit, repo, issue, pull),
    )


def _reviewers(hub: Hub, issue: Issue) -> list[tuple[int, str]]:
    """Who was asked or has decided, and their word: APPROVED, CHANGES_REQUESTED or awaited."""
    words = {review.author_id: review.state for review in standing_reviews(hub, issue)}
    return list((words | {user.id: "awaited" for user in requested_reviewers(hub, issue)}).items())


def _askable(hub: Hub, repo: Repo, issue: Issue) -> list[User]:
    """Collaborators who can be asked for a review."""
    asked = {user.id for user in requested_reviewers(hub, issue)}
    people = hub.store.all(
        User,
        "SELECT * FROM users WHERE id = ? OR id IN (SELECT user_id FROM collaborators WHERE repo_id = ?)"
        " ORDER BY login",
        repo.owner_id,
        repo.id,
    )
    return [user for user in people if user.id not in asked and user.id != issue.author_id]


@pages.get(PULL + "/commits")
def commits(visit: Visit) -> Response:
    """A pull request's commits, oldest first."""
    repo = visit.repo()
    issue, pull = find_pull(visit.hub, repo, visit.number)
    found = visit.hub.git(repo).commits("--reverse", "--max-count=250", f"{pull.base_sha}..{pull.head_sha}")
    shown = [(commit, account_of(visit.view, commit.author), rollup(visit.hub, repo, commit.sha)) for commit in found]
    values = _values(visit, repo, issue, pull, "commits")
    return visit.page("pull_commits.html.j2", _title(repo, issue), **values, commits=shown)


@pages.get(PULL + "/files")
def files(visit: Visit) -> Response:
    """A pull request's diff with the comments on it; `?path=&side=&line=` opens a form under that line."""
    repo, hub = visit.repo(), visit.hub
    issue, pull = find_pull(hub, repo, visit.number)
    shown = shown_files(files_of(hub, repo, pull))
    own = visit.user.id if visit.user else None
    outdated = place_threads(shown, threads_of(hub, repo, pull, comments_on(hub, issue, reader=own)))
    query = visit.query
    opened = None
    if visit.user and re.fullmatch(r"[0-9]{1,9}", query.get("line", "")) and query.get("side") in ("LEFT", "RIGHT"):
        opened = (query.get("path", ""), query["side"], int(query["line"]))
    pending = reviews.pending_review(hub, issue, visit.actor) if visit.user else None
    return visit.page(
        "pull_files.html.j2",
        _title(repo, issue),
        **_values(visit, repo, issue, pull, "files"),
        files=shown,
        outdated=outdated,
        opened=opened,
        pending=pending,
        pending_count=0
        if pending is None
        else sum(c.review_id == pending.id for c in comments_on(hub, issue, reader=own)),
    )


@pages.get(PULL + "/checks")
def checks(visit: Visit) -> Response:
    """Check runs, statuses and deployments of a pull request's head."""
    repo, hub = visit.repo(), visit.hub
    issue, pull = find_pull(hub, repo, visit.number)
    return visit.page(
        "pull_checks.html.j2",
        _title(repo, issue),
        **_values(visit, repo, issue, pull, "checks"),
        runs=check_runs_at(hub, repo, pull.head_sha, float("inf"), latest=True),
        statuses=statuses_at(hub, repo, pull.head_sha, latest=True),
        deployments=deployments_at(hub, repo, pull.head_sha),
    )


@pages.get(REPO + "/pull/{number:int}.diff")
def diff(visit: Visit) -> Response:
    """The whole diff as text."""
    repo = visit.repo()
    _, pull = find_pull(visit.hub, repo, visit.number)
    git = visit.hub.git(repo)
    start = git.merge_base(pull.base_sha, pull.head_sha) or pull.base_sha
    return plain_text(git.run("diff", start, pull.head_sha).decode(errors="replace"))


@pages.get(REPO + "/pull/{number:int}.patch")
def patch(visit: Visit) -> Response:
    """The commits as mails."""
    repo = visit.repo()
    _, pull = find_pull(visit.hub, repo, visit.number)
    span = f"{pull.base_sha}..{pull.head_sha}"
    return plain_text(visit.hub.git(repo).run("format-patch", "--stdout", span).decode(errors="replace"))


@pages.post(PULL + "/draft")
def set_draft(visit: Visit) -> Response:
    """Make it ready for review, or a draft again."""
    repo = visit.repo()
    issue, _ = find_pull(visit.hub, repo, visit.number)
    if visit.actor.user.id != issue.author_id and not visit.may(repo, Role.WRITE):
        raise ApiError(403, "Only its author and people who write here can do this.")
    pulls.set_draft(visit.hub, repo, issue, visit.said("draft") == "yes", visit.actor)
    return go(thread_url(repo, issue))


@pages.post(PULL + "/reviewers")
def request_review(visit: Visit) -> Response:
    """Ask somebody for a review."""
    repo = visit.repo()
    issue, _ = find_pull(visit.hub, repo, visit.number)
    if visit.actor.user.id != issue.author_id and not visit.may(repo, Role.TRIAGE):
        raise ApiError(403, "Only its author and people who triage here can do this.")
    wanted = [user for user in _askable(visit.hub, repo, issue) if user.login == visit.said("login")]
    if not wanted or role_of(visit.hub, repo, wanted[0]) < Role.READ:
        raise ApiError(422, "Reviews may only be requested from collaborators.")
    pulls.request_reviewers(visit.hub, repo, issue, wanted, visit.actor)
    return go(thread_url(repo, issue))
